"""Possible label errors of a data set on the page: images whose label is to be checked, and a corrected copy."""

from __future__ import annotations

import contextlib
import hashlib
import html
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz.data.fixes import KEEP, Fix, as_csv, merged, path_in, proposed
from cnnviz.options import RequestError
from cnnviz.probability import percent
from cnnviz.runtime.progress import Progress
from cnnviz.train import interval
from cnnviz.ui.server import data_sets
from cnnviz.ui.session import current
from cnnviz.ui.session.networks import rows
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.background import patiently
from cnnviz.ui.widgets.compare import AT_HAND

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine
    from cnnviz.runtime.suspects import Suspect, Suspects

SIDE = 132  # px of an image
SHOWN = 24  # suspects at first, and more at each click
NBSP = "\u00a0"  # a sign does not part from its number
AUDIT, FEATURES = 0.2, 0.9  # the share that is done after each of these


@st.fragment
def draw(name: str) -> None:
    """The search for label errors, once it is asked for, and what becomes of its suggestions."""
    networks = {row.key: row for row in rows() if row.where in AT_HAND}
    show.section("Possible label errors", "labels that predictions for images left out of training disagree with")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox(
            "Features of", list(networks), list(networks).index(_usual(name)),
            format_func=lambda one: networks[one].title, key="suspects-network", persist_state="session",
            help="The network whose features tell the classes apart. It need not know the classes; one that was "
            "trained on these labels has learned their errors, too.",
        )  # fmt: skip
        if st.button("Look for label errors", icon=":material/rule:"):
            st.session_state["_suspected"] = name, key
            st.session_state["_suspects-shown"] = SHOWN
    if st.session_state.get("_suspected") != (name, key):
        return
    engine = current.engine()
    of = (name, data_sets.stamp(name), data_sets.labels(name), key)
    found = patiently("suspects", partial(_sought, engine, name, key), "Looking for label errors", of)
    if found is not None and (found.model, found.data) == (key, data_sets.surveyed(name)):
        _show(name, networks[key].title, found)


def _usual(name: str) -> str:
    """The network to begin with: the smallest of ImageNet on the disk for photos, else one that ships with cnnviz."""
    there = [row for row in rows() if row.where in AT_HAND]
    known = [row for row in there if row.data == "ImageNet"]
    with contextlib.suppress(RequestError):
        if known and data_sets.of_photos(name):
            return min(known, key=lambda row: row.bytes).key
    known = known or [row for row in there if row.where == "bundled"] or there
    return min(known, key=lambda row: row.bytes).key


def _sought(engine: Engine, name: str, key: str, progress: Progress) -> Suspects:
    """The suspects of a data set, near-duplicates in one fold; `progress` hears the share done."""
    audit = data_sets.audited(name, lambda done, of: progress(AUDIT * done / max(1, of)))

    def told(stage: str, done: int, of: int) -> None:
        begin, end = (AUDIT, FEATURES) if stage == "features" else (FEATURES, 1.0)
        progress(begin + (end - begin) * done / max(1, of))

    return engine.suspects(key, data_sets.surveyed(name), audit.groups, told)


def _show(name: str, title: str, found: Suspects) -> None:
    """The suspects as pictures, each with a tick; the list, and the copy."""
    count, right = len(found.suspects), round(found.accuracy * found.images)
    sure = interval.words(found.accuracy, found.images)
    show.section("Labels to check", f"{count:,} of {found.images:,}, an estimate by confident learning")
    show.say(
        f"By the features of {title}: a linear head predicts the label of {right:,} of {found.images:,} images that it "
        f"was not fitted to ({found.accuracy:.1%}, 95% interval {sure}). "
        "A suggestion may be wrong and the label right: look at each image before you tick it."
    )
    for path in found.single[:SHOWN]:
        show.say(f"{path_in(found.data.root, path)}: not judged, for no other image is of its class.")
    most = st.session_state.get("_suspects-shown", SHOWN)
    listed = found.suspects[:most]
    with st.container(horizontal=True, gap="small", key="suspects"):
        for one in listed:
            _tile(name, found, one)
    if listed:
        with st.container(horizontal=True, gap="small"):
            keys = [_key(name, found, one) for one in listed]
            st.button(
                "Tick all shown", key="suspects-all", on_click=_tick, args=(keys, True),
                help="For when each has been looked at: a suggestion may be wrong and the label right",
            )  # fmt: skip
            st.button("Untick all", key="suspects-none", on_click=_tick, args=(keys, False))
            if count > most:
                st.button(f"Show {min(SHOWN, count - most)} more", key="suspects-more", on_click=_more, args=(most,))
    _correct(name, found)


def _tile(name: str, found: Suspects, one: Suspect) -> None:
    """A suspect: its image, its class and the suggested one with their probabilities, and the tick."""
    file = path_in(found.data.root, one.path)
    label, to = found.classes[one.given], found.classes[one.suggested]
    with st.container(width=SIDE, gap="xsmall"):
        with contextlib.suppress(RequestError):  # it may be gone since
            alt = f"{file}: labelled {label}, suggested {to}"
            show.image(data_sets.square(one.path, 2 * SIDE), alt, width=SIDE)
        given, other = (percent(p).replace(" ", NBSP) for p in (one.given_probability, one.suggested_probability))
        odds = f"{label}: {given}", f"suggested {to}: {other}"
        lines = "<br>".join(map(html.escape, odds))
        st.html(f'<p class="cv-note" style="overflow-wrap:anywhere" title="{html.escape(file)}">{lines}</p>')
        st.checkbox(f"Move to {show.plain(to)}", key=_key(name, found, one), persist_state="session")


def _correct(name: str, found: Suspects) -> None:
    """The list of fixes as a file, and the copy that is made by it."""
    others = proposed(data_sets.audited(name), found.data)
    changes = sum(fix.action != KEEP for fix in others)
    taken = [found.fix(one) for one in found.suspects if st.session_state.get(_key(name, found, one))]
    if changes:
        st.toggle(
            f"Also remove what the check of every image proposes ({changes:,})", key="suspects-others",
            persist_state="session", help="Unreadable images, and of near-duplicates all but one; the list says which.",
        )  # fmt: skip
    with_others = bool(changes) and bool(st.session_state.get("suspects-others"))
    left = [_kept(found.fix(one)) for one in found.suspects]
    st.download_button(
        "List as CSV", lambda: as_csv(merged((*others, *taken, *left))), f"{name}-fixes.csv", "text/csv",
        key="suspects-csv", on_click="ignore", icon=":material/download:",
        help="All suspects, those ticked as moves, and what the check of every image proposes. Edit it, and "
        "`cnnviz apply` makes a corrected copy by it.",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        new = st.text_input("Name of the copy", f"{name}-corrected", key=f"suspects-name-{name}")
        wanted = merged((*(others if with_others else ()), *taken))
        idle = not any(fix.action != KEEP for fix in wanted)
        if st.button("Save as a corrected data set", type="primary", icon=":material/save:", disabled=idle):
            with show.refusals():
                st.session_state["_added"] = data_sets.correct(name, new, wanted, show.counted("Copying"))
                st.rerun()
    show.say(f"{len(taken):,} of {len(found.suspects):,} suggestions are ticked. {name} itself is not changed.")


def _kept(fix: Fix) -> Fix:
    """A suggestion that was not taken; the list still says what it is."""
    return Fix(fix.file, KEEP, fix.label, fix.to, fix.why)


def _key(name: str, found: Suspects, one: Suspect) -> str:
    """What the tick of a suspect is remembered under."""
    told = (name, found.model, path_in(found.data.root, one.path), one.given, one.suggested)
    return f"suspect-{hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()}"


def _tick(keys: list[str], on: bool) -> None:
    for key in keys:
        st.session_state[key] = on


def _more(most: int) -> None:
    st.session_state["_suspects-shown"] = most + SHOWN
