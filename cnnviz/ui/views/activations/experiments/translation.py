"""Translation: the photo is shifted, the map of a channel shifts along, and the vector of means stays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.measured import measured
from cnnviz.script import PHOTO, Name, call, script
from cnnviz.ui.views import numbers
from cnnviz.ui.views.activations.experiments import side_by_side
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from cnnviz.inference.translation import Shift, Translation
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine


def translation(engine: Engine, key: str, photo: Photo, layer: str, channel: int) -> dict[str, object]:
    """The photo is shifted: the map of a channel shifts along, the vector of means stays."""
    from cnnviz.inference.translation import MEAN, WRAP, Shift  # brings in torch, which is here by now

    half = min(256, engine.model(key).input_size[2] // 2)  # as far as a `Shift` goes
    one, two, three = st.columns([1, 1, 1.2], gap="medium")
    with one:
        dx = controls.slide("Shift right, px", "dx", -half, half, min(32, half), 1)
    with two:
        dy = controls.slide("Shift down, px", "dy", -half, half, 0, 1)
    with three:
        border = controls.switch("What moves in", "border", [WRAP, MEAN], WRAP,
                                 words={WRAP: "Opposite edge", MEAN: "Mean colour"}.__getitem__)  # fmt: skip
    view: dict[str, object] = {"dx": dx, "dy": dy, "border": border}
    shift = Shift(dx, dy, border)
    found = show.asked("shift", partial(engine.translation, key, photo, layer, shift), "Running the network")
    if found is None:
        return view
    channel = min(channel, len(found.before.maps) - 1)
    limit = max(float(np.abs(one.maps[channel]).max()) for one in (found.before, found.after)) or 1.0
    maps = [picture.diverging(one.maps[channel], limit) for one in (found.before, found.after)]
    drawn = [found.before.seen, found.after.seen, *maps]
    peaks = [f"maximum at row {y}, column {x}" for y, x in found.peaks[:, channel].tolist()]
    side_by_side.row(
        ["Photo", "Shifted photo", f"Channel {channel}", f"Channel {channel}, shifted"],
        drawn,
        ["", "", *peaks],
        ["→", "", "→"],
    )
    known = numbers.receptive(engine, key, layer)
    jump = known.jump if known is not None else 0
    _shift_numbers(found, channel, shift, jump)
    side_by_side.take(
        "shift", photo, key, [layer, f"channel-{channel}", f"{dx}-{dy}"], drawn,
        {"before": found.before.maps, "after": found.after.maps},
        script(
            f"shift = {call('Shift', dx, dy, border)}",
            f"found = {call('engine.translation', key, PHOTO, layer, Name('shift'))}",
            f"print(found.moved({channel}, {jump}), found.cosine, found.largest)",
            imports=("import cnnviz", "from cnnviz.inference.translation import Shift"),
            engine=True, opening=show.opening(photo),
        ),
        view | {"layer": layer, "channel": channel},
    )  # fmt: skip
    return view


def _shift_numbers(found: Translation, channel: int, shift: Shift, jump: int) -> None:
    (down, right), steps = found.moved(channel, jump), found.steps(channel)
    stride = f" (total stride {jump} px: {shift.dy / jump:g}, {shift.dx / jump:g} expected)" if jump else ""
    if (down, right) != steps:
        stride += f"; counted round the edge, from {steps[0]}, {steps[1]}"
    if found.lost(channel):
        stride += "; its place was shifted out of the map"
    show.facts(
        {
            "Shift of the photo (down, right)": f"{shift.dy}, {shift.dx} px",
            "Shift of the map's maximum (down, right)": f"{down}, {right}{stride}",
            "Cosine similarity of the pooled vectors": f"{found.cosine:.6f}",
            "Largest change of a mean": f"{measured(found.largest)} ({found.share:.1%} of the largest mean)",
        }
    )
