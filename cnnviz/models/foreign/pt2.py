"""A .pt2 file of torch.export.save read as data: JSON and raw tensors, never `torch.export.load`, which runs code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from cnnviz.models.foreign.archive import Archive
from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value, printable
from cnnviz.models.foreign.held import File
from cnnviz.models.foreign.payload import DTYPES, tensors, whole

ARCHIVE = "0"
SCHEMA = (8, range(8, 64))  # major, minors: torch 2.8 writes 8.8, and later minors add fields that are not needed here
OUTPUTS = ("logits", "out", "output", "pred", "prediction", "scores")  # of a dict, the first there is
ASSERTS = re.compile(r"torch\.ops\.aten\.(_assert_\w+|sym_constrain_range\w*)\.\w+|torch\.sym_constrain\w*")
SYMBOLS = {
    "torch.sym_max": "operator.max", "torch.sym_min": "operator.min", "torch.sym_int": "operator.int",
    "torch.sym_float": "operator.float", "math.ceil": "operator.ceil", "math.trunc": "operator.int",
}  # fmt: skip
LARGE = 8 << 30


def read(file: File) -> Program:
    """The network in a .pt2 file.

    Raises `ForeignError` for a file that torch.export.save did not write, one of a version that is not known, and one
    whose network takes or gives something else than a batch of images and logits.
    """
    with Archive(file) as archive:
        said = _model(archive)
        try:
            return _Reader(archive, said).program()
        except ForeignError:
            raise
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError):
            raise ForeignError(
                f"{archive.name} is not written as torch.export.save does it; export it again."
            ) from None


def _model(archive: Archive) -> Mapping[str, Any]:
    """What the file says of its one network. Raises `ForeignError` where its version is not one that is read."""
    if "serialized_exported_program.json" in archive.entries:
        raise ForeignError(f"{archive.name} is of a torch before 2.8; export it again with torch 2.8 or later.")
    if "archive_format" not in archive.entries and "constants.pkl" in archive.entries:
        raise ForeignError(
            f"{archive.name} is TorchScript, which is program code; save it with torch.export.save or its state dict."
        )
    if any(name.startswith("data/aotinductor/") for name in archive.entries):
        raise ForeignError(
            f"{archive.name} holds compiled code and no network; save the exported program with torch.export.save."
        )
    version = archive.text("archive_version") if "archive_version" in archive.entries else "none"
    if version != ARCHIVE or archive.text("archive_format") != "pt2":
        raise ForeignError(f"{archive.name} is a .pt2 archive of version {printable(version)}, and 0 is read.")
    if "byteorder" in archive.entries and archive.text("byteorder") != "little":
        raise ForeignError(f"{archive.name} was written on a big-endian machine; export it on another one.")
    models = [name for name in archive.entries if name.startswith("models/")]
    if len(models) != 1 or not models[0].endswith(".json"):
        raise ForeignError(f"{archive.name} holds {len(models)} networks; save one in a file.")
    said = archive.words(models[0])
    schema = said.get("schema_version")
    major, minor = (schema.get("major"), schema.get("minor")) if isinstance(schema, dict) else (None, None)
    if major != SCHEMA[0] or minor not in SCHEMA[1]:
        raise ForeignError(
            f"{archive.name} has version {printable(f'{major}.{minor}')[1:-1]} of the export schema, and "
            f"{SCHEMA[0]}.{SCHEMA[1].start} to {SCHEMA[0]}.{SCHEMA[1].stop - 1} are read; "
            "export it again with torch 2.8 to 2.14."
        )
    return {**said, "model": models[0].removeprefix("models/").removesuffix(".json")}


class _Reader:
    """One network of an open archive."""

    def __init__(self, archive: Archive, said: Mapping[str, Any]) -> None:
        self.archive, self.said = archive, said
        self.module = said["graph_module"]
        self.graph = self.module["graph"]
        self.names: dict[str, str] = {}  # of a value in the graph: its tensor's name in the state dict

    def program(self) -> Program:
        found, buffers = tensors(self.archive, self.said["model"])
        image = self._inputs(found)
        steps, kind = [], ""
        for node in self.graph["nodes"]:
            if not ASSERTS.fullmatch(node["target"]):
                steps.append(self._step(node))
                kind = kind or _root(node)
        meta = self.graph["tensor_values"][image]
        if DTYPES.get(meta["dtype"]) not in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
            raise ForeignError(f"{self.archive.name} takes whole numbers instead of an image scaled to 0..1.")
        shape = tuple(None if "as_expr" in side else whole(side) for side in meta["sizes"])
        hints = tuple(whole(side) for side in meta["sizes"])
        if len(shape) != 4 or hints[1] not in (1, 3):
            size = " x ".join(map(str, hints))
            raise ForeignError(
                f"{self.archive.name} takes an input of {size} instead of a batch of images with 1 or 3 channels."
            )
        shape = (shape[0], *(hints if None in shape[1:] else shape)[1:])
        used = {name: found[name] for name in self.names.values()}
        said = {"torch": str(self.said.get("torch_version", ""))[:40]} | ({"class": kind} if kind else {})
        return Program(image, shape, tuple(steps), used, self._output(), (), said, buffers & set(used))

    def _inputs(self, found: Mapping[str, Any]) -> str:
        """The name of the image; notes which values are which tensors."""
        images = []
        for spec in self.module["signature"]["input_specs"]:
            ((kind, entry),) = spec.items()
            if kind == "user_input":
                ((form, arg),) = entry["arg"].items()
                if form != "as_tensor":
                    raise ForeignError(
                        f"{self.archive.name} takes a number beside the image; export a network that takes one image."
                    )
                images.append(arg["name"])
            elif kind in _NAMED:
                name = entry[_NAMED[kind]]
                if name not in found:
                    raise ForeignError(f"{self.archive.name} lacks the tensor {printable(name)}; export it again.")
                self.names[entry["arg"]["name"]] = name
            elif kind != "constant_input":
                raise ForeignError(
                    f"{self.archive.name} holds an object that is no tensor, which is not opened; export it without."
                )
        if len(images) != 1:
            raise ForeignError(
                f"{self.archive.name} takes {len(images)} inputs; export a network that takes one batch of images."
            )
        return str(images[0])

    def _output(self) -> Value:
        """The logits: the only output, the first of several, or the one of a usual name."""
        outputs = [
            entry["arg"]["as_tensor"]["name"]
            for spec in self.module["signature"]["output_specs"]
            for kind, entry in spec.items()
            if kind == "user_output" and "as_tensor" in entry["arg"]
        ]
        if not outputs:
            raise ForeignError(f"{self.archive.name} has no tensor as its output; export a network that gives logits.")
        keys = _keys(self.module, len(outputs))
        at = next((keys.index(name) for name in OUTPUTS if name in keys), 0)
        return Value(self._named(outputs[at]))

    def _named(self, name: Any) -> str:
        """A value's name in the program: a tensor's is that of the state dict."""
        if not isinstance(name, str):
            raise TypeError("no name")
        return self.names.get(name, name)

    def _step(self, node: Mapping[str, Any]) -> Step:
        args, kwargs = [], {}
        for given in node["inputs"]:
            value = self._argument(given["arg"])
            if given["name"] and not node["target"].startswith(_PYTHON):
                kwargs[str(given["name"])] = value
            else:
                args.append(value)
        out: list[str] = []
        for entry in node["outputs"]:
            ((form, value),) = entry.items()
            if form == "as_tensors":
                out += [one["name"] for one in value]
            elif form in ("as_tensor", "as_optional_tensor"):
                out.append(value["name"] if "name" in value else value.get("as_tensor", {}).get("name", ""))
            elif form in ("as_sym_int", "as_sym_float", "as_sym_bool"):
                out.append(value["as_name"])
            elif form == "as_none":
                out.append("")
            else:
                raise ForeignError(f"{self.archive.name} has an operation whose output is no tensor; export it again.")
        if not all(isinstance(name, str) for name in out):
            raise TypeError("no name")
        return Step(_canonical(node["target"]), tuple(args), tuple(out), kwargs, _scope(node))

    def _argument(self, said: Mapping[str, Any]) -> Any:
        ((form, value),) = said.items()
        if form in _PLAIN:
            return _PLAIN[form](value)
        if form == "as_tensor":
            return Value(self._named(value["name"]))
        if form == "as_tensors":
            return tuple(Value(self._named(one["name"])) for one in value)
        if form == "as_optional_tensors":
            return tuple(None if "as_none" in one else Value(self._named(one["as_tensor"]["name"])) for one in value)
        if form == "as_optional_tensor":
            return None if "as_none" in value else Value(self._named(value["as_tensor"]["name"]))
        if form in ("as_sym_int", "as_sym_float"):
            return self._size(value)
        if form in ("as_sym_ints", "as_sym_floats"):
            return tuple(map(self._size, value))
        raise ForeignError(
            f"{self.archive.name} uses an argument of the kind {printable(form)}, which is not read; "
            "export the network without control flow and objects of its own."
        )

    def _size(self, said: Mapping[str, Any]) -> Any:
        ((form, value),) = said.items()
        return Value(self._named(value)) if form == "as_name" else _number(value)


_NAMED = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
_PYTHON = ("_operator.", "torch.sym_", "math.")


def _number(value: Any) -> int | float:
    if isinstance(value, str):  # how JSON carries what it cannot: Infinity, -Infinity, NaN
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("no number")
    return value


def _numbers(value: Any) -> tuple[int | float, ...]:
    return tuple(map(_number, value))


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not true or false")
    return value


def _nothing(_: Any) -> None:
    return None


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "as_none": _nothing, "as_int": _number, "as_ints": _numbers, "as_float": _number, "as_floats": _numbers,
    "as_bool": _truth, "as_string": str, "as_scalar_type": lambda value: DTYPES[value],
    "as_memory_format": _nothing, "as_layout": _nothing, "as_device": _nothing,
}  # fmt: skip  # where a tensor lies in memory and on which device is decided here


def _canonical(target: str) -> str:
    """An operation's name in the program: torch.ops.aten.relu.default is aten.relu.default."""
    if target.startswith("_operator."):
        return "operator." + target.removeprefix("_operator.")
    return SYMBOLS.get(target, target.removeprefix("torch.ops."))


def _stack(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The modules around an operation, outermost first: (path, class), the root included."""
    said = node.get("metadata", {}).get("nn_module_stack", "")
    if not isinstance(said, str) or not said:
        return []
    found = []
    for entry in said.split(";"):
        key, path, kind = entry.split(",", 2)
        path = path.removeprefix("L['self']").removeprefix("L__self__").lstrip(".")
        turn = re.search(r"@[0-9]+$", key)
        found.append((path + turn[0] if turn and "@" not in path and path else path, kind.rpartition(".")[2]))
    return found


def _root(node: Mapping[str, Any]) -> str:
    return next((kind for path, kind in _stack(node) if not path), "")


def _scope(node: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((path, kind) for path, kind in _stack(node) if path)


def _keys(module: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The keys of the outputs where the network gives a flat dict; none where it gives anything else."""
    try:
        spec = json.loads(module["module_call_graph"][0]["signature"]["out_spec"])[1]
        keys = json.loads(spec["context"]) if spec["type"] == "builtins.dict" else []
    except (KeyError, IndexError, TypeError, ValueError, RecursionError):
        return ()
    return tuple(map(str, keys)) if isinstance(keys, list) and len(keys) == count else ()
