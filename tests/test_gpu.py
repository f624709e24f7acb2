"""On a GPU the answers are those of the CPU, memory is bounded, and a training run ends in a network."""

from __future__ import annotations

import contextlib
import copy
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cnnviz.attribution.methods import METHODS
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.inference.device import DeviceError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from cnnviz.train import run
from cnnviz.train.loop import fit
from tests.attribution.peers import correlation
from tests.test_zoo import few
from tests.train.runs import trained
from tests.zoo import nets, table
from tests.zoo.checks import CHECKS, SAME
from tests.zoo.ways import WAYS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
UNSEEN = ("question", "screens")  # a time, and pages


KEY = "resnet18"


@pytest.fixture(scope="module")
def residual():
    """A ResNet-18 with weights drawn by chance and ordinary statistics."""
    entry = next(entry for entry in nets.torchvision() if entry.name == KEY)
    return nets.lively(entry.make(), entry.size)


@pytest.fixture(scope="module")
def folder(residual, tmp_path_factory):
    """A folder with its weights."""
    place = tmp_path_factory.mktemp("weights")
    save_file(residual.state_dict(), place / f"{KEY}.safetensors")
    return place


@pytest.fixture
def both(folder):
    """An engine on the CPU and one on the GPU, both with that network."""
    return Engine("cpu", weights=folder), Engine("cuda", weights=folder)


def copied(net):
    """A network of its own on the GPU."""
    return copy.deepcopy(net).to("cuda")


def close(found, wanted, share=1e-3):
    """The largest difference, as a share of the largest value, is below `share`."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= share * max(np.abs(wanted).max(), 1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_networks_by_every_way_in(way):
    rows = list(table.rows(few(), [way], [check for check in CHECKS if check not in UNSEEN], "cuda"))
    assert {row.name: row.faults for row in rows if row.faults} == {}


def test_logits_and_maps_are_those_of_the_cpu(both, photo):
    cpu, gpu = both
    assert gpu.place(gpu.model(KEY)).type == "cuda"
    close(gpu.logits(gpu.model(KEY), photo), cpu.logits(cpu.model(KEY), photo), 1e-4)
    layer = cpu.default_layer(KEY)
    assert gpu.default_layer(KEY) == layer
    close(gpu.activations(KEY, photo, layer).maps, cpu.activations(KEY, photo, layer).maps, 1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_heat_maps_are_those_of_the_cpu(both, photo, method):
    cpu, gpu = both
    found, wanted = (engine.heatmap(KEY, photo, 3, method=method) for engine in (gpu, cpu))
    if METHODS[method].reads == "pixels":  # a ReLU that rounding turns on or off moves single pixels
        assert correlation(found.raw, wanted.raw) > SAME
    else:
        close(found.raw, wanted.raw)


def test_proofs_are_those_of_the_cpu(both, photo):
    cpu, gpu = both
    drills = [engine.drill(KEY, photo, 3) for engine in (gpu, cpu)]
    assert drills[0].score == pytest.approx(drills[1].score, rel=1e-3)
    made = drills[0].arithmetic
    assert float(made.products.sum()) + made.bias == pytest.approx(made.steps[0].value, rel=1e-4, abs=1e-4)
    ladders = [engine.ladder(KEY, photo, (3,)) for engine in (gpu, cpu)]
    for found, wanted in zip(ladders[0].rows, ladders[1].rows, strict=True):
        close(found[0].raw, wanted[0].raw)
    sane = [engine.sanity(KEY, photo) for engine in (gpu, cpu)]
    close(*(np.nan_to_num(one.correlations) for one in sane), 0.05)


def test_a_filter_image_maximises_as_on_the_cpu(both):
    cpu, gpu = both
    layer = cpu.default_layer(KEY)
    last = []
    for engine in (gpu, cpu):
        *_, event = engine.filters(KEY, layer, (5,), Ascent(steps=40, size=64))
        assert math.isfinite(event.value)
        last.append(event.image.value)
    assert last[0] == pytest.approx(last[1], rel=0.25)


def test_many_photos_stay_within_the_memory_for_answers(folder, rng):
    engine = Engine("cuda", memory_limit=64 * 2**20, weights=folder)
    engine.heatmap(KEY, Photo.of(rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)))
    torch.cuda.synchronize()
    begun = torch.cuda.memory_allocated()
    for _ in range(60):
        photo = Photo.of(rng.integers(0, 256, (224, 224, 3), dtype=np.uint8))
        for layer in ("conv1", engine.default_layer(KEY)):
            engine.heatmap(KEY, photo, layer=layer)
            engine.activations(KEY, photo, layer)
    assert torch.cuda.memory_allocated() - begun < 96 * 2**20


def test_too_little_memory_is_one_sentence_and_then_over(folder, photo):
    engine = Engine("cuda", weights=folder)
    wanted = engine.logits(engine.model(KEY), photo)
    engine.purge()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(torch.cuda.memory_allocated() / total)
    held = []  # what torch keeps between the tensors of earlier tests
    for size in (2**26, 2**22, 2**19, 2**16, 2**12):
        with contextlib.suppress(torch.OutOfMemoryError):
            while True:
                held.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
    try:
        for method in ("smoothgrad", "gradcam", "scorecam"):
            with pytest.raises(DeviceError, match=r"too little free memory"):
                engine.heatmap(KEY, photo, method=method)
    finally:
        held.clear()
        torch.cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_allclose(engine.logits(engine.model(KEY), photo), wanted, rtol=1e-3, atol=1e-3)
    assert np.isfinite(engine.heatmap(KEY, photo, method="smoothgrad").raw).all()


def test_a_live_network_computes_as_its_program_has_set_torch(residual, photo):
    """TF32 is torch's default for convolutions: its numbers are shown, and the proof takes them for rounded."""
    net, parts = copied(residual), (torch.backends.cudnn.conv, torch.backends.cudnn.rnn)
    engine = Engine("cuda")
    key = engine.add(net, "live")
    with torch.no_grad():
        wanted = net(engine.tensor(engine.model(key), photo))[0].cpu()
    close(engine.logits(engine.model(key), photo), wanted, 2e-3)  # batch norm is folded, so other factors are rounded
    found = engine.drill(key, photo, 3)
    assert found.arithmetic.steps[-1].value == pytest.approx(found.arithmetic.shown, rel=0.02, abs=0.02)
    assert [part.fp32_precision for part in parts] == ["tf32", "tf32"]


@pytest.mark.parametrize("precision", ["auto", "32", "bf16-mixed"])
def test_a_run_learns_and_is_the_same_network_on_the_cpu(plan, tmp_path, precision):
    done = trained(plan.but(device="cuda", precision=precision, epochs=8), tmp_path)
    assert done.state == "finished"
    losses = [event["train_loss"] for event in done.of("epoch")]
    assert losses[-1] < losses[0]
    said = run.verdict(done.folder)
    engine = Engine("cpu", runs=tmp_path)
    for picture in said["val"]["pictures"]:
        first = engine.predict(f"run/{done.id}@best", Photo.open(f"{said['root']}/{picture['path']}"), top=1)[0]
        assert first.probability == pytest.approx(picture["probability"], abs=2e-2)


@pytest.mark.usefixtures("spoken")
def test_a_run_stopped_on_the_gpu_goes_on(plan, tmp_path):
    folder = run.create(plan.but(device="cuda"), tmp_path)
    fit(folder, heard=lambda kind, v: run.stop(folder) if kind == "step" and v["step"] == 7 else None)
    assert run.read(folder).state == "stopped"
    fit(folder)
    both = run.read(folder)
    assert both.state == "finished"
    assert [event["epoch"] for event in both.of("epoch")] == [1, 2, 3]
