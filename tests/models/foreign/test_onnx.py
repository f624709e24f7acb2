"""An ONNX file read as data gives the network that was exported, or one sentence."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.inference.cut import named_ends
from cnnviz.models import load
from cnnviz.models.foreign import onnx as reader
from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.rebuild import rebuild
from cnnviz.train import onnx as own
from tests.models.foreign import nets, written
from tests.models.foreign.onnx import exports
from tests.models.foreign.onnx.made import answers, flat, model, node, numbers, onnx, saved, whole
from tests.models.foreign.test_files import CLEARED, plain_net, watched, within
from tests.models.foreign.weighed import weighed

pytest.importorskip("onnxscript")
OLD = (
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "shufflenet_v2_x0_5",
    "convnext_tiny",
)
TODAY = ("resnet18", "squeezenet1_1")  # it takes ten times as long
HAND = [name for name in nets.HAND if name not in ("Chunks", "Functional")]  # each is beyond one of the exporters
UNPADDED = [name for name in HAND if name != "Padded"]  # the old exporter does not say of what class a module is


def logits(found):
    """The logits among what a net gives."""
    if isinstance(found, dict):
        return found["logits"]
    return found[0] if isinstance(found, tuple) else found


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "today", "free"),
    [
        *((name, False, False) for name in (*OLD, *TODAY, *UNPADDED, "Chunks")),
        *((name, True, False) for name in (*TODAY, *HAND, "Functional")),
        *((name, False, True) for name in (*UNPADDED, "Chunks", "shufflenet_v2_x0_5")),
        *((name, True, True) for name in ("Shared", "Attention")),
    ],
)
def test_a_net_gives_the_logits_of_the_original_for_other_batches_and_sizes(name, today, free, tmp_path):
    net, size = nets.made(name), nets.size_of(name)
    path = exports.put(tmp_path, name, today, free)
    program = reader.read(path)
    again = rebuild(program)
    assert program.shape[:2] == (1, size[0])
    for batch, more in ((1, 0), (3, 0), (2, 16)):
        x = torch.randn(batch, size[0], size[1] + more, size[2] + 2 * more)
        torch.testing.assert_close(again(x), logits(net(x)), rtol=1e-5, atol=1e-5)
    x = torch.randn(2 if free else 1, *size)
    if name != "Several":  # whose first output is another one
        torch.testing.assert_close(again(x), torch.tensor(answers(path, x.numpy())), rtol=1e-4, atol=1e-5)
    named_ends(again)


@pytest.mark.parametrize(
    ("name", "today"),
    [("resnet18", False), ("resnet18", True), ("densenet121", False), ("Shared", True), ("Attention", False)],
)
def test_modules_are_those_of_the_original_under_their_names(name, today, tmp_path):
    net, again = nets.made(name), rebuild(reader.read(exports.put(tmp_path, name, today)))
    theirs = {path: part for path, part in net.named_modules() if not isinstance(part, (nn.BatchNorm2d, nn.Dropout))}
    ours = dict(again.named_modules())
    assert {path for path in ours if not isinstance(ours[path], nn.BatchNorm2d)} == set(theirs)
    for path, part in theirs.items():
        if not list(part.children()):
            assert type(ours[path]) is type(part), path
    if today:
        assert type(again).__name__ == type(net).__name__
    for key, tensor in net.state_dict().items():
        if key.endswith("weight") and key.startswith("fc"):
            torch.testing.assert_close(again.state_dict()[key], tensor, rtol=0, atol=0)


@torch.no_grad()
def test_an_adaptive_pool_is_one_for_other_sizes_too(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)).eval()
    path = tmp_path / "net.onnx"
    path.write_bytes(exports.exported(net, (3, 20, 20), True))
    x = torch.randn(2, 3, 25, 22)
    torch.testing.assert_close(rebuild(reader.read(path))(x), net(x), rtol=1e-5, atol=1e-5)


def test_a_file_without_names_has_modules_by_kind_and_order(tmp_path):
    nodes = [
        node("Conv", ["x", "1"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "2"], ["c"]),
        node("Relu", ["c"], ["d"]),
        node("GlobalAveragePool", ["d"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "3"], ["y"]),
    ]
    tensors = {"1": numbers(4, 3, 3, 3), "2": numbers(5, 4, 1, 1), "3": numbers(5, 7)}
    again = rebuild(reader.read(saved(tmp_path, model(nodes, tensors))))
    assert [name for name, _ in again.named_children()] == [
        "conv1",
        "relu1",
        "conv2",
        "relu2",
        "avgpool1",
        "flatten1",
        "fc1",
    ]
    assert sorted(again.state_dict()) == ["conv1.weight", "conv2.weight", "fc1.weight"]


@torch.no_grad()
@pytest.mark.parametrize("key", ["lecture/cats_gap", "lecture/mnist_flatten"])
def test_our_own_export_comes_back_with_labels_and_preprocessing(key, tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    model = load.load(key)
    (tmp_path / "mine.onnx").write_bytes(own.onnx(model))
    again = load.load("file/mine", weights=tmp_path)
    assert again.labels == model.labels
    assert again.preprocess == model.preprocess
    assert again.single_logit == model.single_logit
    assert set(again.net.state_dict()) == set(model.net.state_dict())
    x = torch.randn(2, *model.input_size)
    torch.testing.assert_close(again.net(x), model.net(x), rtol=1e-5, atol=1e-5)


def test_pixels_scaled_in_the_file_become_the_preprocessing(tmp_path):
    nodes = [
        node("Div", ["x", "white"], ["a"]),
        node("Sub", ["a", "mean"], ["b"]),
        node("Div", ["b", "std"], ["c"]),
        node("Conv", ["c", "w"], ["d"]),
        node("GlobalAveragePool", ["d"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("Softmax", ["f"], ["y"], axis=1),
    ]
    mean, std = (np.array(row, np.float32).reshape(3, 1, 1) for row in ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3)))
    tensors = {"white": np.array(255, np.float32), "mean": mean, "std": std, "w": numbers(4, 3, 3, 3)}
    made = model(nodes, tensors, ("n", 3, 64, 64))
    onnx.helper.set_model_props(made, {"names": "{0: 'cat', 1: 'dog', 2: 'owl', 3: 'eel'}"})
    path = saved(tmp_path, made)
    found = load.load("file/net", weights=tmp_path)
    assert found.preprocess.mean == pytest.approx((0.4, 0.5, 0.6))
    assert found.preprocess.std == pytest.approx((0.2, 0.25, 0.3))
    assert found.labels == ("cat", "dog", "owl", "eel")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64)).astype(np.float32)
    x = (torch.tensor(pixels) / 255 - torch.tensor(mean)) / torch.tensor(std)
    with torch.no_grad():
        torch.testing.assert_close(
            torch.softmax(found.net(x), 1), torch.tensor(answers(path, pixels)), rtol=1e-4, atol=1e-5
        )


def test_half_precision_is_computed_in_single(tmp_path):
    from onnxruntime.transformers import float16  # of the package itself; skipped where it has moved

    made = onnx.load_from_string(exports.content("Pair", False))
    half = float16.convert_float_to_float16(made)
    again = rebuild(reader.read(saved(tmp_path, half)))
    x = torch.randn(2, *nets.size_of("Pair"))
    with torch.no_grad():
        torch.testing.assert_close(again(x), logits(nets.made("Pair")(x)), rtol=1e-2, atol=1e-2)


HUGE = whole(2, 3, 2**40, 2**40)
ROW = numbers(3, 1, 1)
AFTER = node("Add", ["x", "b"], ["m"])


def hostile():
    """Models that nobody's exporter writes, by name: the model or its bytes, and a word of the refusal."""
    far = onnx.numpy_helper.from_array(ROW, "w")
    far.ClearField("raw_data")
    for place in ("../../etc/passwd", "/etc/passwd", "weights.bin"):
        far.data_location = 1
        del far.external_data[:]
        far.external_data.add(key="location", value=place)
        made = model(flat(node("Mul", ["x", "w"], ["m"])))
        made.graph.initializer.append(far)
        yield f"external {place.count('/')}{place[0] == '/'}", made, "another file"
        made = model(flat(node("Constant", [], ["w"], value=far), node("Mul", ["x", "w"], ["m"])))
        yield f"external in a node {place.count('/')}{place[0] == '/'}", made, "another file"
    yield (
        "circle",
        model([node("Add", ["x", "b"], ["a"]), node("Add", ["a", "x"], ["b"]), *flat(node("Relu", ["b"], ["m"]))]),
        "before it is",
    )
    yield "itself", model(flat(node("Add", ["x", "m"], ["m"]))), "before it is"
    yield (
        "twice",
        model([node("Relu", ["x"], ["a"]), node("Relu", ["x"], ["a"]), *flat(node("Relu", ["a"], ["m"]))]),
        "twice",
    )
    yield "unknown", model(flat(node("PyOp", ["x"], ["m"], module="os", compute="system"))), "'PyOp'"
    yield "python", model(flat(node("PythonOp", ["x"], ["m"], domain="com.microsoft"))), "com.microsoft"
    yield (
        "loop",
        model(flat(node("Loop", ["x", "x", "x"], ["m"], body=model(flat(node("Relu", ["x"], ["m"]))).graph))),
        "while it runs",
    )
    yield (
        "scan",
        model(flat(node("Scan", ["x"], ["m"], body=model(flat(node("Relu", ["x"], ["m"]))).graph))),
        "while it runs",
    )
    yield "words", model(flat(node("Constant", [], ["b"], value_strings=["a"]), AFTER)), "not read"
    for op, given in {
        "Expand": ["x", "h"], "ConstantOfShape": ["h"], "Tile": ["w", "t"], "Pad": ["x", "p"],
        "Resize": ["x", "", "", "h"], "Range": ["0", "far", "1"], "Reshape": ["x", "h"],
    }.items():  # fmt: skip
        more = {"mode": "linear"} if op == "Resize" else {}
        tensors = {
            "h": HUGE, "w": ROW, "t": whole(1, 2**40, 2**40), "p": whole(0, 0, 2**40, 2**40, 0, 0, 2**40, 2**40),
            "0": np.array(0), "1": np.array(1), "far": np.array(2**60),
        }  # fmt: skip
        used = {name: tensors[name] for name in given if name in tensors}
        yield f"bomb {op}", model(flat(node(op, given, ["b"], **more), AFTER), used), ""
    grown = [node("Concat", [f"b{at}", f"b{at}"], [f"b{at + 1}"], axis=0) for at in range(60)]
    yield (
        "doubling",
        model(flat(node("Identity", ["w"], ["b0"]), *grown, node("Mul", ["x", "b60"], ["m"])), {"w": ROW}),
        "memory",
    )
    wide = [node("Resize", [f"r{at}", "", "s"], [f"r{at + 1}"], mode="nearest") for at in range(20)]
    scale = {"s": np.array([1, 1, 2, 2], np.float32)}
    yield "growing maps", model(flat(node("Relu", ["x"], ["r0"]), *wide, node("Relu", ["r20"], ["m"])), scale), "memory"
    yield (
        "a name that is a method",
        model(flat(node("Conv", ["x", "forward.weight"], ["m"])), {"forward.weight": numbers(2, 3, 1, 1)}),
        "",
    )
    yield (
        "a name with code",
        model(
            flat(node("Conv", ["x", "__import__('os').weight"], ["m"], name="/a;b/Conv")),
            {"__import__('os').weight": numbers(2, 3, 1, 1)},
        ),
        "read",
    )
    yield (
        "not finite",
        model(flat(node("Conv", ["x", "w"], ["m"])), {"w": np.full((2, 3, 1, 1), np.nan, np.float32)}),
        "not finite",
    )
    made = model(flat(node("Relu", ["x"], ["m"])))
    made.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 2**60
    yield "a wide input", made, ""
    made = model(flat(node("Relu", ["x"], ["m"])), {"w": ROW})
    made.graph.initializer[0].dims[:] = [2**40, 2**40]
    yield "a wide tensor", made, "numbers than its shape"
    data = model(flat(node("Conv", ["x", "w"], ["m"])), {"w": numbers(8, 3, 3, 3)}).SerializeToString()
    yield "cut", data[:-9], "damaged"
    yield "tiny messages", b"\x3a\x80\x89\x7a" + b"\x0a\x00" * 1_000_000, ""
    yield "nested", nested(3000), ""


def nested(depth):
    """Graphs inside of graphs."""
    inner = b""
    for tag in (b"\x32", b"\x2a", b"\x0a") * depth:
        size, count = b"", len(inner)
        while count > 127:
            size, count = size + bytes([count & 127 | 128]), count >> 7
        inner = tag + size + bytes([count]) + inner
        if len(inner) > 100_000:
            break
    return inner


def mutated(content: bytes, seed: int) -> bytes:
    """A file with a few bytes that are others, gone, or twice."""
    chance = random.Random(seed)
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(min(len(found), 3_000) if chance.random() < 0.5 else len(found))
        kind = chance.randrange(4)
        if kind == 0:
            found[at] = chance.randrange(256)
        elif kind == 1:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del found[at : at + chance.randint(1, 9)]
        else:
            found[at:at] = found[at : at + chance.randint(1, 40)]
    return bytes(found)


def small() -> bytes:
    """A net of a few kilobytes, as today's exporter writes it."""
    return exports.content("Shared", True)


def test_hostile_files_run_nothing_and_are_refused_by_name(tmp_path):
    corpus = {
        name: (made if isinstance(made, bytes) else made.SerializeToString(), word) for name, made, word in hostile()
    }
    files = {f"{at:03}": content for at, (content, _) in enumerate(corpus.values())}
    found = watched(tmp_path, files, ".onnx", {"small.onnx": small()})
    for at, (name, (content, word)) in enumerate(corpus.items()):
        said = found[f"{at:03}"]
        assert said["seen"] == [], (name, said)
        assert not said["outcome"].startswith("RAISED"), (name, said)
        assert word in said["outcome"], (name, said)
        assert said["kilobytes"] < 2 * len(content) / 1024 + 300_000, (name, said)
        if word and word != "read":
            assert not said["outcome"].startswith("read"), (name, said)


@pytest.mark.skipif(not CLEARED.exists(), reason="memory is measured on Linux alone")
@pytest.mark.parametrize("seeds", [10, pytest.param(200, marks=pytest.mark.long)])
def test_reading_takes_less_memory_than_twice_the_file_and_the_budget(seeds, tmp_path):
    contents = {"large.onnx": exports.exported(plain_net(), (3, 16, 16), True)}
    for at, (name, made, _) in enumerate(hostile()):
        if name.startswith(("bomb", "doubling", "growing", "a wide", "tiny", "nested")):
            contents[f"hostile {at}.onnx"] = made if isinstance(made, bytes) else made.SerializeToString()
    contents |= {f"{seed}.onnx": mutated(small(), seed) for seed in range(seeds)}
    found = weighed(tmp_path, contents, {"sound.onnx": small()})
    within(found, contents)
    assert found["large.onnx"]["outcome"] == "read Sequential"


def looked_at(folder: Path, seeds: range) -> list[dict]:
    """What became of mutated files, of which none may do anything but be read or refused."""
    files = {f"{seed:05}": mutated(small(), seed) for seed in seeds}
    found = watched(folder, files, ".onnx", {"small.onnx": small()})
    assert len(found) == len(seeds)
    assert [said for said in found.values() if said["seen"] or said["outcome"].startswith("RAISED")] == []
    assert max(said["kilobytes"] for said in found.values()) < 300_000
    return list(found.values())


def test_mutated_files_run_nothing_and_are_refused_or_read(tmp_path):
    found = looked_at(tmp_path, range(300))
    assert any(said["outcome"].startswith("read") for said in found)
    assert any(not said["outcome"].startswith("read") for said in found)


def test_a_file_for_something_else_is_refused(tmp_path):
    for shape, why in (
        ((1, 10), "takes 1 x 10"),
        ((1, 4, 8, 8), "takes 1 x 4 x 8 x 8"),
        ((1, 3, 8), "takes 1 x 3 x 8"),
    ):
        with pytest.raises(ForeignError, match=why):
            reader.read(saved(tmp_path, model([node("Relu", ["x"], ["y"])], shape=shape)))
    with pytest.raises(ForeignError, match="instead of a number a class"):
        reader.read(saved(tmp_path, model([node("Relu", ["x"], ["y"])])))
    two = model([node("Add", ["x", "z"], ["m"]), node("Flatten", ["m"], ["y"])])
    two.graph.input.append(onnx.helper.make_tensor_value_info("z", 1, (2, 3, 8, 8)))
    with pytest.raises(ForeignError, match="takes 2 inputs"):
        reader.read(saved(tmp_path, two))


if __name__ == "__main__":  # python -m tests.models.foreign.test_onnx 10000
    with tempfile.TemporaryDirectory() as place:
        told = looked_at(Path(place), range(int(sys.argv[1])))
    read = sum(said["outcome"].startswith("read") for said in told)
    print(f"{len(told)} mutated files: {read} read, {len(told) - read} refused, none did anything else; ", end="")
    print(f"the slowest took {max(said['seconds'] for said in told):.2f} s")


def test_a_file_of_the_exporter_before_torch_2_9_is_read(tmp_path):
    (path,) = written.unpacked(tmp_path, ".onnx").values()
    net = rebuild(reader.read(path))
    torch.testing.assert_close(net(written.sample())[0], torch.tensor(written.LOGITS), rtol=1e-5, atol=1e-5)
