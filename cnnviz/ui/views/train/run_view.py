"""A run while it learns and after: curves, buttons, its weights and its verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.train import extend, interval
from cnnviz.train import run as runfolder
from cnnviz.train.run import Run
from cnnviz.ui.server import jobs, runs
from cnnviz.ui.session import address, link
from cnnviz.ui.views.train import learning, plan_form, results, solved_plan, stages, trained_network
from cnnviz.ui.widgets import show

WORDS = {
    "waiting": "not started", "starting": "starting", "queued": "waits for the device", "running": "training",
    "finished": "finished", "stopped": "stopped", "failed": "failed", "interrupted": "interrupted",
}  # fmt: skip
POLL = 1.0  # seconds


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


def _aside(fill: Callable[[Any], None], given: Any) -> None:
    """Fills the plan, and lets it stand on top, before the run and its results."""
    fill(given)
    st.session_state["_watched"], st.session_state["_run-linked"] = None, ""
    st.session_state["_plan-first"] = True


def first_of(one: Run) -> dict[str, Any]:
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
        if not (show.presenting() and not busy and runs.verdict(now)):  # beside the confusion matrix then
            learning.draw(now, runs.busy(name))

    draw()


def status(now: Run) -> None:
    """State, progress, time left, and the buttons that go with them."""
    over = now.state == "finished"
    first = first_of(now)
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
        on_click=_aside, args=(plan_form.fill, now.plan.but(batch=count)),
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
    sure = interval.words(kept["accuracy"], first_of(now).get("val", 0))
    where = "solved head" if solved_plan.solves(now) else f"epoch {epoch}" if kept["step"] else "before training"
    return f"{where}, loss {kept['valid_loss']:.4f}, {kept['accuracy']:.2%} accuracy{sure and f' ({sure})'}"


def _filling(now: Run) -> None:
    """Buttons that fill the plan at the top of the page, which is outside of what is drawn here."""
    filled = bool(now.of("best")) and st.button(
        stages.NEXT[now.plan.recipe][0], icon=stages.icon(now.plan.recipe), key=f"next-{now.id}",
        type="primary" if now.state == "finished" else "secondary", on_click=_aside, args=(plan_form.next_stage, now),
        help="Fills the plan: a new run from these weights, unfrozen, at a lower rate",
    )  # fmt: skip
    if st.session_state.get("_watched") == now.id:  # it stands above the form
        st.button(
            "New run", icon=":material/add:", key=f"new-{now.id}", on_click=_aside, args=(lambda plan: None, now.plan),
            help="Closes this run, which stays in the table, and brings the form for a new one to the top",
        )  # fmt: skip
    filled |= st.button(
        "Use its plan", icon=":material/tune:", key=f"same-{now.id}", on_click=_aside, args=(plan_form.fill, now.plan),
        help="Fills the plan with that of this run",
    )  # fmt: skip
    if st.session_state.pop("_plan-first", False) or filled:  # the first also where its button is gone by now
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
