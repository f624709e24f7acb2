"""A .pt2 file read as data gives the network that was exported, or one sentence."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from cnnviz.models.foreign import pt2
from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.rebuild import rebuild
from tests.models.foreign import forged, nets, written

TORCHVISION = (
    "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5", "mobilenet_v3_small", "regnet_x_400mf", "resnet18",
    "shufflenet_v2_x0_5", "squeezenet1_1", "convnext_tiny",
)  # fmt: skip  # a family each; VGG and AlexNet are hundreds of megabytes of the same operations


def logits(found):
    """The logits among what a net gives."""
    if isinstance(found, dict):
        return found["logits"]
    return found[0] if isinstance(found, tuple) else found


@torch.no_grad()
@pytest.mark.parametrize("name", [*nets.HAND, *TORCHVISION])
def test_a_net_gives_the_logits_of_the_original_for_other_batches_and_sizes(name, tmp_path):
    net, size = nets.made(name), nets.size_of(name)
    program = pt2.read(nets.put(tmp_path, name))
    again = rebuild(program)
    assert program.shape == (1, *size)
    assert type(again).__name__ == type(net).__name__
    for batch, more in ((1, 0), (3, 0), (2, 16), *(((1, 3), (1, 5)) if name == "Padded" else ())):
        x = torch.randn(batch, size[0], size[1] + more, size[2] + 2 * more)
        torch.testing.assert_close(again(x), logits(net(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "Shared"])
def test_modules_are_those_of_the_original_under_their_names(name, tmp_path):
    net, again = nets.made(name), rebuild(pt2.read(nets.put(tmp_path, name)))
    assert set(again.state_dict()) == set(net.state_dict())
    for path, part in net.named_modules():
        other = again.get_submodule(path)
        assert type(other).__name__ == type(part).__name__
        if not list(part.children()):
            assert type(other) is type(part)
            written = re.sub("(, )?inplace=True", "", part.extra_repr())
            assert other.extra_repr() == written.replace("output_size=(1, 1)", "output_size=1")
    for key, tensor in net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(again.state_dict()[key], tensor, rtol=0, atol=0)


def test_a_free_batch_stays_free(tmp_path):
    net = nets.made("Functional")
    path = tmp_path / "free.pt2"
    path.write_bytes(nets.exported(net, (1, 24, 24), 2, dynamic_shapes=({0: torch.export.Dim("batch")},)))
    program = pt2.read(path)
    assert program.shape == (None, 1, 24, 24)
    x = torch.randn(5, 1, 30, 24)
    torch.testing.assert_close(rebuild(program)(x), net(x), rtol=1e-5, atol=1e-5)


def test_what_was_exported_in_training_mode_or_half_runs_as_in_evaluation(tmp_path):
    torch.manual_seed(3)
    net, x = nets.Shared(), torch.randn(2, 3, 20, 20)
    path = tmp_path / "net.pt2"
    path.write_bytes(nets.exported(net.train(), (3, 20, 20), 2))
    torch.testing.assert_close(rebuild(pt2.read(path))(x), net.eval()(x), rtol=1e-5, atol=1e-5)
    path.write_bytes(nets.exported(net.eval().half(), (3, 20, 20)))
    again = rebuild(pt2.read(path))
    assert {tensor.dtype for tensor in again.parameters()} == {torch.float32}
    torch.testing.assert_close(again(x), net.float()(x), rtol=1e-4, atol=1e-4)


def test_core_operations_after_decomposition_are_read(tmp_path):
    import io

    net, x = nets.made("Shared"), torch.randn(2, 3, 20, 20)
    program = torch.export.export(net, (x[:1],)).run_decompositions()
    file = io.BytesIO()
    torch.export.save(program, file)
    path = tmp_path / "core.pt2"
    path.write_bytes(file.getvalue())
    torch.testing.assert_close(rebuild(pt2.read(path))(x), net(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("minor", [8, 12, 19, 20])
def test_fields_that_older_minor_versions_lack_are_not_needed(minor, tmp_path):
    def older(model, _):
        model["schema_version"]["minor"] = minor
        del model["guards_code"]
        for node in forged.nodes(model):
            for field in ("name", "is_hop_single_tensor_return"):
                node.pop(field)
            for given in node["inputs"]:
                given.pop("kind")

    path = tmp_path / "older.pt2"
    path.write_bytes(forged.edited(older))
    x = torch.randn(2, 3, 20, 20)
    torch.testing.assert_close(rebuild(pt2.read(path))(x), nets.made("Shared")(x), rtol=1e-5, atol=1e-5)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x, y):
        return (self.conv(x) + y).mean((2, 3))


class Odd(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x).real.mean((2, 3))


@pytest.mark.parametrize(
    ("net", "examples", "sentence"),
    [
        (Two(), (torch.randn(1, 3, 8, 8), torch.randn(1)), "takes 2 inputs"),
        (nn.Linear(8, 2), (torch.randn(1, 8),), "takes an input of 1 x 8"),
        (nn.Conv2d(4, 2, 3), (torch.randn(1, 4, 8, 8),), "takes an input of 1 x 4 x 8 x 8"),
        (Odd(), (torch.randn(1, 3, 8, 8),), "aten.fft_fft.default"),
    ],
)
def test_what_is_no_classifier_of_images_or_uses_other_operations_is_refused(net, examples, sentence, tmp_path):
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(net, examples), path)
    with pytest.raises(ForeignError, match=sentence):
        rebuild(pt2.read(path))


def test_files_of_older_torch_are_read_or_refused_by_version(tmp_path):
    files = written.unpacked(tmp_path, ".pt2")
    assert list(files) == ["2.10.0", "2.11.0", "2.12.1", "2.13.0", "2.8.0", "2.9.1"]
    with pytest.raises(ForeignError, match=r"as torch 2\.8 does, and is not opened; export it again with torch 2\.9"):
        pt2.read(files.pop("2.8.0"))
    original = written.made()
    torch.testing.assert_close(original(written.sample())[0], torch.tensor(written.LOGITS), rtol=1e-5, atol=1e-5)
    for path in files.values():
        net = rebuild(pt2.read(path))
        for x in (written.sample(), torch.randn(3, 3, 48, 40)):
            torch.testing.assert_close(net(x), original(x), rtol=1e-5, atol=1e-5)
