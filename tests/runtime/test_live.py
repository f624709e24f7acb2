"""A program's own network answers every question as it would by hand, and goes when it is given back."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.utils.checkpoint import checkpoint

from cnnviz.attribution.methods import METHODS
from cnnviz.attribution.sanity import Randomisation
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.inference.predict import Target
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from tests.attribution.peers import correlation, peer_map


class Shared(nn.Module):
    """One convolution that runs twice, functional operations, two outputs."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.stem, self.twice = nn.Conv2d(channels, 12, 5, 2), nn.Conv2d(12, 12, 3, padding=1)
        self.norm, self.fc = nn.BatchNorm2d(12), nn.Linear(12, 6)

    def forward(self, x, features=False):
        maps = nn.functional.relu(self.norm(self.stem(x)))
        maps = nn.functional.relu(self.twice(nn.functional.max_pool2d(maps, 2)))
        maps = nn.functional.relu(self.twice(maps))
        logits = self.fc(nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1))
        return (logits, maps) if not features else maps


class Twisty(Shared):
    """What it does depends on the image."""

    def forward(self, x, features=False):
        if float(x.mean()) < 0:
            return super().forward(x * 2)
        return super().forward(x)


def untrained(make, *given) -> nn.Module:
    torch.manual_seed(0)
    net = make(*given).train()
    with torch.no_grad():
        net(torch.randn(4, given[0] if given else 3, 64, 64))  # the statistics of batch norm
        for part in net.modules():
            if isinstance(part, nn.Linear):
                part.weight.mul_(100)  # no peer's epsilon matters
    return net


NETS = {
    "resnet18": lambda: untrained(torchvision.models.resnet18),
    "shared layers, two outputs": lambda: untrained(Shared),
    "a gray input": lambda: untrained(Shared, 1),
    "control flow": lambda: untrained(Twisty),
}


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_logits_and_grad_cam_are_those_of_the_network_by_hand(make, engine, photo):
    pytest.importorskip("pytorch_grad_cam")
    net = make()
    key = engine.add(net, "mine")
    model, layer = engine.model(key), engine.default_layer(key)
    x = model.preprocess.input(photo)
    alone = Alone(net.eval())
    with torch.no_grad():
        logits = alone(x)[0]
    found = {p.index: p.logit for p in engine.predict(key, photo, top=len(logits))}
    far = max(abs(found[i] - float(logits[i])) for i in range(len(logits)))
    assert far < 1e-5 * float(logits.abs().max())
    heat = engine.heatmap(key, photo, 2)
    peer = peer_map("GradCAM", alone, f"net.{layer}", x, 2)
    assert correlation(heat.raw, peer) > 0.999
    assert heat.layer == layer


class Alone(nn.Module):
    """The logits of a network alone, for a peer that knows no other."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x):
        out = self.net(x)
        return out[0] if isinstance(out, tuple) else out


def test_every_question_works_or_says_in_one_sentence_why_not(engine, photo):
    key = engine.add(untrained(Twisty), labels=list("abcdef"))
    heat = engine.heatmap(key, photo)
    answered = {
        "layers": lambda: engine.layers(key),
        "activations": lambda: engine.activations(key, photo, "twice"),
        "ladder": lambda: engine.ladder(key, photo),
        "faithfulness": lambda: engine.faithfulness(key, photo, heat),
        "sanity": lambda: engine.sanity(key, photo),
        "diagnose": lambda: engine.diagnose(key, photo, heat),
        "filter layers": lambda: engine.filter_layers(key),
        "translation": lambda: engine.translation(key, photo, "stem"),
        "drill": lambda: engine.drill(key, photo),
        "score cam": lambda: engine.heatmap(key, photo, method="scorecam"),
    }
    for ask in answered.values():
        ask()
    refused = {
        "skip layers": lambda: engine.skip_layers(key),
        "pooled head": lambda: engine.pooled_head(key, photo),
    }
    for ask in refused.values():
        with pytest.raises(RequestError, match=r"depend on its input and cannot be listed\.$"):
            ask()


def test_it_stands_first_in_the_list_a_second_of_its_name_takes_its_place_and_it_goes_as_a_whole(engine, photo):
    first, second = untrained(Shared), untrained(Shared)
    gone = weakref.ref(first)
    key = engine.add(first, "mine", preprocess=Preprocess(64, 64))
    engine.heatmap(key, photo)
    assert engine.add(second, "mine", preprocess=Preprocess(64, 64)) == key == "live/mine"
    assert [row.key for row in engine.models() if row.where == "live"] == [key]
    assert engine.models()[0].key == key
    assert engine.models()[0].parameters == sum(p.numel() for p in second.parameters())
    del first
    gc.collect()
    assert gone() is None
    engine.heatmap(key, photo)
    engine.remove(key)
    assert engine.cache.bytes == 0 or not any(key in entry for entry in engine.cache._entries)
    with pytest.raises(RequestError, match=r"There is no network 'live/mine' in this process"):
        engine.predict(key, photo)


def test_nothing_about_it_reaches_the_disk(tmp_path, photo):
    engine = Engine(device="cpu", cache_dir=tmp_path)
    key = engine.add(untrained(Shared), preprocess=Preprocess(64, 64))
    engine.tuning(key, "stem")
    assert not list(tmp_path.iterdir())


def test_a_function_that_prepares_photos_is_run_as_it_is(engine, photo):
    net = untrained(Shared)

    def prepare(image):
        return torchvision.transforms.functional.to_tensor(image.resize((70, 90))) * 4 - 2

    key = engine.add(net, preprocess=prepare)
    with torch.no_grad():
        wanted = net.eval()(prepare(photo.image())[None])[0][0]
    found = {p.index: p.logit for p in engine.predict(key, photo, top=6)}
    assert np.allclose([found[i] for i in range(6)], wanted, rtol=1e-4, atol=1e-4)
    heat = engine.heatmap(key, photo)
    assert heat.values.shape == (90, 70)
    assert np.allclose(heat.box, (0, 0, 260, 200), atol=3)
    assert engine.faithfulness(key, photo, heat).gain is not None


def test_a_question_names_its_classes(engine, photo):
    key = engine.add(untrained(Shared), labels=list("abcdef"), preprocess=Preprocess(64, 64))
    assert engine.heatmap(key, photo, "c").goal == Target(2)
    assert {p.label for p in engine.predict(key, photo, top=6)} == set("abcdef")


class Between(nn.Module):
    """Two convolutions and what lies between them."""

    def __init__(self, between=torch.clone, last=torch.clone) -> None:
        super().__init__()
        self.first, self.deep, self.head = nn.Conv2d(3, 8, 5, 4), nn.Conv2d(8, 8, 3), nn.Linear(8, 6)
        self.between, self.last = between, last

    def forward(self, x):
        return self.last(self.head(torch.relu(self.deep(self.between(self.first(x)))).mean((2, 3))))


class Cast(Between):
    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x)


class Saving(Between):
    """Computes a layer again in the backward pass, to save memory."""

    def forward(self, x):
        maps = checkpoint(lambda x: torch.relu(self.deep(self.first(x))), x, use_reentrant=False)
        return self.head(maps.mean((2, 3)))


class Counting(Between):
    """Keeps running statistics and counts its runs, also in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        self.count += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean((0, 2, 3))
        return super().forward(x)


class Batched(Between):
    """Divides by the size of its batch."""

    def forward(self, x):
        return super().forward(x.repeat_interleave(4 // len(x) // 4, 0))


class Viewed(nn.Module):
    """Its maps become a vector as `how` says: most programs write it by `view`, some for one image."""

    def __init__(self, how) -> None:
        super().__init__()
        self.how = how
        self.first, self.deep = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 12, 3, 2, 1)
        self.fc = nn.Linear(12 * 16 * 16, 6)

    def forward(self, x):
        return self.fc(self.how(torch.relu(self.deep(torch.relu(self.first(x))))))


@pytest.mark.parametrize(
    "how", [lambda x: x.view(x.size(0), -1), lambda x: x.view(-1, 12 * 16 * 16), lambda x: x.view(1, -1)]
)
def test_maps_may_become_a_vector_as_programs_write_it(how, engine, photo, tmp_path):
    torch.manual_seed(0)
    plain = Viewed(lambda x: x.flatten(1))
    net = Viewed(how)
    net.load_state_dict(plain.state_dict())
    one, other = (engine.add(each, preprocess=Preprocess(64, 64)) for each in (net, plain))
    for method in METHODS:
        found, wanted = (engine.heatmap(key, photo, 1, method=method).raw for key in (one, other))
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5 * np.abs(wanted).max(), err_msg=method)
    for layer in engine.map_layers(one):
        found, wanted = (engine.activations(key, photo, layer).maps for key in (one, other))
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    for ask in (
        lambda key: [event.image.value for event in engine.filters(key, None, (0, 3), Ascent(steps=3)) if event.image],
        lambda key: [
            event.image.value for event in engine.filters(key, "deep", (0, 3), Ascent(steps=3)) if event.image
        ],
        lambda key: [heat.score for heat in engine.heatmaps(key, photo, (0, 1, 2))],
        lambda key: engine.faithfulness(key, photo, engine.heatmap(key, photo)).deletion,
        lambda key: engine.sanity(key, photo, dial=Randomisation(stops=1)).correlations,
        lambda key: engine.erase(key, photo, (((0.5, 0.5, 0.1),), ((0.2, 0.2, 0.1),))).probabilities,
        lambda key: engine.drill(key, photo).score,
    ):
        np.testing.assert_allclose(ask(one), ask(other), rtol=1e-3, atol=1e-4)
    assert engine.diagnose(one, photo, engine.heatmap(one, photo)) == engine.diagnose(
        other, photo, engine.heatmap(other, photo)
    )
    for name in ("class 0", "class 1"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.fromarray(photo.pixels[number:]).save(tmp_path / name / f"{number}.png")
    judged = [engine.evaluate(key, tmp_path) for key in (one, other)]
    assert judged[0].confusion == judged[1].confusion


class Written(nn.Module):
    """A forward as programs have it: what it does to its input first, and the maps as a vector by `view`."""

    def __init__(self, first=lambda x: x, channels=3) -> None:
        super().__init__()
        self.first = first
        self.c, self.fc = nn.Conv2d(channels, 8, 3), nn.Linear(8 * 15 * 15, 4)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.c(self.first(x))), 2)
        return self.fc(x.view(x.size(0), -1))


class Compiled(Between):
    """Its forward was compiled where it is written."""

    @torch.compile(backend="eager")
    def forward(self, x):
        return super().forward(x)


def compiled() -> nn.Module:
    net = Between()
    net.forward = torch.compile(net.forward, backend="eager")
    return net


def parallel() -> nn.Module:
    net = nn.Sequential(nn.DataParallel(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())), nn.AdaptiveAvgPool2d(4))
    return nn.Sequential(*net, nn.Flatten(), nn.Linear(128, 4))


def first_set(x):
    x[:, 0] = 2 * x[:, 0]
    return x


PROGRAMS = {
    "moved to a device": lambda: Written(lambda x: x.to(torch.device("cpu"))),
    "a tensor of its own": lambda: Written(lambda x: x - torch.tensor([0.5, 0.5, 0.5]).view(1, 3, 1, 1)),
    "one channel": lambda: Written(channels=1),
    "one channel, branching": lambda: Written(lambda x: x * 1 if x.mean() > -9 else x, 1),
    "divided by the largest of all": lambda: Written(lambda x: x / (x.abs().max() + 0.01)),
    "normalised over all": lambda: Written(lambda x: (x - x.mean()) / (x.std() + 0.01)),
    "written over": lambda: Written(lambda x: x.sub_(0.5).div_(0.25)),
    "one channel written over": lambda: Written(first_set),
    "ReLU6 in place": lambda: nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU6(inplace=True), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 4)
    ),
    "DataParallel inside": parallel,
    "a compiled forward": Compiled,
    "forward compiled afterwards": compiled,
}


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_forwards_as_programs_have_them_are_asked_everything(make, engine, photo, tmp_path):
    torch.manual_seed(0)
    net = make().eval()
    if {str(own.device) for own in net.parameters()} > {"cpu"}:  # where there is a GPU, DataParallel went there
        net.cuda()
    kept = {name: own.clone() for name, own in net.state_dict().items()}
    key = engine.add(net)
    model, layer = engine.model(key), engine.default_layer(key)
    x = engine.tensor(model, photo).to(next(net.parameters()).device)
    with torch.no_grad():
        wanted = net(x.clone())[0].cpu().numpy()
    np.testing.assert_allclose(engine.logits(model, photo), wanted, rtol=1e-3, atol=1e-4)
    leaf = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(net(leaf.clone())[0, 1], leaf)
    found = engine.heatmap(key, photo, 1, method="saliency").raw
    np.testing.assert_allclose(found, slope[0].abs().amax(0).cpu(), rtol=1e-2, atol=1e-3 * float(slope.abs().max()))
    for method in METHODS:
        assert np.isfinite(engine.heatmap(key, photo, 1, method=method).raw).all()
    erased = engine.erase(key, photo, (((0.5, 0.5, 0.1),), ((0.2, 0.2, 0.1),)))
    alone = engine.erase(key, photo, (((0.5, 0.5, 0.1),),))
    np.testing.assert_allclose(erased.probabilities[:2], alone.probabilities, rtol=1e-3)
    for layers in (None, layer):
        assert all(np.isfinite(event.value) for event in engine.filters(key, layers, (0, 1, 2), Ascent(steps=2)))
    engine.patches(key, layer, (photo,))
    engine.drill(key, photo)
    for name in ("class 0", "class 1"):
        (tmp_path / name).mkdir()
        for number in (0, 40, 80):
            Image.fromarray(photo.pixels[number:]).save(tmp_path / name / f"{number}.png")
    judged, files = engine.evaluate(key, tmp_path), sorted(tmp_path.rglob("*.png"))
    chances = [
        next(one.probability for one in engine.predict(key, Photo.open(file), top=99) if one.label == file.parent.name)
        for file in files
    ]
    assert judged.loss == pytest.approx(-np.log(chances).mean(), rel=1e-3)
    assert all(torch.equal(own, kept[name]) for name, own in net.state_dict().items())


class Turned(Between):
    """Its layers run on the photo and on its mirror image."""

    def forward(self, x):
        one, other = super().forward(torch.cat([x, x.flip(3)])).chunk(2)
        return one + other


def test_a_network_without_maps_has_the_methods_that_ask_for_pixels(engine, photo):
    torch.manual_seed(0)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 16), nn.ReLU(), nn.Linear(16, 4))
    for net in (Turned(), flat):
        key = engine.add(net.eval(), preprocess=Preprocess(64, 64))
        assert engine.map_layers(key) == ()
        leaf = engine.tensor(engine.model(key), photo).requires_grad_()
        (slope,) = torch.autograd.grad(net(leaf)[0, 1], leaf)
        found = engine.heatmap(key, photo, 1, method="saliency").raw
        np.testing.assert_allclose(found, slope[0].abs().amax(0), rtol=1e-3, atol=1e-4 * float(slope.abs().max()))
        for method in ("smoothgrad", "integrated", "occlusion"):
            assert np.isfinite(engine.heatmap(key, photo, 1, method=method).raw).all()
        assert len(engine.erase(key, photo, (((0.5, 0.5, 0.1),),)).probabilities) == 2
        assert "no layer with feature maps" in refusal(lambda key=key: engine.heatmap(key, photo))


def test_filters_of_a_layer_without_gradient_are_refused_in_a_sentence(engine):
    def frozen(maps):
        return maps.detach()

    key = engine.add(Between(frozen).eval(), preprocess=Preprocess(64, 64))
    said = refusal(lambda: [*engine.filters(key, None, (0,), Ascent(steps=2))])
    assert said.startswith("Layer 'logits' has no gradient here")
    assert said.endswith(".")


def with_nan() -> nn.Module:
    net = Between()
    net.first.weight.data[0, 0, 0, 0] = torch.nan
    return net


def refusal(ask) -> str:
    """The sentence in which a question is refused; nothing where it is answered."""
    try:
        ask()
    except RequestError as error:
        return str(error)
    return ""


AWKWARD = {
    "detached": (lambda: Between(torch.detach), "first"),
    "rounded": (lambda: Between(last=lambda logits: logits.argmax(1)[:, None].eq(torch.arange(6)).float()), "deep"),
    "NumPy": (lambda: Between(last=lambda logits: torch.from_numpy(logits.numpy() * 2)), "deep"),
    "autocast": (Cast, ""),
    "computed again": (Saving, ""),
    "NaN weights": (with_nan, ""),
    "counting": (Counting, ""),
    "divided by its batch": (Batched, ""),
}


@pytest.mark.parametrize(("make", "severed"), AWKWARD.values(), ids=AWKWARD)
@pytest.mark.filterwarnings("ignore")
def test_awkward_networks_predict_and_every_question_is_answered_or_refused_in_a_sentence(make, severed, engine, photo):
    torch.manual_seed(0)
    net = make()
    key = engine.add(net, preprocess=Preprocess(64, 64))
    with torch.no_grad():
        wanted = net.eval()(engine.tensor(engine.model(key), photo))[0].float().numpy()
    assert np.allclose(engine.logits(engine.model(key), photo), wanted, atol=1e-2, equal_nan=True)
    asked = {
        **{name: lambda name=name: engine.heatmap(key, photo, 1, severed or "first", name) for name in METHODS},
        "ladder": lambda: engine.ladder(key, photo),
        "activations": lambda: engine.activations(key, photo, "deep"),
        "drill": lambda: engine.drill(key, photo),
        "sanity": lambda: engine.sanity(key, photo, dial=Randomisation(stops=1)),
        "diagnose": lambda: engine.diagnose(key, photo, engine.heatmap(key, photo, method="ablation")),
        "receptive": lambda: engine.receptive(key, "deep"),
        "pooled head": lambda: engine.pooled_head(key, photo),
        "skip layers": lambda: engine.skip_layers(key),
    }
    said = {name: refusal(ask) for name, ask in asked.items()}
    refused = {name for name, sentence in said.items() if sentence}
    assert all(said[name].endswith(".") for name in refused)
    free = {"eigencam", "scorecam", "ablation", "occlusion"}
    assert not refused & (free | {"activations", "receptive"})
    assert refused >= set(METHODS) - free if severed else not refused & set(METHODS) - {"guided"}
    assert ("no gradient, so heat maps are by" in engine.model(key).source) == bool(severed)
    assert ("NaN or infinity in first.weight" in engine.model(key).source) == (make is with_nan)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_network_on_a_gpu_stays_there_and_is_asked_there(engine, photo):
    net = untrained(Shared)
    wanted = engine.heatmap(engine.add(net, "cpu"), photo, 1).raw
    key = engine.add(net.to("cuda").half(), "gpu")
    assert next(engine.model(key).net.parameters()).device.type == "cuda"
    assert correlation(engine.heatmap(key, photo, 1).raw, wanted) > 0.999
    for ask in (
        lambda: engine.tuning(key, "stem"),
        lambda: engine.filter_layers(key),
        lambda: engine.sanity(key, photo),
    ):
        ask()
    assert next(net.parameters()).dtype == torch.float16


class Tiles(nn.Module):
    """Four tiles of the photo become a batch; `whole` sees all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tile, self.whole, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(8, 3)

    def forward(self, x):
        tiles = x.unflatten(2, (2, -1)).unflatten(4, (2, -1)).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        parts = self.tile(tiles).relu().mean((2, 3)).unflatten(0, (len(x), 4)).mean(1)
        return self.fc(torch.cat([parts, self.whole(x).relu().mean((2, 3))], 1))


def test_a_layer_that_runs_on_tiles_of_the_photo_has_no_map_of_it(engine, photo):
    key = engine.add(untrained(Tiles), preprocess=Preprocess(64, 64))
    assert engine.default_layer(key) == "whole"
    assert len(engine.predict(key, photo)) == 3
    for ask in (engine.heatmap, engine.activations):
        with pytest.raises(RequestError, match=r"^Layer 'tile' runs on 4 parts of the photo at once and has no map of"):
            ask(key, photo, layer="tile")
