"""The widgets that spell a plan, and how a run's own plan, or what comes after it, gets back into them.

What was chosen stays for the visit: on other pages the widgets are gone, so their values are kept beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz.data.augment import PRESETS, Augment
from cnnviz.nets import zoo
from cnnviz.options import RequestError
from cnnviz.train import plan as plans
from cnnviz.train.plan import OPTIMIZERS, SCHEDULES, Plan
from cnnviz.train.run import Run
from cnnviz.ui import controls, runs, show, start

RECIPES = {  # name, and what it does
    "scratch": ("From scratch", "Every weight begins at random and learns."),
    "features": ("Features once", "The pretrained net is run a single time on each picture; a new head learns."),
    "frozen": ("Frozen", "Pictures are augmented, the pretrained part rests, a new head learns."),
    "partial": ("Partial", "The last block learns, too, more gently than the head."),
    "full": ("Full", "Everything learns, the pretrained part more gently than the head."),
}
GOING_ON = ("Go on", "Every weight learns on from where it is.")  # what scratch means for weights of a run
LINKED = ("set", "net", "begin", "recipe")  # pickers whose values stand in the link
OWN = "as in the run"  # an augmentation that is none of the presets
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
EASY = 0.1  # of its rate is what a net goes on with that has learned before


def fill(wanted: Plan) -> None:
    """Puts a plan into the widgets; what they have no place for stays out. For a callback, before they are drawn."""
    preset = next((name for name, one in PRESETS.items() if one == wanted.augment), OWN)
    changed = {"augment": preset, "batch_norm": bool(wanted.batch_norm), "head_norm": bool(wanted.head_norm)}
    kept = st.session_state["_plan"] = {name: getattr(wanted, name) for name in DEFAULTS} | changed
    for field in DEFAULTS:
        st.session_state[f"plan-{field}"] = kept[field]
    kept |= {"_own": wanted.augment if preset == OWN else None, "_of": (wanted.net, wanted.start)}
    kept |= {"_rest": {"single_logit": wanted.single_logit, "share": wanted.share}}
    name = Path(wanted.data).name
    for key, value in zip(LINKED, (name, wanted.net, wanted.start, wanted.recipe), strict=True):
        if key != "set" or name in runs.data_sets():
            st.session_state[key] = value
    for key in ("_rate_curve", "_rate_folder"):
        st.session_state.pop(key, None)


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
    kept = st.session_state.setdefault("_plan", {})
    for field, default in DEFAULTS.items():
        if f"plan-{field}" not in st.session_state:
            st.session_state[f"plan-{field}"] = kept.get(field, default)
    one, two, three, four = st.columns([1, 1.35, 1.1, 0.75], gap="medium")
    with one:
        name = controls.pick("Data set", "set", list(names), names[0])
    with two:
        nets = [f"lecture/{n}" for n, _, _ in zoo.LECTURE if n != "mnist_base"] + [e.name for e in zoo.TORCHVISION]
        where = {row.key: row.where for row in start.rows()}
        titles = {e.name: f"{e.title} · {where.get(e.name, 'download')}" for e in zoo.TORCHVISION}
        titles |= {f"lecture/{n}": f"{title}" for n, title, _ in zoo.LECTURE}
        net = controls.pick("Net", "net", nets, nets[0], words=titles.__getitem__)
    lecture = net.startswith("lecture/")
    with three:
        learned = [row.key for row in start.rows() if row.where == "run"]
        begun = controls.pick("Begin with the weights of", "begin", ["", *learned], "", words=lambda k: k or "nothing")
    with four:
        allowed = list(RECIPES) if not lecture or begun else ["scratch"]
        words = RECIPES | ({"scratch": GOING_ON} if begun else {})
        recipe = controls.pick("Recipe", "recipe", allowed, allowed[0], words=lambda k: words[k][0])
    show.say(words[recipe][1])
    values = numbers(recipe)
    with st.expander("More"):
        values |= more(lecture)
    kept |= {field: st.session_state[f"plan-{field}"] for field in DEFAULTS}
    if begun and begun == st.session_state.get("_stage"):
        line = f"The next stage of {begun}: find a rate, take it over, then train."
        show.say(line)
        if not st.session_state["_told"]:  # where it was asked for may be far below
            st.session_state["_told"] = True
            st.toast(show.plain(line), icon=":material/lock_open:")
    if kept.get("_of") == (net, begun):
        values |= kept["_rest"]  # what weights and split depend on, and no widget has
    threads = max(1, plans.cores() - 1)
    try:
        return Plan(str(runs.shelf() / name), net=net, start=begun, recipe=recipe, threads=threads, **values)
    except RequestError as error:
        st.error(show.plain(str(error)), icon=":material/error:")
        return None


def numbers(recipe: str) -> dict[str, Any]:
    """How long, how fast, and with what changes to the pictures."""
    gentle = recipe in ("partial", "full")
    columns = iter(st.columns(5 + (recipe == "partial") if gentle else 4, gap="medium"))
    values: dict[str, Any] = {
        "epochs": int(next(columns).number_input("Epochs", 1, 1000, key="plan-epochs")),
        "batch": int(next(columns).number_input("Pictures in one step", 1, 1024, key="plan-batch")),
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
    own: Augment | None = st.session_state["_plan"].get("_own")
    presets = {**PRESETS, **({OWN: own} if own else {})}
    if st.session_state["plan-augment"] not in presets:
        st.session_state["plan-augment"] = "none"
    chosen = next(columns).selectbox(
        "Augmentation", list(presets), key="plan-augment", help="The Data page shows what each does"
    )
    return values | {"augment": presets[chosen]}


def more(lecture: bool) -> dict[str, Any]:
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
        "seed": d.number_input("Seed", 0, 10_000, key="plan-seed"),
        "pooling": a.selectbox(
            "Maps become a vector by", (None, "gap", "flatten"), key="plan-pooling", format_func=lambda v: v or own
        ),
        "hidden": b.number_input("Hidden units", 0, 4096, None, placeholder=own, key="plan-hidden"),
        "dropout": c.number_input("Dropout", 0.0, 0.9, None, 0.05, placeholder=own, key="plan-dropout"),
        "class_weights": d.toggle("Rare classes count for more", key="plan-class_weights"),
    }
    if lecture:
        values["batch_norm"] = d.toggle("Batch norm", key="plan-batch_norm") or None
        values["head_norm"] = d.toggle("Norm before the head", key="plan-head_norm") or None
        values["channels"] = a.selectbox(
            "Pictures are",
            (None, 1, 3),
            key="plan-channels",
            format_func={None: own, 1: "gray", 3: "in colour"}.__getitem__,
        )
        values["pools"] = b.number_input(
            "Convolutions with a max pooling", 0, 8, None, placeholder=own, key="plan-pools"
        )
    return values
