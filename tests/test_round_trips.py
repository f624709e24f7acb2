"""Random networks written to a file and read as data: the same logits, also at another size of the input."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch import nn

from cnnviz.models import load, weights
from cnnviz.options import RequestError
from tests.random_nets import Drawn, Functional, random_nets
from tests.zoo.ways import quiet

pytestmark = pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")
FEW, MANY = 4, 200
SUFFIXES = (".pt2", ".onnx")
CLOSE = 1e-5
UNWRITTEN = "adaptive_max_pool2d"  # torch's exporter has no ONNX for one whose cells do not divide its map


@given(random_nets())
@settings(max_examples=60)
def test_every_random_network_runs(drawn: Drawn):
    with torch.no_grad():
        out = drawn.net(torch.randn(2, *drawn.size))
    assert out.dim() == 2
    assert out.isfinite().all()


def written(drawn: Drawn, suffix: str, folder: Path) -> None:
    """The network in a file, as its person would write it."""
    x = torch.zeros(1, *drawn.size)
    with quiet():
        if suffix == ".pt2":
            torch.export.save(torch.export.export(drawn.net, (x,)), folder / "net.pt2")
        else:
            try:
                torch.onnx.export(drawn.net, (x,), folder / "net.onnx", dynamo=True, external_data=False, verbose=False)
            except torch.onnx.OnnxExporterError as error:
                assume(UNWRITTEN not in str(error.__cause__))
                raise


def same(drawn: Drawn, suffix: str) -> None:
    """Fails where the network that is read has other logits.

    Of a pool that is a function, ONNX does not always tell whether it is adaptive. Such a file is for its own size, and
    any other is refused.
    """
    with tempfile.TemporaryDirectory() as place:
        written(drawn, suffix, Path(place))
        net = load.load("file/net", place).net
    channels, side, _ = drawn.size
    other = (1, channels, side + 5, side + 2)
    for shape in ((1, *drawn.size), (3, *drawn.size), other):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            wanted = drawn.net(x.clone())
            try:
                found = net(x.clone())
            except RequestError:
                assert (suffix, shape, type(drawn.net)) == (".onnx", other, Functional)
                continue
        assert found.shape == wanted.shape
        assert float((found - wanted).abs().max()) <= CLOSE * max(1.0, float(wanted.abs().max())), shape
    assert plain_convolutions(net) >= plain_convolutions(drawn.net)


def plain_convolutions(net: nn.Module) -> int:
    """How many layers are convolutions that pad with zeros; others may come back as a padding and a convolution."""
    return sum(isinstance(part, nn.Conv2d) and part.padding_mode == "zeros" for part in net.modules())


def there(suffix: str) -> None:
    if suffix not in weights.SUFFIXES:
        pytest.skip(f"{suffix} files are not read yet")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_random_networks_come_back_the_same(suffix):
    there(suffix)

    @given(random_nets())
    @settings(max_examples=FEW, suppress_health_check=list(HealthCheck), derandomize=True)
    def one(drawn: Drawn) -> None:
        same(drawn, suffix)

    one()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_random_networks_come_back_the_same(suffix):
    there(suffix)

    @given(random_nets())
    @settings(max_examples=MANY, suppress_health_check=list(HealthCheck))
    def one(drawn: Drawn) -> None:
        same(drawn, suffix)

    one()
