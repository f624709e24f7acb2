"""timm's networks loaded: as timm itself builds, fills and feeds them."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cnnviz.models import catalog, load, timm_load
from cnnviz.models.build import Weightless
from cnnviz.models.checkpoint import CheckpointError
from cnnviz.models.timm_nets import TimmError
from cnnviz.models.weights import DownloadError
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples

timm = pytest.importorskip("timm")
SMALL = "mobilenetv3_small_050"


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch) -> Path:
    """No downloads of this machine's own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def drawn(name: str, **how: int) -> torch.nn.Module:
    torch.manual_seed(3)
    return timm.create_model(name, **how).eval()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("resnet18", {}),
        ("resnetblur18", {}),  # has numbers that no file holds
        (SMALL, {"num_classes": 3}),
        ("resnet10t", {"in_chans": 1, "num_classes": 2}),
    ],
)
def test_the_weights_of_the_folder_give_timms_own_logits(folder, name, how):
    net = drawn(name, **how)
    save_file(net.state_dict(), folder / f"{name}.safetensors")
    model = load.load(f"timm/{name}", folder)
    x = torch.randn(2, *model.input_size)
    with torch.no_grad():
        assert torch.equal(model.net(x), net(x))
    assert len(model.labels) == net.num_classes
    assert model.source == f"{name}.safetensors in the weights folder"
    assert model.input_size[0] == how.get("in_chans", 3)


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "tf_efficientnet_b0.ns_jft_in1k", "resnext26ts.ra2_in1k"])
def test_a_photo_becomes_the_input_that_timm_makes_of_it(name):
    said = timm.get_pretrained_cfg(name).to_dict()
    made = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=said))
    for sample in samples()[:2]:
        photo, does = Photo.sample(sample), timm_load.preprocess(name)
        wanted = made(photo.image())
        found = does.tensor(does.see(photo))[0]
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=1e-5)


def test_the_photo_of_a_net_that_squashes_becomes_the_same_input():
    name = next(one for one in timm.list_pretrained("convnext*") if timm.get_pretrained_cfg(one).crop_mode == "squash")
    said = timm.get_pretrained_cfg(name).to_dict()
    made = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=said))
    photo, does = Photo.sample(samples()[0]), timm_load.preprocess(name)
    np.testing.assert_allclose(does.tensor(does.see(photo))[0].numpy(), made(photo.image()).numpy(), atol=1e-5)


def test_labels_are_those_of_the_weights():
    assert timm_load.labels("resnet18.a1_in1k")[:2] == ("tench", "goldfish")
    wide = next(
        one for one in timm.list_pretrained("convnext_tiny*") if timm.get_pretrained_cfg(one).num_classes > 9999
    )
    assert len(timm_load.labels(wide)) == timm.get_pretrained_cfg(wide).num_classes


def test_a_tag_brings_its_own_preprocessing(folder):
    save_file(drawn("resnet18").state_dict(), folder / "resnet18.tv_in1k.safetensors")
    for key in ("timm/resnet18", "timm/resnet18.tv_in1k"):
        model = load.load(key, folder)
        assert (model.preprocess.resize, model.preprocess.interpolation) == (256, "bilinear")
        assert model.title == "resnet18.tv_in1k (timm)"
    rows = {row.key: row for row in catalog.rows(folder)}
    assert rows["timm/resnet18.tv_in1k"].data == "ImageNet"
    assert rows["resnet18"].where == "download"


def test_a_bare_state_dict_of_timm_is_recognised(folder):
    net = drawn(SMALL, num_classes=4)
    torch.save({"state_dict": net.state_dict(), "classes": list("abcd")}, folder / "birds.pth")
    model = load.load("file/birds", folder)
    assert model.labels == tuple("abcd")
    x = torch.randn(1, *model.input_size)
    with torch.no_grad():
        assert torch.equal(model.net(x), net(x))


def test_a_net_of_the_same_tensors_is_said_to_be_assumed(folder):
    torch.save(drawn("mobilenetv3_small_100", num_classes=4).state_dict(), folder / "birds.pth")
    assert "tf_mobilenetv3_small_100 has the same tensors" in load.load("file/birds", folder).source


def test_an_untrained_net_is_the_same_each_time_and_disturbs_nothing():
    torch.manual_seed(11)
    wanted = torch.rand(3)
    torch.manual_seed(11)
    first, second = (load.load(f"timm/{SMALL}@untrained") for _ in range(2))
    assert torch.equal(torch.rand(3), wanted)
    assert first.fingerprint == second.fingerprint
    assert first.source.startswith("untrained")
    assert len(first.labels) == 1000
    row = catalog.asked(f"timm/{SMALL}@untrained")
    assert row is not None
    assert row.where == "untrained"


class Answered(io.BytesIO):
    def __enter__(self):
        return self


def test_weights_come_by_timms_own_download(folder, tmp_path, monkeypatch):
    save_file(drawn(SMALL).state_dict(), tmp_path / "there.safetensors")
    asked, told = [], []

    def download(repo: str, file: str, tqdm_class: type) -> str:
        asked.append((repo, file))
        with tqdm_class(total=10, unit="B", name="x") as bar:
            bar.update(4)
            bar.update(6)
        return str(shutil.copy(tmp_path / "there.safetensors", tmp_path / file))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Answered())
    model = load.load(f"timm/{SMALL}", folder, progress=lambda *news: told.append(news))
    assert asked == [(f"timm/{SMALL}.lamb_in1k", "model.safetensors")]
    assert told == [(4, 10), (10, 10)]
    assert model.source == f"timm ({SMALL}.lamb_in1k)"


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError(OSError("Name or service not known")),
        urllib.error.HTTPError("u", 404, "Not Found", None, None),  # type: ignore[arg-type]
        TimeoutError("timed out"),
    ],
    ids=["offline", "gone", "slow"],
)
def test_no_connection_is_one_sentence_at_once(folder, monkeypatch, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    with pytest.raises(DownloadError) as caught:
        load.load(f"timm/{SMALL}", folder)
    assert f"timm/{SMALL}@untrained" in str(caught.value)
    assert f"put {SMALL}.safetensors in a weights folder" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_timm_downloaded_before_needs_no_connection(folder, hub, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("it is here"))
    place = hub / f"models--timm--{SMALL}.lamb_in1k" / "snapshots" / "abc"
    place.mkdir(parents=True)
    save_file(drawn(SMALL).state_dict(), place / "model.safetensors")
    for key in (f"timm/{SMALL}", f"timm/{SMALL}.lamb_in1k"):
        assert load.load(key, folder).source == f"timm ({SMALL}.lamb_in1k)"
    assert f"timm/{SMALL}.lamb_in1k" in {row.key for row in catalog.rows(folder)}


def test_without_timm_the_sentence_says_what_to_install(folder, monkeypatch):
    torch.save(drawn(SMALL, num_classes=4).state_dict(), folder / "birds.pth")
    monkeypatch.setitem(sys.modules, "timm", None)
    for key in (f"timm/{SMALL}", f"timm/{SMALL}@untrained", "file/birds"):
        with pytest.raises(TimmError, match=r"cnnviz\[timm\]"):
            load.load(key, folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vit_tiny_patch16_224", "no CNN"),
        ("caformer_s18", "no CNN"),
        ("resnet18.nonsense", "those it has are"),
        ("resnet19", r"did you mean timm/resnet18"),
        ("../resnet18", "no network"),
        ("qqqq", "list_models"),
    ],
)
def test_what_is_no_cnn_of_timm_is_refused(name, words):
    with pytest.raises(TimmError, match=words):
        load.load(f"timm/{name}")


def test_weights_that_fit_no_place_are_refused(folder):
    save_file(drawn("resnet10t").state_dict(), folder / f"{SMALL}.safetensors")
    with pytest.raises(CheckpointError, match="does not fit"):
        load.load(f"timm/{SMALL}", folder)


def test_weights_as_their_authors_named_them_are_rewritten_as_timm_does(folder):
    net, older = drawn("convnext_atto"), {}
    for key, value in net.state_dict().items():
        old = re.sub(r"^stem\.(\d)", r"downsample_layers.0.\1", key)
        old = re.sub(r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1.", old)
        old = old.replace(".blocks.", ".").replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        older[old.replace("head.norm", "norm").replace("head.fc", "head")] = value
    torch.save(older, folder / "convnext_atto.pth")
    model, x = load.load("timm/convnext_atto", folder), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.net(x), net(x))


def test_a_card_names_a_net_of_timm(folder):
    torch.save(drawn(SMALL, num_classes=2).state_dict(), folder / "birds.pth")
    said = {"net": f"timm/tf_{SMALL.replace('050', '100')}", "labels": ["owl", "wren"]}
    (folder / "birds.json").write_text(json.dumps({**said, "net": f"timm/{SMALL}"}))
    assert load.load("file/birds", folder).labels == ("owl", "wren")
    (folder / "birds.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match="does not fit"):
        load.load("file/birds", folder)
    (folder / "birds.json").write_text(json.dumps({"net": "timm/nonsense"}))
    with pytest.raises(RequestError, match="which is unknown"):
        load.load("file/birds", folder)


def test_a_single_file_serves_the_net_of_timm_it_was_saved_from(folder):
    file = folder / "whatever.pth"
    torch.save(drawn(SMALL, num_classes=3).state_dict(), file)
    assert len(load.load(f"timm/{SMALL}", file).labels) == 3
    assert catalog.stamp(f"timm/{SMALL}", file) != catalog.stamp(f"timm/{SMALL}", folder)
    net, _ = load.blueprint("timm/resnet10t", file)
    assert next(net.parameters()).is_meta


def test_the_layers_of_a_net_need_no_weights(folder):
    net, size = load.blueprint(f"timm/{SMALL}", folder)
    assert size == (3, 224, 224)
    assert next(net.parameters()).is_meta


@pytest.mark.parametrize(("name", "takes"), [("tresnet_m", 1), ("tresnet_m", 3), ("cs3darknet_focus_s", 1)])
def test_a_stem_that_folds_pixels_into_channels_takes_the_channels_of_the_photo(name, takes):
    with Weightless():
        net = timm.create_model(name, in_chans=takes)
    assert timm_load.channels(net) == takes
