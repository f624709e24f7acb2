"""What the environment says: every CNNVIZ_ variable, read at the moment it is asked for, here and nowhere else.

An empty variable means its default. At the end stand the few variables of other programs that are read, too.
"""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cnnviz.options import RequestError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
BEHIND = 10  # steps of priority
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class SettingError(RequestError):
    """A variable holds what cannot be read; the message names the variable."""


@dataclass(frozen=True)
class Setting:
    """One variable: its name, what its text is read as, what it means where it is not set, and what it is for."""

    name: str
    kind: Literal["path", "flag", "text", "number"]
    default: str
    sentence: str


SETTINGS = (
    Setting("CNNVIZ_WEIGHTS", "path", "weights", "folder of weight files, or one file"),
    Setting("CNNVIZ_RUNS", "path", "runs", "folder of training runs"),
    Setting(
        "CNNVIZ_CACHE",
        "path",
        "~/.cache/cnnviz",
        "folder for what depends on a network alone, and for features of data sets",
    ),
    Setting("CNNVIZ_DATA", "path", "data", "folder whose image folders the Data and Train pages offer"),
    Setting(
        "CNNVIZ_PUBLIC", "flag", "", "1 turns off uploads of checkpoints, training and deleting; set by serve --public"
    ),
    Setting("CNNVIZ_METRICS", "flag", "", "1 gives /metrics to everybody who reaches the server, also a public one"),
    Setting(
        "CNNVIZ_HOSTS",
        "text",
        "",
        "names the server responds to beside localhost and addresses in digits, separated by commas; * for any",
    ),
    Setting(
        "CNNVIZ_FRAMES", "text", "", "origins of pages that may show the dashboard in a frame, separated by commas"
    ),
    Setting(
        "CNNVIZ_UPLOADS",
        "number",
        "60",
        "files that one visit to a public server may upload at once, and then a minute",
    ),
    Setting("CNNVIZ_CONNECTIONS", "number", "1000", "connections that one address may have to a public server at once"),
    Setting(
        "CNNVIZ_PROXY",
        "flag",
        "",
        "1 where a reverse proxy is the only way to the server: visitors' addresses are its X-Forwarded-For",
    ),
    Setting(
        "CNNVIZ_OFFER_RUNS", "flag", "", "1 offers the networks of training runs, by name, on a public server, too"
    ),
    Setting("CNNVIZ_PASSWORD", "text", "", "a password that the server asks every browser for, before anything else"),
    Setting("CNNVIZ_RUN", "path", "", "set by a training run for the processes it starts itself"),
    Setting("CNNVIZ_DEVICE", "text", "auto", "auto, cpu, cuda, cuda:1, mps"),
)
_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def default(name: str) -> str:
    """What a variable of the table means where it is not set."""
    return _DEFAULTS[name]


def weights(given: Path | str | None = None) -> Path | None:
    """The folder of weight files, or the one file, that was given or is set; None where none is named."""
    named = given or os.environ.get("CNNVIZ_WEIGHTS")
    return Path(named).expanduser() if named else None


def runs(given: Path | str | None = None) -> Path:
    """The folder of training runs: the one given, else the one set."""
    return Path(given or _text("CNNVIZ_RUNS")).expanduser()


def cache() -> Path:
    """The folder for what depends on a network alone, and for the features of data sets."""
    return Path(_text("CNNVIZ_CACHE")).expanduser()


def data() -> Path:
    """The folder of data sets."""
    return Path(_text("CNNVIZ_DATA")).expanduser()


def public() -> bool:
    """Whether others are served, too. Raises `SettingError`, upon which nothing may be opened to them."""
    return flag("CNNVIZ_PUBLIC")


def metrics() -> bool:
    """Whether everybody may have the metrics. Raises `SettingError`, upon which nobody may."""
    return flag("CNNVIZ_METRICS")


def proxy() -> bool:
    """Whether a reverse proxy says from which address a request is."""
    return flag("CNNVIZ_PROXY")


def password() -> str:
    """The password that the server asks for; "" for none."""
    return _text("CNNVIZ_PASSWORD")


def offer_runs() -> bool:
    """Whether strangers may see and choose the networks of training runs."""
    return flag("CNNVIZ_OFFER_RUNS")


def uploads() -> float:
    """How many files one visit to a public server may upload at once, and then a minute."""
    return number("CNNVIZ_UPLOADS")


def connections() -> float:
    """How many connections one address may have to a public server at once."""
    return number("CNNVIZ_CONNECTIONS")


def hosts() -> tuple[str, ...]:
    """The names that the server answers to beside localhost, in lower case; "*" among them for any."""
    return tuple(name.strip().lower().rstrip(".") for name in _text("CNNVIZ_HOSTS").split(",") if name.strip())


def frames() -> tuple[str, ...]:
    """The origins of pages that may show the dashboard in a frame; what is no origin is left out."""
    named = (name.strip() for name in _text("CNNVIZ_FRAMES").split(","))
    return tuple(name for name in named if name.startswith(("https://", "http://")) and name.isascii() and _plain(name))


def _plain(origin: str) -> bool:
    return not any(letter in origin for letter in " ;,'\"\t\r\n")


def run() -> Path | None:
    """The run whose process started this one; None in a process that nobody's training started."""
    named = _text("CNNVIZ_RUN")
    return Path(named) if named else None


def device(given: str | None = None) -> str:
    """The name of the device that networks run on: the one given, else the one set."""
    return given or _text("CNNVIZ_DEVICE")


def flag(name: str) -> bool:
    """Whether a flag of the table is on. Raises `SettingError` where it says neither yes nor no."""
    text = _text(name).strip().lower()
    if text not in YES + NO:
        raise SettingError(f"{name} is {_text(name)!r}; write 1, true, yes or on, or else 0, false, no or off.")
    return text in YES


def number(name: str) -> float:
    """A number of the table, from 1. Raises `SettingError` where it is none."""
    text = _text(name).strip()
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise SettingError(f"{name} is {_text(name)!r}; write a whole number from 1.")
    return float(text)


def check() -> None:
    """Raises `SettingError` where a variable of the table holds what cannot be read."""
    for setting in SETTINGS:
        if setting.kind == "flag":
            flag(setting.name)
        elif setting.kind == "number":
            number(setting.name)


def put(name: str, value: str) -> None:
    """Sets a variable of the table for this process and for those it starts."""
    default(name)
    os.environ[name] = value


def _text(name: str) -> str:
    return os.environ.get(name) or default(name)


def give_home() -> None:
    """Sets HOME to / where nobody has set it and the system knows no home of this user: a container's any number.

    Nothing can be written there, which everything is prepared for, while a home that cannot be named is an error in
    every library that asks for it.
    """
    if os.path.expanduser("~")[:1] == "~":
        os.environ["HOME"] = os.sep


def share_cores() -> bool:
    """Has the threads of PyTorch sleep where they wait for each other, instead of spinning; whether that could be had.

    OpenMP reads it as it is loaded, so not once PyTorch is there. A person's own choice stands. Beside another busy
    process, a thread that spins keeps the one that it waits for from its core.
    """
    if "torch" in sys.modules:
        return False
    if not any(name in os.environ for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    return True


def stand_back(process: int) -> bool:
    """Has a process that was just started take what this one leaves of the cores; whether that could be had."""
    if sys.platform == "win32":
        return False
    try:
        os.setpriority(os.PRIO_PROCESS, process, min(19, os.getpriority(os.PRIO_PROCESS, 0) + BEHIND))
    except OSError:  # it has ended already
        return False
    return True


def keep_freed_memory() -> bool:
    """Has this process use freed memory again instead of giving it back to the system; whether that could be had.

    For a process that trains: glibc maps every tensor above 32 MiB anew, and each of its pages is a fault that costs
    as much as filling it. A person's own choice stands. It is for processes that end, as what was freed stays theirs.
    """
    if any(name in os.environ for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        return False
    return all(mallopt(of, 1 << 30) for of in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD))


def quiet_ray() -> None:
    """Has Ray report no usage to its makers, and warn of no default that it will change; before it is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def rank() -> int:
    """0 for the first of the processes of one training, or the only one; above 0 for the others, on any machine.

    Lightning gives LOCAL_RANK to those that it starts; NODE_RANK (torchrun: GROUP_RANK) is the number of the machine.
    """
    return max(int(os.environ.get(name) or 0) for name in ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK"))


def torch_home() -> Path:
    """Where torch keeps its downloads unless it was told otherwise in Python."""
    cached = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(os.environ.get("TORCH_HOME") or cached).expanduser()


def hub_cache() -> Path:
    """Where huggingface_hub, and timm with it, keeps its downloads."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def environment(home: Path) -> dict[str, str]:
    """The environment for a process to be started, whose Python finds the package in `home`."""
    path = (str(home), os.environ.get("PYTHONPATH"))
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))}
