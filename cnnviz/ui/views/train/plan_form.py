"""The widgets that spell a plan, and how a run's own plan, or what comes after it, gets back into them.

What was chosen stays for the visit, and stands in the link where it is not the default.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz.data.augment import PRESETS, Augment
from cnnviz.models import catalog, lecture
from cnnviz.options import RequestError, knobs
from cnnviz.train import plan as plans
from cnnviz.train.plan import OPTIMIZERS, SCHEDULES, Plan
from cnnviz.train.run import Run
from cnnviz.ui.server import data_sets, runs, startup
from cnnviz.ui.session import link
from cnnviz.ui.widgets import controls, show

RECIPES = {  # name, and what it does
    "scratch": ("From scratch", "Every weight begins at random and learns."),
    "features": ("Features once", "The pretrained net is run a single time on each picture; a new head learns."),
    "frozen": ("Frozen", "Pictures are augmented, the pretrained part rests, a new head learns."),
    "partial": ("Partial", "The last block learns, too, more gently than the head."),
    "full": ("Full", "Everything learns, the pretrained part more gently than the head."),
}
GOING_ON = ("Go on", "Every weight learns on from where it is.")  # what scratch means for weights of a run
LINKED = ("set", "net", "begin", "recipe")  # pickers whose values stand in the link
OWN = "as in the run"  # an augmentation that is none of the presets, as links call it
NEXT = {
    "features": ("Unfreeze and go on", "full"),
    "frozen": ("Unfreeze and go on", "full"),
    "partial": ("Unfreeze all and go on", "full"),
    "full": ("Train on", "full"),
    "scratch": ("Train on", "scratch"),
}
DEFAULTS: dict[str, Any] = {  # by field of the plan; the widget of each has the key plan-<field>
    "epochs": 10, "batch": 32, "rate": 2e-3, "augment": "none", "backbone_rate": 0.1, "last": 0, "optimizer": "adam",
    "schedule": "one_cycle", "weight_decay": 0.0, "smoothing": 0.0, "size": None, "fit": "crop", "patience": 0,
    "seed": 0, "pooling": None, "hidden": None, "dropout": None, "class_weights": False, "batch_norm": False,
    "head_norm": False, "channels": None, "pools": None,
}  # fmt: skip
KNOBS = {k.name: k for k in knobs(Plan)}
REST: dict[str, Any] = {"single_logit": True, "share": 0.2}  # what weights and split depend on, and no widget has
ALLOWED = {"channels": (1, 3), "augment": (*PRESETS, OWN)}  # where the widget offers other values than the plan has
EASY = 0.1  # of its rate is what a net goes on with that has learned before


def fill(wanted: Plan) -> None:
    """Puts a plan into the widgets; what they have no place for is kept. For a callback, before they are drawn."""
    preset = _preset(wanted.augment)
    changed = {"augment": preset, "batch_norm": bool(wanted.batch_norm), "head_norm": bool(wanted.head_norm)}
    for field in (*DEFAULTS, *REST):
        st.session_state[f"plan-{field}"] = changed.get(field, getattr(wanted, field))
    st.session_state["plan-own"] = _spelt(wanted.augment) if preset == OWN else ""
    st.session_state["_of"] = (wanted.net, wanted.start)
    name = Path(wanted.data).name
    for key, value in zip(LINKED, (name, wanted.net, wanted.start, wanted.recipe), strict=True):
        if key != "set" or name in data_sets.data_sets():
            st.session_state[key] = value
    forget_rate()


def forget_rate() -> None:
    """Ends the search for a rate and forgets what the last one found, for another plan."""
    st.session_state.pop("_rate_curve", None)
    if folder := st.session_state.pop("_rate_folder", None):
        runs.forget_rate(Path(folder))


def handed(augment: Augment) -> dict[str, str]:
    """What a link to Train says, so that its pictures vary like this."""
    preset = _preset(augment)
    return {"plan-augment": preset} | ({"plan-own": _spelt(augment)} if preset == OWN else {})


def _preset(augment: Augment) -> str:
    """The name of an augmentation; `OWN` where it is none of the presets."""
    return next((name for name, one in PRESETS.items() if one == augment), OWN)


def _spelt(augment: Augment) -> str:
    """What an augmentation changes, as a line of JSON."""
    return json.dumps({k: v for k, v in dataclasses.asdict(augment).items() if v != getattr(Augment(), k)})


def _augment(line: str) -> Augment | None:
    """The augmentation in a line of JSON; None where there is none."""
    try:
        return Augment(**json.loads(line)) if line else None
    except (ValueError, TypeError):
        return None


def _before() -> None:
    """Gives every field of the plan the value in the link, else what it last had, else its default."""
    link.linked("plan-own", "", lambda line: not line or _augment(line) is not None, str)
    for field, default in (DEFAULTS | REST).items():
        link.linked(f"plan-{field}", default, _allowed(field), _read(field))


def _allowed(field: str) -> Callable[[Any], bool]:
    """Whether a field may have a value."""
    if field in ALLOWED:
        return ALLOWED[field].__contains__
    known = KNOBS[field]
    if known.choices or known.kind is bool:
        return (known.choices or (True, False)).__contains__
    return lambda value: known.low <= value <= known.high


def _read(field: str) -> Callable[[str], Any]:
    """How a field is read from a link."""
    kind = KNOBS[field].kind if field in KNOBS else str
    return (lambda text: text == "true") if kind is bool else kind


def _after(rest: bool) -> None:
    """Keeps every field, and puts it in the link where it counts."""
    for field, default in DEFAULTS.items():
        link.note(f"plan-{field}", default)
    own = st.session_state["plan-own"]
    link.note("plan-own", "" if st.session_state["plan-augment"] == OWN else own)
    for field, default in REST.items():
        link.note(f"plan-{field}", default if rest else st.session_state[f"plan-{field}"])


def next_stage(run: Run) -> None:
    """Puts the next stage of a run into the widgets: its weights, unfrozen, at a gentler rate."""
    _, recipe = NEXT[run.plan.recipe]
    rate = float(f"{run.plan.rate * EASY:.1e}")
    fill(run.plan.but(start=f"run/{run.id}@best", recipe=recipe, backbone_rate=0.1, rate=rate, title=""))
    st.session_state["_stage"] = f"run/{run.id}@best"
    st.session_state["_told"] = False


def take(field: str, value: Any) -> None:
    """Puts one field of the plan into its widget; for a callback."""
    st.session_state[f"plan-{field}"] = value


def ask(names: tuple[str, ...]) -> Plan | None:
    """The plan that the widgets spell."""
    _before()
    one, two, three, four = st.columns([1, 1.35, 1.1, 0.75], gap="medium")
    with one:
        name = controls.pick("Data set", "set", list(names), names[0], always=True)
    with two:
        small = {f"lecture/{name}": spec.title for name, spec in lecture.NETS.items() if spec.head != "none"}
        nets = [*small, *(e.name for e in catalog.TORCHVISION)]
        where = {row.key: row.where for row in startup.rows()}
        titles = {e.name: f"{e.title} · {where.get(e.name, 'download')}" for e in catalog.TORCHVISION}
        net = controls.pick("Net", "net", nets, nets[0], words=(titles | small).__getitem__)
    is_lecture = net.startswith("lecture/")
    with three:
        learned = [row.key for row in startup.rows() if row.where == "run"]
        begun = controls.pick("Begin with the weights of", "begin", ["", *learned], "", words=lambda k: k or "nothing")
    with four:
        allowed = list(RECIPES) if not is_lecture or begun else ["scratch"]
        words = RECIPES | ({"scratch": GOING_ON} if begun else {})
        recipe = controls.pick("Recipe", "recipe", allowed, allowed[0], words=lambda k: words[k][0])
    show.say(words[recipe][1])
    values = numbers(recipe)
    with st.expander("More"):
        values |= more(is_lecture)
    rest = st.session_state.setdefault("_of", (net, begun)) == (net, begun)
    _after(rest)
    if begun and begun == st.session_state.get("_stage"):
        line = f"The next stage of {begun}: find a rate, take it over, then train."
        show.say(line)
        if not st.session_state["_told"]:  # where it was asked for may be far below
            st.session_state["_told"] = True
            st.toast(show.plain(line), icon=":material/lock_open:")
    if rest:
        values |= {field: st.session_state[f"plan-{field}"] for field in REST}
    threads = max(1, plans.cores() - 1)
    try:
        return Plan(str(data_sets.shelf() / name), net=net, start=begun, recipe=recipe, threads=threads, **values)
    except RequestError as error:
        st.error(show.plain(str(error)), icon=":material/error:")
        return None


def numbers(recipe: str) -> dict[str, Any]:
    """How long, how fast, and with what changes to the pictures."""
    gentle = recipe in ("partial", "full")
    columns = iter(st.columns(5 + (recipe == "partial") if gentle else 4, gap="medium"))
    values: dict[str, Any] = {
        "epochs": int(next(columns).number_input("Epochs", 1, 10_000, key="plan-epochs")),
        "batch": int(next(columns).number_input("Pictures in one step", 1, 4096, key="plan-batch")),
        "rate": float(
            next(columns).number_input("Learning rate", 1e-7, 10.0, step=1e-4, key="plan-rate", format="%.2e")
        ),
    }
    if gentle:
        values["backbone_rate"] = next(columns).number_input(
            "Backbone’s share of it", 0.0, 1.0, step=0.05, key="plan-backbone_rate",
            help="The pretrained part learns at so much of the rate, the head at all of it",
        )  # fmt: skip
    if recipe == "partial":
        values["last"] = int(
            next(columns).number_input(
                "Last layers",
                0,
                500,
                key="plan-last",
                help="How many layers before the head learn; 0 is the last block",
            )
        )
    if recipe == "features":
        next(columns).caption("Features are computed once, so pictures stay as they are.")
        return values | {"augment": PRESETS["none"]}
    own = _augment(st.session_state["plan-own"])
    presets = {**PRESETS, **({OWN: own} if own else {})}
    if st.session_state["plan-augment"] not in presets:
        st.session_state["plan-augment"] = "none"
    chosen = next(columns).selectbox(
        "Augmentation",
        list(presets),
        key="plan-augment",
        help="The Data page shows what each does",
        format_func=lambda name: "custom" if name == OWN else name,
    )
    return values | {"augment": presets[chosen]}


def more(is_lecture: bool) -> dict[str, Any]:
    """The rarer switches; None is the net's own."""
    a, b, c, d = st.columns(4, gap="medium")
    own = "the net’s own"
    values: dict[str, Any] = {
        "optimizer": a.selectbox("Optimizer", OPTIMIZERS, key="plan-optimizer"),
        "schedule": b.selectbox("Schedule", SCHEDULES, key="plan-schedule"),
        "weight_decay": c.number_input("Weight decay", 0.0, 1.0, step=0.01, key="plan-weight_decay"),
        "smoothing": d.slider("Label smoothing", 0.0, 0.5, step=0.05, key="plan-smoothing"),
        "size": a.number_input("Side of the input, px", 16, 1024, None, placeholder=own, key="plan-size"),
        "fit": b.selectbox("Pictures become square by", ("crop", "squash"), key="plan-fit"),
        "patience": c.number_input("Stop after epochs without progress, 0 for never", 0, 1000, key="plan-patience"),
        "seed": d.number_input("Seed", 0, 2**31 - 1, key="plan-seed"),
        "pooling": a.selectbox(
            "Maps become a vector by", ("gap", "flatten"), None, key="plan-pooling", placeholder=own
        ),
        "hidden": b.number_input("Hidden units", 0, 4096, None, placeholder=own, key="plan-hidden"),
        "dropout": c.number_input("Dropout", 0.0, 0.9, None, 0.05, placeholder=own, key="plan-dropout"),
        "class_weights": d.toggle("Rare classes count for more", key="plan-class_weights"),
    }
    if is_lecture:
        values["batch_norm"] = d.toggle("Batch norm", key="plan-batch_norm") or None
        values["head_norm"] = d.toggle("Norm before the head", key="plan-head_norm") or None
        values["channels"] = a.selectbox(
            "Pictures are",
            ALLOWED["channels"],
            None,
            key="plan-channels",
            placeholder=own,
            format_func={1: "gray", 3: "in colour"}.__getitem__,
        )
        values["pools"] = b.number_input(
            "Convolutions with a max pooling", 0, 8, None, placeholder=own, key="plan-pools"
        )
    return values
