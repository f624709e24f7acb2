"""A run while it learns and after: curves, buttons, its weights and its verdict."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cnnviz import places
from cnnviz.options import RequestError
from cnnviz.train import extend
from cnnviz.train import run as runfolder
from cnnviz.train.run import Run
from cnnviz.ui.server import jobs, runs
from cnnviz.ui.session import address, current, link
from cnnviz.ui.views.train import curves, plan_form, results
from cnnviz.ui.widgets import controls, show, tables

WORDS = {
    "waiting": "not started", "starting": "starting", "queued": "waits for the device", "running": "training",
    "finished": "finished", "stopped": "stopped", "failed": "failed", "interrupted": "interrupted",
}  # fmt: skip
RUN_HELPS = (  # of the columns of the runs
    *("",) * 6, "The lowest on the validation images",
    "On the validation images, with the weights of the lowest loss",
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
        "recipe": plan_form.RECIPES[one.plan.recipe][0], "data": Path(one.plan.data).name,
        "epochs": f"{last.get('epoch', 0)} of {one.plan.epochs}",
        "lowest loss": f"{kept['valid_loss']:.4f}" if kept else "–",
        "accuracy": f"{kept['accuracy']:.1%}" if kept else "–",
    }  # fmt: skip


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
        weight = _smoothing()
        left, right = st.columns(2, gap="large")
        with left:
            curves.losses(now, weight)
        with right:
            curves.accuracies(now, weight)
        curves.epochs(now)

    draw()


def _smoothing() -> float:
    """How much the curves are smoothed, by a slider that a stage does not need."""
    if show.presenting():
        return SMOOTHING
    with st.container(width=280):
        return controls.slide("Smoothing", "smoothing", 0.0, 0.95, SMOOTHING, 0.05, help="0 shows the raw curves alone")


def status(now: Run) -> None:
    """State, progress, time left, and the buttons that go with them."""
    over = now.state == "finished"
    first = now.last("start") or now.last("resume")
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
        elif over and (now.folder / extend.RESUME).is_file() and not show.presenting():
            _more_epochs(now)
        if not runs.busy(now.id):
            _doors(now)
            if not show.presenting():
                _filling(now)
    if now.state == "queued":
        show.say("Another run has the device; this one begins when that one ends.")
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
    if first:
        show.facts(
            {
                "Trainable weights": f"{first['trainable']:,} of {first['parameters']:,}",
                "Images per second": f"{now.last('step').get('images_per_second', 0):,.0f}",
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


def _doors(now: Run) -> None:
    """Links to the pages that open the trained network, beside the state of its run."""
    if not (now.folder / "best.safetensors").is_file():
        return
    there = {**current.view(), "model": f"run/{now.id}@best"}
    for page, words, icon in (
        ("class_activation", "Class activation", "local_fire_department"),
        ("activations", "Activations", "apps"),
        ("filters", "Filters", "texture"),
    ):
        if places.page(page).is_file():
            st.page_link(
                places.page(page), label=words, query_params=there, icon=f":material/{icon}:",
                help="Opens the trained network",
            )  # fmt: skip


def best(now: Run) -> str:
    """The epoch whose weights were kept for their loss on val, which need not be that of the best accuracy."""
    if not (kept := now.last("best")):
        return "–"
    epoch = next((e["epoch"] for e in now.of("epoch") if e["step"] == kept["step"]), "?")
    return f"epoch {epoch}, loss {kept['valid_loss']:.4f}, {kept['accuracy']:.2%} accuracy"


def _filling(now: Run) -> None:
    """Buttons that fill the plan at the top of the page, which is outside of what is drawn here."""
    filled = bool(now.of("best")) and st.button(
        plan_form.NEXT[now.plan.recipe][0], icon=plan_form.icon(now.plan.recipe), key=f"next-{now.id}",
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
    one, key = runs.look(name), f"run/{name}@best"
    if (one.folder / "best.safetensors").is_file() and not show.presenting():
        show.section("Trained network", key)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                "Weights", (one.folder / "best.safetensors").read_bytes, f"{name}.safetensors", on_click="ignore",
                icon=":material/download:", key="weights-out",
            )  # fmt: skip
            st.download_button(
                "Card", (one.folder / "card.json").read_bytes, f"{name}.json", on_click="ignore",
                icon=":material/download:", key="card-out",
            )  # fmt: skip
            st.download_button(
                "ONNX", lambda: runs.onnx(key), f"{name}.onnx", on_click="ignore", icon=":material/download:",
                key="onnx-out", help="Pixels 0 to 255 in, probabilities out; resize and crop as the card says",
            )  # fmt: skip
            st.download_button(
                "Plan", one.plan.json(), "plan.json", on_click="ignore", icon=":material/download:", key="plan-out"
            )
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
