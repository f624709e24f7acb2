"""The widgets that spell a plan, and the search for its learning rate."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cnnviz.data.augment import PRESETS
from cnnviz.nets import zoo
from cnnviz.options import RequestError
from cnnviz.train import plan as plans
from cnnviz.train import run as runfolder
from cnnviz.train.plan import OPTIMIZERS, SCHEDULES, Plan
from cnnviz.ui import controls, curves, runs, show, start

RECIPES = {
    "scratch": "From scratch: every weight begins at random",
    "features": "Features once: the pretrained net is run a single time, a new head learns",
    "frozen": "Frozen: pictures are augmented, the pretrained part rests, a new head learns",
    "partial": "Partial: the last block learns, too",
    "full": "Full: everything learns, the pretrained part gently",
}


def ask(names: tuple[str, ...]) -> Plan | None:
    """The plan that the widgets spell."""
    one, two, three = st.columns([1, 1.2, 1.4], gap="medium")
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
        recipes = list(RECIPES) if not lecture or begun else ["scratch"]
        recipe = controls.pick("Recipe", "recipe", recipes, recipes[0], words=RECIPES.__getitem__)
    a, b, c, d = st.columns(4, gap="medium")
    epochs = a.number_input("Epochs", 1, 1000, 10, key="epochs")
    batch = b.number_input("Pictures in one step", 1, 1024, st.session_state.pop("_batch_offer", 32), key="batch")
    rate = c.number_input("Learning rate", 1e-6, 10.0, st.session_state.get("_rate_found", 2e-3), format="%.2e",
                          key=f"rate-{st.session_state.get('_rate_found', 0)}")  # fmt: skip
    if recipe == "features":
        preset = "none"
        d.caption("Features are computed once, so pictures stay as they are.")
    else:
        preset = d.selectbox("Augmentation", list(PRESETS), key="augment", help="The Data page shows what each does")
    with st.expander("More"):
        values = more(lecture)
    try:
        return Plan(
            str(runs.shelf() / name), net=net, start=begun, recipe=recipe, epochs=int(epochs), batch=int(batch),
            rate=float(rate), augment=PRESETS[preset], threads=max(1, plans.cores() - 1), **values,
        )  # fmt: skip
    except RequestError as error:
        st.error(show.plain(str(error)), icon=":material/error:")
        return None


def more(lecture: bool) -> dict:
    """The rarer switches; None is the net's own."""
    a, b, c, d = st.columns(4, gap="medium")
    values: dict = {
        "optimizer": a.selectbox("Optimizer", OPTIMIZERS, key="optimizer"),
        "schedule": b.selectbox("Schedule", SCHEDULES, key="schedule"),
        "weight_decay": c.number_input("Weight decay", 0.0, 1.0, 0.0, 0.01, key="decay"),
        "smoothing": d.slider("Label smoothing", 0.0, 0.5, 0.0, 0.05, key="smoothing"),
        "size": a.number_input("Side of the input, px", 16, 1024, None, placeholder="the net's own", key="size"),
        "fit": b.selectbox("Pictures become square by", ("crop", "squash"), key="fit"),
        "patience": c.number_input("Stop after epochs without progress, 0 for never", 0, 1000, 0, key="patience"),
        "seed": d.number_input("Seed", 0, 10_000, 0, key="seed"),
        "pooling": a.selectbox(
            "Maps become a vector by",
            (None, "gap", "flatten"),
            key="pooling",
            format_func=lambda v: v or "the net's own",
        ),
        "hidden": b.number_input("Hidden units", 0, 4096, None, placeholder="the net's own", key="hidden"),
        "dropout": c.number_input("Dropout", 0.0, 0.9, None, 0.05, placeholder="the net's own", key="dropout"),
        "class_weights": d.toggle("Rare classes count for more", key="class-weights"),
    }
    if lecture:
        values["batch_norm"] = d.toggle("Batch norm", key="batch-norm") or None
        values["channels"] = 1 if d.toggle("Gray pictures", key="gray") else None
    return values


@st.fragment(run_every=1.0)
def rate_search() -> None:
    """The loss over the rate, while it is looked for."""
    folder = Path(st.session_state["_rate_folder"])
    found = runfolder.read(folder)
    points = [(e["rate"], e["loss"]) for e in found.of("rate")]
    suggestion = found.last("finished").get("suggestion")
    if points:
        curves.rates(points, suggestion)
    if found.state in ("finished", "failed", "stopped"):
        if suggestion:
            st.session_state["_rate_found"] = suggestion
            show.say(f"Suggested: {suggestion:g}, where the loss falls fastest.")
        else:
            st.error(show.plain(found.last("failed").get("message", "No rate was found.")), icon=":material/error:")
        st.session_state["_rate_folder"] = None
        st.session_state["_rate_done"] = str(folder)
        st.rerun()
    show.say("Raising the rate step by step until the loss explodes …" if points else "Starting …")
