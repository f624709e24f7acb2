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
from cnnviz.ui.views.train import first_plan, solved_plan, stages
from cnnviz.ui.widgets import controls, show

RECIPES = {  # name, and what it does
    "scratch": ("From scratch", "Every weight is initialised at random and trained."),
    "features": (
        "Feature extraction",
        "The pretrained network is run once on each image; a new head is fitted to that.",
    ),
    "frozen": ("Frozen", "Images are augmented, the pretrained part is frozen, a new head is trained."),
    "partial": (
        "Partial",
        "The last block (0), or as many trainable layers as given, is trained, too, at a lower rate than the head.",
    ),
    "full": ("Full", "Everything is trained, the pretrained part at a lower rate than the head."),
}
GOING_ON = ("All weights", "Every weight of the run is trained further.")  # what scratch means for weights of a run
LINKED = ("set", "net", "begin", "recipe")  # pickers whose values stand in the link
OWN = "as in the run"  # an augmentation that is none of the presets, as links call it
DEFAULTS: dict[str, Any] = {  # by field of the plan; the widget of each has the key plan-<field>
    "epochs": 10, "batch": 32, "rate": None, "augment": "none", "backbone_rate": 0.1, "last": 0, "optimizer": "adam",
    "schedule": "one_cycle", "weight_decay": 0.0, "smoothing": 0.0, "size": None, "fit": "crop", "patience": 0,
    "seed": 0, "pooling": None, "hidden": None, "dropout": None, "class_weights": False, "batch_norm": False,
    "head_norm": False, "channels": None, "pools": None,
}  # fmt: skip
KNOBS = {k.name: k for k in knobs(Plan)}
REST: dict[str, Any] = {"single_logit": True, "share": 0.2}  # what weights and split depend on, and no widget has
ALLOWED = {"channels": (1, 3), "augment": (*PRESETS, OWN)}  # where the widget offers other values than the plan has
RATE = 2e-3  # where none is given and none is found


def fill(wanted: Plan) -> None:
    """Puts a plan into the widgets; what they have no place for is kept. For a callback, before they are drawn."""
    preset = _preset(wanted.augment)
    changed = {"augment": preset, "batch_norm": bool(wanted.batch_norm), "head_norm": bool(wanted.head_norm)}
    changed["class_weights"] = bool(wanted.class_weights)
    for field in (*DEFAULTS, *REST):
        st.session_state[f"plan-{field}"] = changed.get(field, getattr(wanted, field))
    st.session_state["plan-own"] = _spelt(wanted.augment) if preset == OWN else ""
    st.session_state["_of"] = (wanted.net, wanted.start)
    name = data_sets.name_of(wanted.data)
    for key, value in zip(LINKED, (name, wanted.net, wanted.start, wanted.recipe), strict=True):
        if key != "set" or name in data_sets.data_sets():
            st.session_state[key] = value
    first_plan.forget()
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
    except (ValueError, TypeError, RecursionError):
        return None


def _before() -> None:
    """Gives every field of the plan the value in the link, else what it last had, else its default."""
    link.linked("plan-own", "", lambda line: not line or _augment(line) is not None, str)
    for field, default in (DEFAULTS | REST).items():
        link.linked(f"plan-{field}", default, _typed(field), _read(field))


def _allowed(field: str) -> Callable[[Any], bool]:
    """Whether a field may have a value."""
    if field in ALLOWED:
        return ALLOWED[field].__contains__
    known = KNOBS[field]
    if known.choices or known.kind is bool:
        return (known.choices or (True, False)).__contains__
    return lambda value: known.low <= value <= known.high


def _typed(field: str) -> Callable[[Any], bool]:
    """Whether a field may have a value, or has it because it was typed: then the plan says what is wrong with it."""
    allowed = _allowed(field)
    return lambda value: allowed(value) or value == st.session_state.get(f"plan-{field}")


def _read(field: str) -> Callable[[str], Any]:
    """How a field is read from a link."""
    kind = KNOBS[field].kind if field in KNOBS else str
    return (lambda text: text == "true") if kind is bool else kind


def _after(rest: bool) -> None:
    """Keeps every field, and puts it in the link where it counts."""
    for field, default in DEFAULTS.items():
        value = st.session_state[f"plan-{field}"]
        if value is None or _allowed(field)(value):  # what cannot be stays out of the link
            link.note(f"plan-{field}", default)
    own = st.session_state["plan-own"]
    link.note("plan-own", "" if st.session_state["plan-augment"] == OWN else own)
    for field, default in REST.items():
        link.note(f"plan-{field}", default if rest else st.session_state[f"plan-{field}"])


def next_stage(run: Run) -> None:
    """Puts the next stage of a run into the widgets: its weights, unfrozen, at a gentler rate."""
    fill(stages.following(run))
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
        first = first_plan.follow(name, nets[0])
        net = controls.pick("Network", "net", nets, first.net, words=(titles | small).__getitem__)
    is_lecture = net.startswith("lecture/")
    with three:
        learned = [row.key for row in startup.rows() if row.where == "run"]
        link.linked("begin", "", ["", *learned].__contains__, str)
        begun = st.session_state["begin"]
        allowed = list(RECIPES) if not is_lecture or begun else ["scratch"]
        usual = first.recipe if net == first.net and not begun else allowed[0]
        link.linked("recipe", usual, allowed.__contains__, str)
        fresh = "random" if st.session_state["recipe"] == "scratch" else "ImageNet (pretrained)"
        controls.pick("Initial weights", "begin", ["", *learned], "", words=lambda key: key or fresh)
    with four:
        words = RECIPES | ({"scratch": GOING_ON} if begun else {})
        recipe = controls.pick("Recipe", "recipe", allowed, usual, words=lambda k: words[k][0])
    show.say(f"{words[recipe][1]} {first_plan.hint(name, recipe)}")
    values = solved_plan.ask(name, net, recipe) or numbers(recipe)
    with st.expander("More"):
        values |= more(is_lecture)
    _after(rest := st.session_state.setdefault("_of", (net, begun)) == (net, begun))
    stages.say(begun)
    if rest:
        values |= {field: st.session_state[f"plan-{field}"] for field in REST}
    values |= {"threads": max(1, plans.cores() - 1), "labels": data_sets.labels(name)}
    try:
        return Plan(str(data_sets.folder(name)), net=net, start=begun, recipe=recipe, **values)
    except RequestError as error:
        st.error(show.plain(str(error)), icon=":material/error:")
        return None


def name() -> str:
    """What the next run is to be called; empty for a name made of the time and the network."""
    if st.session_state.pop("_named", None) != st.session_state.get("run"):
        st.session_state["run-name"] = ""  # another run has begun
    st.session_state["_named"] = st.session_state.get("run")
    return st.text_input("Run name", key="run-name", placeholder="optional", width=220)


def numbers(recipe: str) -> dict[str, Any]:
    """How long, how fast, and with what changes to the images.

    No field has bounds of its own: the browser would keep the old value of a field out of them, and Train would use it.
    """
    gentle = recipe in ("partial", "full")
    columns = iter(st.columns(5 + (recipe == "partial") if gentle else 4, gap="medium"))
    values: dict[str, Any] = {
        "epochs": int(next(columns).number_input("Epochs", key="plan-epochs", step=1)),
        "batch": int(next(columns).number_input("Batch size", key="plan-batch", step=1)),
        "rate": next(columns).number_input(
            "Learning rate", value=None, step=1e-4, key="plan-rate", format="%.2e",
            placeholder="auto" if gentle else f"{RATE:g}",
            help="Without one it is found by a range test" if gentle else None,
        ),
    }  # fmt: skip
    if gentle:
        values["backbone_rate"] = next(columns).number_input(
            "Backbone learning-rate factor", step=0.05, key="plan-backbone_rate",
            help="The pretrained part is trained at this factor times the rate, the head at the rate itself",
        )  # fmt: skip
    else:
        values["rate"] = values["rate"] or RATE
    if recipe == "partial":
        values["last"] = int(
            next(columns).number_input(
                "Trainable layers", key="plan-last", step=1,
                help="How many layers before the head are trained; 0 is the last block",
            )
        )  # fmt: skip
    if recipe == "features":
        next(columns).caption("Features are computed once, so images are not augmented.")
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
    own = "the network’s own"
    values: dict[str, Any] = {
        "optimizer": a.selectbox("Optimizer", OPTIMIZERS, key="plan-optimizer"),
        "schedule": b.selectbox("Schedule", SCHEDULES, key="plan-schedule"),
        "weight_decay": c.number_input("Weight decay", step=0.01, key="plan-weight_decay"),
        "smoothing": d.slider("Label smoothing", 0.0, 0.5, step=0.05, key="plan-smoothing"),
        "size": a.number_input("Input size, px", value=None, step=1, placeholder=own, key="plan-size"),
        "fit": b.selectbox("Resize mode", ("crop", "squash", "pad"), key="plan-fit"),
        "patience": c.number_input(
            "Early-stopping patience", key="plan-patience", step=1, help="Epochs without a lower loss; 0 for never"
        ),
        "seed": d.number_input("Seed", key="plan-seed", step=1),
        "pooling": a.selectbox(
            "Pooling before the head", ("gap", "flatten"), None, key="plan-pooling", placeholder=own
        ),
        "hidden": b.number_input("Hidden units", value=None, step=1, placeholder=own, key="plan-hidden"),
        "dropout": c.number_input("Dropout", value=None, step=0.05, placeholder=own, key="plan-dropout"),
        "class_weights": d.toggle(
            "Class weights",
            key="plan-class_weights",
            help="Images of rare classes weigh more in the loss; without "
            "it, cross-validation decides that for the head where classes are uneven",
        )
        or None,
    }
    if is_lecture:
        values["batch_norm"] = d.toggle("BatchNorm", key="plan-batch_norm") or None
        values["head_norm"] = d.toggle("BatchNorm before the head", key="plan-head_norm") or None
        values["channels"] = a.selectbox(
            "Colour mode",
            ALLOWED["channels"],
            None,
            key="plan-channels",
            placeholder=own,
            format_func={1: "grey", 3: "RGB"}.__getitem__,
        )
        values["pools"] = b.number_input(
            "Convolutions with max pooling", value=None, step=1, placeholder=own, key="plan-pools"
        )
    return values
