"""What this server works on, in the sidebar of every page: how far each gallery and each run is, and its Stop.

It asks again every second while something runs, and not at all while nothing does. Strangers on a public server see
their own galleries alone; everybody else sees all that are not made of somebody's own photo, for the work is shared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz import places, settings
from cnnviz.options import RequestError
from cnnviz.printable import printable
from cnnviz.train import events as written
from cnnviz.train import plan as plans
from cnnviz.train import run
from cnnviz.ui.server import startup
from cnnviz.ui.server.jobs import JOBS, Job, remaining
from cnnviz.ui.session import current, visit
from cnnviz.ui.widgets.feedback import plain, refusals, say

POLL = 1.0  # seconds
MOST = 4  # that are drawn
STOPPING = "Stopping"
TAIL = 16_384  # bytes of a run's events that tell how far it is


@dataclass(frozen=True)
class Work:
    """One thing that runs: its title, how far it is (0..1, and in words), how to stop it, and its page."""

    key: str
    title: str
    share: float
    words: str
    stop: Callable[[], None]
    page: str
    params: Mapping[str, str] = field(default_factory=dict)


def asked(name: Hashable) -> None:
    """Remember that this visit wants the job of that name."""
    st.session_state.setdefault("_wanted", {})[name] = None


def stop(name: Hashable) -> None:
    """Stop the job of that name, unless somebody else waits for it: then it goes on, and a sentence says so."""
    if not JOBS.leave(name, visit.visit_id(), visit.connected, keep=True) and (job := JOBS.get(name)) and job.busy:
        st.toast("Another visitor waits for the same images, so they are still optimised.", icon=":material/group:")


def draw(place: Any) -> Any:
    """Draw what runs at a place in the sidebar; where nothing does, the place that is left for what a page begins.

    What has ended goes at once that way: else the browser would show it until the page is drawn to its end.
    """
    if not (now := works()):
        return place.empty()
    with place.container():
        _drawn(len(now))
    return None


@st.fragment(run_every=POLL)
def _drawn(before: int) -> None:
    now = works()
    if not now:
        st.rerun()  # ends the asking, and shows the page what has been finished or stopped
    with st.container(key="running", gap="xsmall"):
        st.html('<h2 class="cv-section">Running</h2>')
        for work in now[:MOST]:
            there = {**current.view(), **work.params}
            st.page_link(places.page(work.page), label=plain(work.title), query_params=there)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.progress(work.share, work.words)
                if st.button("Stop", key=f"end-{work.key}", width=64, disabled=work.words == STOPPING):
                    with refusals():
                        work.stop()
                    st.rerun()
        if len(now) > MOST:
            say(f"and {len(now) - MOST} more")


def works() -> list[Work]:
    """All that runs and may be seen by this visit: its own galleries, other galleries, training runs."""
    return [*_galleries(), *_trainings()]


def _galleries() -> list[Work]:
    mine: dict[Hashable, None] = st.session_state.get("_wanted", {})
    jobs = [job for job in JOBS.running() if job.owner in ("", visit.visit_id())]
    for name in [name for name in mine if name not in {job.name for job in jobs}]:
        del mine[name]
    if startup.public():
        jobs = [job for job in jobs if job.name in mine]
    return [_gallery(job) for job in sorted(jobs, key=lambda job: job.name not in mine)]


def _gallery(job: Job) -> Work:
    share, left = job.look().share(), job.left()
    words = f"{share:.0%}{remaining(left)}"
    if job.state == "queued":
        words = "Queued" if job.queue is None else f"Queued: place {job.queue[0]} of {job.queue[1]}"
    return Work(f"job-{job.number}", job.title, share, words, partial(stop, job.name), "filters", job.view)


def _trainings() -> list[Work]:
    if startup.public() or not (folders := run.folders(settings.runs())):
        return []
    from cnnviz.ui.server import runs  # numpy's and Pillow's share of a page, only where there are runs

    found = []
    for folder in folders:
        if runs.at_work(folder):
            with contextlib.suppress(RequestError):
                found.append(_training(folder))
    return found


def _training(folder: Path) -> Work:
    plan, events = plans.read(folder / run.PLAN), _tail(folder / run.EVENTS)
    last = events[-1] if events else {}
    steps = [event for event in events if event["event"] == "step" and {"epoch", "time"} <= event.keys()]
    share, words = 0.0, "Starting"
    if (folder / run.STOP).exists():
        words = STOPPING
    elif last.get("event") == "queued":
        words = "Waiting for the device"
    elif last.get("event") == "prepare":
        share, words = last.get("done", 0) / max(1, last.get("of", 1)), f"Preparing {last.get('stage', '')}"
    if steps:
        done, of = steps[-1]["epoch"], max(1, plan.epochs)
        share = done / of
        if words == "Starting":
            spent, learned = steps[-1]["time"] - steps[0]["time"], done - steps[0]["epoch"]
            left = spent / learned * (of - done) if learned > 0 else None
            words = f"Epoch {min(of, int(done) + 1)} of {of}{remaining(left)}"
    title = f"{plan.net.rpartition('/')[2]} trains on {printable(Path(plan.data).name)}"
    return Work(
        f"run-{folder.name}", title, min(1.0, share), words, lambda: run.stop(folder), "train", {"run": folder.name}
    )


def _tail(path: Path) -> list[dict[str, Any]]:
    """The last events of a run; the line that the cut went through is left out."""
    found = []
    with contextlib.suppress(OSError), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        for line in file.read().split(b"\n")[size > TAIL :]:
            if (event := written.parsed(line)) is not None:
                found.append(event)
    return found
