"""From a key to a model: whose weights, which labels and preprocessing, and one sentence where it cannot be."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from cnnviz.models import build, catalog, load, weights
from cnnviz.models.checkpoint import CheckpointError
from cnnviz.models.preprocess import Preprocess
from cnnviz.models.weights import DownloadError, WeightsError
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from tests.models.states import filled


def test_one_sigmoid_has_two_labels():
    model = load.load("lecture/cats_gap")
    assert model.single_logit
    assert model.labels == ("cat", "dog")
    assert model.input_size == (3, 150, 150)
    assert not load.load("lecture/mnist_gap").single_logit


@pytest.mark.parametrize("file", ["resnet18.pth", "resnet18.safetensors", "resnet18-f37072fd.pth", "resnet18-mine.pt"])
def test_weights_in_the_folder_come_first(folder, file):
    state = filled("resnet18")
    (save_file if file.endswith("safetensors") else torch.save)(state, folder / file)
    for place in (folder, folder / file):
        model = load.load("resnet18", place)
        assert file in model.source
        assert torch.equal(model.net.fc.weight, state["fc.weight"])
    assert model.labels[0] == "tench"
    assert len(model.labels) == 1000
    assert model.preprocess == Preprocess()


def test_a_single_file_serves_the_net_it_was_saved_from_and_no_other(folder, monkeypatch):
    torch.save(filled("squeezenet1_1", 3), folder / "whatever.pth")
    assert load.load("squeezenet1_1", folder / "whatever.pth").source.startswith("whatever.pth")
    weights.cache().mkdir(parents=True)
    torch.save(filled("shufflenet_v2_x0_5"), weights.cache() / "shufflenetv2_x0.5-f707e7126e.pth")
    assert load.load("shufflenet_v2_x0_5", folder / "whatever.pth").source == "torchvision"
    net, _ = load.blueprint("resnet18", folder / "whatever.pth")
    assert net.fc.out_features == 1000
    monkeypatch.setattr(weights, "SITE", f"{folder.as_uri()}/nothing/")
    with pytest.raises(DownloadError, match="resnet18"):
        load.load("resnet18", folder / "whatever.pth")


def test_torchvisions_older_weights_bring_their_own_preprocessing(folder):
    state = filled("mobilenet_v3_large")
    torch.save(state, folder / "mobilenet_v3_large-8738ca79.pth")  # V1
    assert load.load("mobilenet_v3_large", folder).preprocess.resize == 256
    torch.save(state, folder / "mobilenet_v3_large.pth")
    assert load.load("mobilenet_v3_large", folder).preprocess.resize == 232


def test_the_cache_of_torchvision_is_used():
    weights.cache().mkdir(parents=True)
    torch.save(filled("squeezenet1_1"), weights.cache() / "squeezenet1_1-b8a52dc0.pth")
    assert load.load("squeezenet1_1").source == "torchvision"


def test_weights_are_downloaded_with_progress_and_only_once(tmp_path, monkeypatch):
    torch.save(filled("squeezenet1_1"), tmp_path / "net.pth")
    content = (tmp_path / "net.pth").read_bytes()
    known = catalog.entry("squeezenet1_1")
    assert known
    fake = dataclasses.replace(known, file=f"squeezenet1_1-{hashlib.sha256(content).hexdigest()[:8]}")
    (tmp_path / f"{fake.file}.pth").write_bytes(content)
    monkeypatch.setattr(weights, "SITE", f"{tmp_path.as_uri()}/")
    monkeypatch.setattr(catalog, "TORCHVISION", (fake,))
    told: list[tuple[int, int]] = []
    assert len(load.load("squeezenet1_1", progress=lambda *so_far: told.append(so_far)).labels) == 1000
    assert told[-1] == (len(content), len(content))
    (tmp_path / f"{fake.file}.pth").unlink()
    load.load("squeezenet1_1")


def test_no_network_and_no_weights_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "SITE", f"{tmp_path.as_uri()}/nothing/")
    with pytest.raises(DownloadError, match=r"put resnet18-f37072fd\.pth in a weights folder") as caught:
        load.load("resnet18")
    assert "\n" not in str(caught.value)


def test_the_real_squeezenet_knows_an_elephant(shared):
    model = load.load("squeezenet1_1", shared / "weights")
    x = model.preprocess.tensor(model.preprocess.see(Photo.open(shared / "photos" / "african_elephant.jpg")))
    probabilities = model.net(x).softmax(1)[0]
    assert model.labels[int(probabilities.argmax())] == "African elephant"
    assert round(float(probabilities.max()), 3) == 0.753  # what torchvision's own preset and net say
    assert all(not p.requires_grad for p in model.net.parameters())


def test_bundled_nets_are_whatever_has_a_card():
    for name in catalog.cards():
        model = load.load(f"bundled/{name}")
        assert model.labels
        assert model.title


def test_a_checkpoint_file_is_recognised_with_its_classes(folder):
    torch.save({"state_dict": filled("shufflenet_v2_x0_5", 3)}, folder / "my birds.pth")
    model = load.load("file/my birds", folder)
    assert type(model.net).__name__ == "ShuffleNetV2"
    assert model.labels == ("class 0", "class 1", "class 2")
    assert load.load("file/my birds.pth", folder).fingerprint == model.fingerprint


def test_a_card_beside_a_checkpoint_says_what_tensors_cannot(folder):
    torch.save(filled("shufflenet_v2_x0_5", 2), folder / "birds.pth")
    card = {"net": "shufflenet_v2_x0_5", "labels": ["owl", "wren"], "preprocess": {"resize": 64, "crop": 64}}
    (folder / "birds.json").write_text(json.dumps(card))
    model = load.load("file/birds", folder)
    assert model.labels == ("owl", "wren")
    assert model.input_size == (3, 64, 64)


@pytest.mark.parametrize(
    "card",
    [
        "",
        "[]",
        "{}",
        '{"net": "nonsense"}',
        '{"net": "squeezenet1_0", "preprocess": {"mean": [0], "std": [1], "channels": 1}}',
        '{"net": "lecture/mnist_gap", "spec": {"widths": [-1]}}',
        '{"net": "lecture/mnist_gap", "spec": {"widths": 4}}',
        '{"net": "squeezenet1_0", "labels": ["only one"]}',
        '{"net": 3}',
        '{"net": "squeezenet1_0", "preprocess": {"crop": -1}}',
        '{"net": "squeezenet1_0", "labels": 4}',
        "�",
        "[" * 9999,
    ],
)
def test_a_broken_card_is_one_sentence(folder, card):
    torch.save(filled("squeezenet1_0", 2), folder / "net.pth")
    (folder / "net.json").write_bytes(card.encode(errors="surrogateescape"))
    with pytest.raises(RequestError) as caught:
        load.load("file/net", folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("net", ["mnist_gap", "lecture/mnist_gab"])
def test_a_card_that_almost_names_its_net_is_told_the_name(folder, net):
    torch.save(recognised("mnist_gap"), folder / "net.pth")
    (folder / "net.json").write_text(json.dumps({"net": net}))
    with pytest.raises(RequestError, match="write lecture/mnist_gap"):
        load.load("file/net", folder)


def recognised(name: str) -> dict[str, torch.Tensor]:
    """The weights of a lecture net."""
    return dict(load.load(f"lecture/{name}").net.state_dict())


def odd(value: torch.Tensor, how: str) -> torch.Tensor:
    """A tensor mangled in one of the ways that files are."""
    flat = value.float().flatten()
    if how in ("nan", "inf"):
        return flat.index_fill(0, torch.tensor(flat.numel() - 1), float(how)).reshape(value.shape)
    if how == "beyond":
        return torch.full(value.shape, 1e300, dtype=torch.float64)
    ways = {
        "scalar": lambda: flat[0].clone(),
        "flat": lambda: flat.clone(),
        "empty": lambda: flat[:0].clone(),
        "deeper": lambda: value[..., None, None, None].clone(),
        "sparse": lambda: value.to_sparse(),
        "meta": lambda: value.to("meta"),
        "int8": lambda: value.to(torch.int8),
        "bool": lambda: value.bool(),
        "complex": lambda: value.to(torch.complex64),
        "quantized": lambda: torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8),
    }
    return ways[how]()


UNFIT = ("nan", "inf", "beyond", "scalar", "empty", "sparse", "meta", "int8", "bool", "complex", "quantized")


@pytest.mark.filterwarnings("ignore")  # torch warns that some of these kinds of tensors may go one day
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["mnist_gap", "cats_gap"]),
    st.lists(
        st.tuples(
            st.sampled_from((*UNFIT, "flat", "deeper", "gone")),
            st.integers(0, 9),
            st.sampled_from(["", "out.weight", "fc.weight", "conv1.weight", "hidden.weight", "forward.weight", "a\nb"]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
@example("mnist_gap", [("scalar", 6, "")], False)
@example("mnist_gap", [("nan", 6, "")], True)
@example("cats_gap", [("complex", 0, "")], True)
def test_a_mangled_checkpoint_is_one_sentence(tmp_path_factory, name, changes, carded):
    folder = tmp_path_factory.mktemp("mangled")
    state = recognised(name)
    for how, place, key in changes:
        keys = list(state)
        if not keys:
            break
        old = keys[place % len(keys)]
        try:
            value = None if how == "gone" else odd(state[old], how)
        except (RuntimeError, NotImplementedError, IndexError):  # mangled before, and no way further
            continue
        state.pop(old)
        if value is not None:
            state[key or old] = value
    torch.save(state, folder / "net.pth")
    if carded:
        (folder / "net.json").write_text(json.dumps({"net": f"lecture/{name}"}))
    try:
        model = load.load("file/net", folder)
    except RequestError as error:
        told = str(error)
    else:
        told = ""
        with torch.no_grad():
            assert model.net(torch.zeros(1, *model.input_size)).isfinite().all()
    assert "\n" not in told


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", UNFIT)
@pytest.mark.parametrize("carded", [False, True])
def test_what_is_odd_is_named(folder, how, carded):
    state = recognised("mnist_gap")
    state["out.weight"] = odd(state["out.weight"], how)
    torch.save(state, folder / "net.pth")
    if carded:
        (folder / "net.json").write_text('{"net": "lecture/mnist_gap"}')
    with pytest.raises(CheckpointError, match=r"out|mnist_gap") as caught:
        load.load("file/net", folder)
    assert "\n" not in str(caught.value)


def test_a_run_is_loaded_at_its_best_its_last_and_at_a_step(run):
    best, last, tenth = (load.load(f"run/2026-cats@{which}", runs=run) for which in ("best", "last", "10"))
    assert best.title == "My run"
    assert best.labels == tuple("abcdefghij")
    assert best.input_size == (1, 28, 28)
    assert load.load("run/2026-cats@200", runs=run).fingerprint == last.fingerprint
    assert len({best.fingerprint, last.fingerprint, tenth.fingerprint}) == 3
    assert load.load("run/2026-cats", runs=run).fingerprint == best.fingerprint
    with pytest.raises(WeightsError, match=r"best, last or a saved step \(10, 200\)"):
        load.load("run/2026-cats@11", runs=run)


def test_a_head_that_had_to_be_guessed_is_told(folder):
    net = build.torchvision_net("resnet18")
    net.fc = torch.nn.Sequential(torch.nn.Linear(512, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    net = net.to_empty(device="cpu")
    load._initialise(net, 0)
    torch.save(net.state_dict(), folder / "mlp.pth")
    model, photo = load.load("file/mlp", folder), torch.ones(1, 3, 64, 64)
    assert model.known.unsure == ("Activation between the linear layers of the head: ReLU",)
    assert model.labels == ("class 0", "class 1")
    (folder / "mlp.json").write_text('{"assumed": {"activation": "Tanh"}}')
    stated = load.load("file/mlp", folder)
    assert stated.known.unsure == ()
    assert torch.equal(stated.net(photo), net.eval()(photo))
    assert stated.fingerprint != model.fingerprint


def test_a_blueprint_needs_no_weights_but_follows_those_that_are_here(folder, monkeypatch):
    monkeypatch.setattr(weights, "fetch", None)
    net, size = load.blueprint("efficientnet_b1")
    assert size == (3, 240, 240)
    assert sum(p.numel() for p in net.parameters()) == catalog.entry("efficientnet_b1").parameters
    torch.save(filled("squeezenet1_1", 2), folder / "squeezenet1_1.pth")
    net, _ = load.blueprint("squeezenet1_1", folder)
    assert net.classifier[1].out_channels == 2


def test_loading_in_many_threads_gives_the_same_net():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        marks = set(pool.map(lambda _: load.load("lecture/mnist_flatten").fingerprint, range(12)))
    assert len(marks) == 1


def test_the_fingerprint_follows_weights_labels_and_preprocessing():
    net = load.load("lecture/mnist_gap").net
    pre, labels = Preprocess(28, 28, (0.0,), (1.0,), channels=1), tuple("0123456789")
    mark = load.fingerprint("a", net, pre, labels)
    assert mark == load.fingerprint("a", net, pre, labels)
    assert mark != load.fingerprint("a", net, dataclasses.replace(pre, mean=(0.1,)), labels)
    assert mark != load.fingerprint("a", net, pre, tuple("abcdefghij"))
    assert mark != load.fingerprint("b", net, pre, labels)
    with torch.no_grad():
        net.conv1.weight[0, 0, 0, 0] += 1e-6
    assert mark != load.fingerprint("a", net, pre, labels)
