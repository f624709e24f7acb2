"""The table of torchvision's CNNs is torchvision's own."""

from __future__ import annotations

from cnnviz.models import catalog, weights

TRANSFORMERS = ("vit", "swin", "maxvit")


def test_the_table_is_torchvisions_own_list_of_cnns():
    from torchvision import models

    names = {name for name in models.list_models(module=models) if not name.startswith(TRANSFORMERS)}
    assert {net.name for net in catalog.TORCHVISION} == names
    assert len(names) == len(catalog.TORCHVISION)
    for net in catalog.TORCHVISION:
        best = models.get_model_weights(net.name).DEFAULT
        assert f"IMAGENET1K_{net.weights}" == best.name
        assert best.url == f"{weights.SITE}{net.file}.pth"
        assert net.parameters == best.meta["num_params"]
        assert net.mebibytes == best.meta["_file_size"]
        assert [net.side] == best.transforms().crop_size
