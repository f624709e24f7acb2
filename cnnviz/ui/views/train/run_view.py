"""A run while it learns and after: curves, buttons, its weights and its verdict."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.train import events, extend, interval
from cnnviz.train import run as runfolder
from cnnviz.train.run import Run
from cnnviz.ui.server import data_sets, jobs, runs
from cnnviz.ui.session import address, link
from cnnviz.ui.views.train import curves, plan_form, results, stages, trained_network
from cnnviz.ui.widgets import controls, show, tables

WORDS = {
    "waiting": "not started", "starting": "starting", "queued": "waits for the device", "running": "training",
    "finished": "finished", "stopped": "stopped", "failed": "failed", "interrupted": "interrupted",
}  # fmt: skip
RUN_HELPS = (  # of the columns of the runs
    *("",) * 6, "The lowest on the validation images",
    "On the validation images, with the weights of the lowest loss",
    "In 95 of 100 data sets like this the true accuracy lies in such an interval (Wilson)",
)  # fmt: skip
POLL = 1.0  # seconds
SMOOTHING = 0.6  # of the curves at first


def chosen(names: list[str]) -> str:
    """The run that is looked at: the one picked, else the newest."""
    link.linked("run", names[0], names.__contains__, str)
    name: str = st.session_state["run"]
    return name


def on_top(name: str) -> bool:
    """Whether a run stands above the plan: one that trains, or did while this visit watched, or that a link named."""
    opened_by = st.session_state.setdefault("_run-linked", st.query_params.get("run", ""))
    if runs.busy(name) or name == opened_by:
        st.session_state["_watched"] = name
    return bool(st.session_state.get("_watched") == name)


def table(listed: list[Run], count: int) -> None:
    """The newest runs, to choose one; it keeps up with those that train."""
    busy = any(one.state in ("starting", "queued", "running") for one in listed)
    show.section("Runs", f"the newest {len(listed)} of {count:,}" if len(listed) < count else "the newest first")

    @st.fragment(run_every=2 * POLL if busy else None)
    def draw() -> None:
        rows = [_row(one) for one in (runs.listing() if busy else listed)]
        with st.container(key="runs-table"):
            tables.table([*rows[0]], [[*row.values()] for row in rows], "The newest runs", RUN_HELPS, words=5)

    draw()


def _row(one: Run) -> dict[str, str]:
    kept, last = one.last("best"), one.last("epoch")
    return {
        "run": one.id, "state": WORDS[one.state], "network": one.plan.net,
        "recipe": plan_form.RECIPES[one.plan.recipe][0], "data": data_sets.name_of(one.plan.data),
        "epochs": f"{last.get('epoch', 0)} of {_first(one).get('epochs', one.plan.epochs)}",
        "lowest loss": f"{kept['valid_loss']:.4f}" if kept else "–",
        "accuracy": f"{kept['accuracy']:.1%}" if kept else "–",
        "95% interval": interval.words(kept["accuracy"], _first(one).get("val", 0)) if kept else "–",
    }  # fmt: skip


def _first(one: Run) -> dict[str, Any]:
    """What it said of itself when it began."""
    return one.last("start") or one.last("resume")


def live(name: str) -> None:
    """One run: its curves while it learns, and buttons to stop it or go on."""
    busy = runs.busy(name)

    @st.fragment(run_every=POLL if busy else None)
    def draw() -> None:
        try:
            now = runs.look(name)
        except RequestError:
            st.rerun()  # deleted meanwhile: the page without it
        if busy and not runs.busy(name):
            st.rerun()  # the last full look, without polling
        status(now)
        if now.of("l2"):
            _head(now)
        if now.of("step") or not now.of("l2"):
            _learning(now)
        curves.epochs(now)

    draw()


def _head(now: Run) -> None:
    """How the linear head was solved."""
    chosen = now.last("head")
    note = f"solved on {chosen['images']:,} images, L2 weight {chosen['l2']:g}" if chosen else "being solved"
    show.section("Linear head", note)
    curves.over_l2(now)
    note = "Cross-validation on the training images: mean over images that were left out; the lowest loss decides."
    show.say(f"{note} {events.weighed(chosen)}".rstrip())


def _learning(now: Run) -> None:
    """The curves over epochs."""
    weight = _smoothing()
    left, right = st.columns(2, gap="large")
    with left:
        curves.losses(now, weight)
    with right:
        curves.accuracies(now, weight)


def _smoothing() -> float:
    """How much the curves are smoothed, by a slider that a stage does not need."""
    if show.presenting():
        return SMOOTHING
    with st.container(width=280):
        return controls.slide("Smoothing", "smoothing", 0.0, 0.95, SMOOTHING, 0.05, help="0 shows the raw curves alone")


def status(now: Run) -> None:
    """State, progress, time left, and the buttons that go with them."""
    over = now.state == "finished"
    first = _first(now)
    step, of = now.last("step").get("step", 0), max(1, first.get("steps", 1))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(WORDS[now.state], color="red" if now.state == "failed" else "green" if over else "blue")
        if runs.busy(now.id):
            if st.button("Stop", icon=":material/stop:", shortcut="S", key=f"stop-{now.id}"):
                with show.refusals():
                    runfolder.stop(now.folder)
        elif now.state != "finished" and st.button(
            "Resume" if now.of("saved") or now.state == "stopped" else "Start again",
            icon=":material/play_arrow:",
            key=f"go-{now.id}",
        ):
            with show.refusals():
                runs.go_on(now.id)
                st.rerun()
        elif over and not now.plan.solves and (now.folder / extend.RESUME).is_file() and not show.presenting():
            _more_epochs(now)
        if not runs.busy(now.id):
            trained_network.doors(now)
            if not show.presenting():
                _filling(now)
    if now.state == "queued":
        show.say("Another run has the device; this one begins when that one ends.")
    elif now.state == "running" and (at := now.events[-1]).get("event") == "l2":
        st.progress(min(1.0, len(now.of("l2")) / at["of"]), f"Linear head: L2 weight {at['l2']:g}")
    elif now.state == "running" and (not first or now.events[-1].get("event") == "prepare"):
        at = now.last("prepare")
        st.progress(at.get("done", 0) / max(1, at.get("of", 1)), f"Preparing {at.get('stage', '')}")
    elif now.state == "running":
        tail = now.of("step")[-20:]
        spent = tail[-1]["time"] - tail[0]["time"] if len(tail) > 1 else 0
        pace = (tail[-1]["step"] - tail[0]["step"]) / spent if spent else 0
        left = jobs.remaining((of - step) / pace if pace else None)
        st.progress(min(1.0, step / of), f"Step {step:,} of {of:,}{left}")
    if trouble := ended_badly(now):
        st.error(show.plain(trouble), icon=":material/error:")
    offer = now.last("failed").get("offer") if now.state == "failed" else None
    count = offer.get("batch") if isinstance(offer, dict) else None
    if isinstance(count, int) and st.button(
        f"Use batch size {count}", icon=":material/compress:", key="take-batch",
        on_click=plan_form.fill, args=(now.plan.but(batch=count),),
    ):  # fmt: skip
        st.rerun()
    for message in dict.fromkeys(warning["message"] for warning in now.of("warning") + now.of("unreadable")[:5]):
        st.warning(show.plain(message), icon=":material/warning:")
    for message in dict.fromkeys(left["message"] for left in now.of("left_out")):
        show.say(message)
    if first:
        show.facts(
            {
                "Trainable weights": f"{first['trainable']:,} of {first['parameters']:,}",
                **({"Learning rate found": f"{found['rate']:.1e}"} if (found := now.last("found")) else {}),
                **({"Images per second": f"{pace:,.0f}"} if (pace := _pace(now)) else {}),
                "Lowest validation loss": best(now),
                "Device": first["device"],
            }
        )


def _more_epochs(now: Run) -> None:
    """A popover that trains a finished run further."""
    with st.popover("More epochs", icon=":material/more_time:"):
        st.write("Training continues with the optimizer’s state; the schedule becomes that of all epochs.")
        epochs = st.number_input("Epochs in all", value=2 * now.plan.epochs, step=1, key=f"epochs-{now.id}")
        if st.button("Train further", key=f"more-{now.id}"):
            with show.refusals():
                runs.more(now.id, int(epochs))
                st.rerun()


def _pace(now: Run) -> float:
    """Images per second at the last step; 0 where there are no steps."""
    return float(now.last("step").get("images_per_second", 0))


def best(now: Run) -> str:
    """The epoch whose weights were kept for their loss on val, which need not be that of the best accuracy."""
    if not (kept := now.last("best")):
        return "–"
    epoch = next((e["epoch"] for e in now.of("epoch") if e["step"] == kept["step"]), "?")
    sure = interval.words(kept["accuracy"], _first(now).get("val", 0))
    where = f"epoch {epoch}" if kept["step"] else "solved head"
    return f"{where}, loss {kept['valid_loss']:.4f}, {kept['accuracy']:.2%} accuracy{sure and f' ({sure})'}"


def _filling(now: Run) -> None:
    """Buttons that fill the plan at the top of the page, which is outside of what is drawn here."""
    filled = bool(now.of("best")) and st.button(
        stages.NEXT[now.plan.recipe][0], icon=stages.icon(now.plan.recipe), key=f"next-{now.id}",
        type="primary" if now.state == "finished" else "secondary", on_click=plan_form.next_stage, args=(now,),
        help="Fills the plan: a new run from these weights, unfrozen, at a lower rate",
    )  # fmt: skip
    filled |= st.button(
        "Use its plan", icon=":material/tune:", key=f"same-{now.id}", on_click=plan_form.fill, args=(now.plan,),
        help="Fills the plan with that of this run",
    )  # fmt: skip
    if filled:
        st.rerun()


def ended_badly(now: Run) -> str:
    """Why a run does not go on, or what is in its way, in one sentence; nothing where all is well."""
    if now.state in ("running", "queued", "starting"):
        return runs.crowded(now.folder)
    if now.state == "failed":
        return str(now.last("failed").get("message", ""))
    if now.state not in ("waiting", "interrupted"):
        return ""
    if full := runs.crowded(now.folder):
        return full
    why = runs.complaint(now.folder)
    if now.state == "waiting":
        return why
    at, saved = now.last("step").get("step", 0), now.last("saved").get("step", 0)
    again = f"Resume continues from step {saved:,}" if saved else "it has to start again"
    return f"Its process ended unexpectedly at step {at:,}{f' ({why})' if why else ''}; {again}."


def afterwards(name: str) -> None:
    """What the run's net got right and wrong, and the ways on."""
    one = runs.look(name)
    if not show.presenting():
        trained_network.files(one)
    results.draw(one)
    if not one.active and not show.presenting():
        with st.container(horizontal=True):
            _renaming(name)
            _deleting(one)


def _renaming(name: str) -> None:
    """A popover that gives the run another name."""
    with st.popover("Rename", icon=":material/edit:"):
        new = st.text_input("New name", name, key=f"rename-{name}")
        st.button("Rename", key="rename-run", disabled=new == name, on_click=_rename, args=(name,))
    if told := st.session_state.pop("_unrenamed", ""):
        st.error(show.plain(told), icon=":material/error:")


def _rename(name: str) -> None:
    try:
        st.session_state["run"] = runs.rename(name, st.session_state[f"rename-{name}"])
    except RequestError as error:
        st.session_state["_unrenamed"] = str(error)


def _deleting(one: Run) -> None:
    """A popover that deletes the run."""
    with st.popover("Delete this run", icon=":material/delete:"):
        st.write("Its weights and curves are lost.")
        if st.button(f"Delete {one.id}", key="delete-run"):
            with show.refusals():
                runfolder.delete(one.folder)
                address.write("run", None)
                st.session_state.pop("run", None)
                st.rerun()


def compare(listed: list[Run]) -> None:
    """Several runs' validation loss and accuracy, one chart each."""
    done = [one.id for one in listed if one.of("epoch")]
    if len(done) > 1:
        with st.expander("Compare runs", icon=":material/stacked_line_chart:"):
            picked = st.multiselect("Runs", done, done[:3], key="compare")
            if some := [one for one in listed if one.id in picked]:
                left, right = st.columns(2, gap="large")
                with left:
                    curves.compared(some, "valid_loss", "validation loss")
                with right:
                    curves.compared(some, "accuracy", "validation accuracy")
