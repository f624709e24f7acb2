"""Files of the kind .pt2 that nobody's exporter writes: with code in them, bombs, lies and circles."""

from __future__ import annotations

import io
import json
import pickle
import random
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from tests.models.foreign import nets

ROOT = "archive/"
MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
Entries = dict[str, bytes]


class Runs:
    """Whatever unpickles it writes a file."""

    def __reduce__(self) -> Any:
        return exec, ("open('/tmp/cnnviz-code-has-run', 'w').write('x')",)


def entries(content: bytes) -> Entries:
    """The entries of an archive without their folder."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def packed(found: Entries, method: int = zipfile.ZIP_STORED, twice: str = "") -> bytes:
    """An archive of entries; that of one name twice, if one is given."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, content in found.items():
            archive.writestr(ROOT + name, content)
        if twice:
            archive.writestr(ROOT + twice, found[twice])
    return file.getvalue()


def edited(change: Callable[[Any, Any], None], name: str = "Shared") -> bytes:
    """The file of a net, after a change of the description of its network and that of its weights."""
    found = entries(nets.content(name))
    model, weights = json.loads(found[MODEL]), json.loads(found[WEIGHTS])
    change(model, weights)
    found |= {MODEL: json.dumps(model).encode(), WEIGHTS: json.dumps(weights).encode()}
    return packed(found)


def nodes(model: Any) -> list[Any]:
    """The operations."""
    return model["graph_module"]["graph"]["nodes"]


def node(model: Any, op: str) -> Any:
    """The first operation of a name."""
    return next(one for one in nodes(model) if one["target"].startswith(f"torch.ops.aten.{op}."))


def adds(op: str, **arguments: Any) -> Callable[[Any, Any], None]:
    """A change that puts an operation on the image in front, whose output the first convolution takes."""

    def change(model: Any, _: Any) -> None:
        inputs = [{"name": name, "arg": value, "kind": 1} for name, value in arguments.items()]
        first = node(model, "conv2d")
        for given in first["inputs"]:
            if given["name"] == "input":
                given["arg"] = {"as_tensor": {"name": "bomb"}}
        nodes(model).insert(
            0, {"target": f"torch.ops.aten.{op}", "inputs": inputs, "outputs": [{"as_tensor": {"name": "bomb"}}],
                "metadata": {}, "is_hop_single_tensor_return": None, "name": "bomb"}
        )  # fmt: skip

    return change


X = {"as_tensor": {"name": "x"}}
HUGE = 1 << 40


def corpus() -> Iterator[tuple[str, bytes, str]]:
    """Name, file, and a word of the sentence that refuses it; "" where it is read and nothing in it runs."""
    good = nets.content("Shared")
    found = entries(good)
    code = pickle.dumps(Runs())

    def pickled(_: Any, weights: Any) -> None:
        weights["config"]["conv.weight"]["use_pickle"] = True

    content = entries(edited(pickled))
    path = json.loads(content[WEIGHTS])["config"]["conv.weight"]["path_name"]
    yield "a pickled weight", packed(content | {f"data/weights/{path}": code}), "pickled"
    yield "legacy weights", packed(found | {"data/weights/model.pt": code}), "pickled"
    yield "a pickled sample input", packed(found | {"data/sample_inputs/model.pt": code}), ""
    opaque = {"config": {"lifted": {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}}}
    yield (
        "an opaque constant",
        packed(found | {CONSTANTS: json.dumps(opaque).encode(), "data/constants/opaque_obj_0": code}),
        "pickled",
    )

    def symbol(model: Any, _: Any) -> None:
        evil = "__import__('os').system('touch /tmp/cnnviz-code-has-run')"
        for meta in model["graph_module"]["graph"]["tensor_values"].values():
            meta["sizes"][:1] = [{"as_expr": {"expr_str": evil, "hint": {"as_int": 1}}}]
        model["range_constraints"] = {evil: {"min_val": 0, "max_val": 9}}

    yield "a sympy expression", edited(symbol), ""

    def guards(model: Any, _: Any) -> None:
        model["guards_code"] = ["__import__('os').system('touch /tmp/cnnviz-code-has-run')"]

    yield "code in guards", edited(guards), ""
    yield "a path that escapes", packed(found | {"../../escaped": b"x"}), "outside"
    yield "an absolute path", packed(found | {"/etc/escaped": b"x"}), "outside"
    yield "a zip bomb", packed(found | {"extra/zeros": bytes(50_000_000)}, zipfile.ZIP_DEFLATED), "unpacks"
    yield "a compressed file", packed(found, zipfile.ZIP_DEFLATED), ""
    yield "an entry twice", packed(found, twice=MODEL), "twice"
    yield "two networks", packed(found | {"models/other.json": found[MODEL]}), "2 networks"

    def circle(model: Any, _: Any) -> None:
        first = node(model, "conv2d")
        first["inputs"][0]["arg"] = {"as_tensor": {"name": nodes(model)[-1]["name"]}}

    yield "a circle", edited(circle), "before it is computed"

    def again(model: Any, _: Any) -> None:
        nodes(model)[3]["outputs"] = nodes(model)[0]["outputs"]

    yield "an output twice", edited(again), "twice"

    def wide(_: Any, weights: Any) -> None:
        weights["config"]["conv.weight"]["tensor_meta"]["sizes"][0] = {"as_int": HUGE}

    yield "a huge shape", edited(wide), "bytes"

    def strided(_: Any, weights: Any) -> None:
        meta = weights["config"]["conv.weight"]["tensor_meta"]
        meta["sizes"], meta["strides"] = [{"as_int": 1 << 20}] * 2, [{"as_int": 0}] * 2

    yield "one value many times", edited(strided), "bytes"

    def beyond(_: Any, weights: Any) -> None:
        weights["config"]["conv.weight"]["tensor_meta"]["storage_offset"] = {"as_int": 1}

    yield "a view beyond its bytes", edited(beyond), "bytes"

    def negative(_: Any, weights: Any) -> None:
        weights["config"]["conv.weight"]["tensor_meta"]["strides"][0] = {"as_int": -1}

    yield "a negative stride", edited(negative), "export it again"

    def typed(_: Any, weights: Any) -> None:
        weights["config"]["conv.weight"]["tensor_meta"]["dtype"] = 5

    yield "a wrong dtype", edited(typed), "bytes"

    def elsewhere(_: Any, weights: Any) -> None:
        weights["config"]["conv.weight"]["path_name"] = "../../../etc/passwd"

    yield "a weight elsewhere", edited(elsewhere), "pickled"

    def newer(model: Any, _: Any) -> None:
        model["schema_version"] = {"major": 9, "minor": 1}

    yield "another schema", edited(newer), "9.1"
    yield "another archive", packed(found | {"archive_version": b"7"}), "version '7'"
    yield "big-endian", packed(found | {"byteorder": b"big"}), "big-endian"
    old = {"serialized_exported_program.json": b"{}", "version": b"8.1"}
    yield "an older torch", packed(old), "before 2.8"
    yield "no weights", packed({name: value for name, value in found.items() if "weights" not in name}), "lacks"
    yield "half of it", good[: len(good) // 2], "damaged"
    yield "nested lists", packed(found | {MODEL: b"[" * 200_000}), "damaged"

    def called(model: Any, _: Any) -> None:
        nodes(model)[0]["target"] = "torch.ops.aten.__class__.__init__"

    yield "an operation that is none", edited(called), "aten.__class__"

    def imported(model: Any, _: Any) -> None:
        nodes(model)[0]["target"] = "os.system"

    yield "a function", edited(imported), "os.system"

    def named(model: Any, _: Any) -> None:
        stack = node(model, "conv2d")["metadata"]
        stack["nn_module_stack"] = "L__self__,,a.Net;L__self__x,x')+exec('1,a.Conv2d"

    yield "code as a name", edited(named), "impossible name"

    def inside(model: Any, _: Any) -> None:
        node(model, "conv2d")["metadata"]["nn_module_stack"] = "k,,a.Net;k,a.b,a.B;k,a,a.A"

    yield "a module inside of itself", edited(inside), "inside of itself"

    def method(model: Any, _: Any) -> None:
        node(model, "conv2d")["metadata"]["nn_module_stack"] = "k,,a.Net;k,forward,a.B"

    yield "a module called forward", edited(method), "no module can be"
    ints = {"as_ints": [HUGE, 3, 20, 20]}
    yield "expand", edited(adds("expand.default", self=X, size=ints)), "memory"
    yield "repeat", edited(adds("repeat.default", self=X, repeats={"as_ints": [1, 1, 1 << 20, 1 << 20]})), "memory"
    yield "pad", edited(adds("pad.default", self=X, pad={"as_ints": [1 << 30, 1 << 30]})), "memory"
    yield (
        "upsample",
        edited(
            adds(
                "upsample_nearest2d.vec",
                input=X,
                output_size={"as_ints": [1 << 20, 1 << 20]},
                scale_factors={"as_none": True},
            )
        ),
        "memory",
    )
    yield "zeros", edited(adds("zeros.default", size={"as_ints": [1, 3, 1 << 20, 1 << 20]})), "memory"
    yield "full", edited(adds("full.default", size={"as_ints": [HUGE]}, fill_value={"as_float": 1.0})), "memory"
    yield "arange", edited(adds("arange.default", end={"as_int": HUGE})), "memory"
    yield (
        "linspace",
        edited(adds("linspace.default", start={"as_int": 0}, end={"as_int": 1}, steps={"as_int": HUGE})),
        "memory",
    )


def mutated(content: bytes, seed: int) -> bytes:
    """A file with some of it changed: bytes, cuts, doubled parts, words of its JSON."""
    chance = random.Random(seed)
    kind = chance.randrange(6)
    if kind < 2:  # anywhere in the file
        found = bytearray(content)
        for _ in range(chance.choice((1, 1, 4, 40))):
            found[chance.randrange(len(found))] = chance.randrange(256)
        return bytes(found)
    if kind == 2:
        at, to = sorted(chance.randrange(len(content)) for _ in range(2))
        return chance.choice((content[:at], content[:at] + content[to:], content[:to] + content[at:]))
    parts = entries(content)
    name = chance.choice([MODEL, MODEL, WEIGHTS, CONSTANTS])
    if kind == 3:
        text = bytearray(parts[name])
        for _ in range(chance.choice((1, 3))):
            text[chance.randrange(len(text))] = chance.choice(b'0123456789{}[]",:abcxyz.-_/')
        parts[name] = bytes(text)
    elif kind == 4:
        told = json.loads(parts[name])
        for _ in range(chance.choice((1, 1, 3))):
            _change(told, chance)
        parts[name] = json.dumps(told).encode()
    else:
        name = chance.choice(list(parts))
        parts[name] = chance.choice((b"", parts[name][:-1], parts[name] * 2, parts[chance.choice(list(parts))]))
    return packed(parts)


ODD = (0, -1, 1, 2**31, 2**63, 10**30, 0.5, True, None, "", "x", "conv", [], {}, [0], float("inf"), float("nan"))


def _change(told: Any, chance: random.Random) -> None:
    """One value deep inside replaced, removed or doubled."""
    while True:
        keys = list(told) if isinstance(told, dict) else list(range(len(told)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(told[key], (dict, list)) and told[key] and chance.random() < 0.9:
            told = told[key]
            continue
        act = chance.randrange(3)
        if act == 0 and isinstance(told, dict):
            del told[key]
        elif act == 1 and isinstance(told, list):
            told.append(told[key])
        else:
            told[key] = chance.choice(ODD) if chance.random() < 0.6 else told[chance.choice(keys)]
        return
