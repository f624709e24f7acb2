"""What the check of every image of a data set found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.data.audit import KINDS
from cnnviz.printable import printable
from cnnviz.ui.server import data_sets
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.data.audit import Audit

SHOWN = 12  # pairs of near-duplicates


def draw(name: str) -> None:
    """The audit of a data set, once it is asked for."""
    if st.session_state.get("_audited") == name or st.button("Check every image", icon=":material/fact_check:"):
        st.session_state["_audited"] = name
        with st.spinner("Reading every image once", show_time=True):
            _show(data_sets.audited(name))


def _show(found: Audit) -> None:
    """What an audit found, in sentences and pictures."""
    show.section("Findings", f"{len(found.sizes):,} images read")
    low, high = found.sizes.min(0), found.sizes.max(0)
    show.facts(
        {
            "Unreadable": len(found.unreadable),
            "Largest class / smallest": f"{found.imbalance:.2f}",
            "Width, px": f"{low[0]} to {high[0]}",
            "Height, px": f"{low[1]} to {high[1]}",
            "Near-duplicates across splits": len(found.duplicates),
            "Near-duplicates under two classes": len(found.conflicts),
            "Near-duplicates inside a split": len(found.inside),
        }
    )
    if found.unsearched:
        show.say(f"Crops were looked for in all but the last {found.unsearched:,} images.")
    for path, why in found.unreadable[:20]:
        show.say(f"{printable(f'{path.parent.name}/{path.name}')}: {why}")
    for pair in found.twins[:SHOWN]:
        both = np.stack([data_sets.square(pair.one, 128), data_sets.square(pair.other, 128)])
        one, other = (
            printable(f"{split}/{path.parent.name}/{path.name}")
            for split, path in ((pair.one_split, pair.one), (pair.other_split, pair.other))
        )
        show.image(picture.grid(both, 2), f"Near-duplicates: {one} and {other}", width=260)
        show.say(f"{one} and {other}: {KINDS[pair.kind]}{', under two classes' if pair.conflicts else ''}")
    if found.pairs > SHOWN:
        show.say(f"{found.pairs - SHOWN:,} more near-duplicates; `cnnviz audit FOLDER` lists them.")
