"""A lecture net's description says how large its module is, whatever is switched on."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.models import build, lecture
from cnnviz.models.lecture import LectureNet
from cnnviz.options import RequestError

SPECS = st.builds(
    LectureNet,
    st.just("a net"),
    st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
    head=st.sampled_from(lecture.HEADS),
    pools=st.integers(0, 5),
    hidden=st.integers(0, 9),
    outputs=st.integers(1, 12),
    channels=st.sampled_from((1, 3)),
    size=st.integers(16, 40),
    dropout=st.sampled_from((0.0, 0.5)),
    batch_norm=st.booleans(),
    head_norm=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(SPECS)
def test_parameters_are_counted_without_building_the_net(spec: LectureNet):
    try:
        net = build.lecture_net(spec)
    except RequestError:
        with pytest.raises(RequestError, match="nothing is left after layer conv"):
            _ = spec.parameters
        return
    assert spec.parameters == sum(p.numel() for p in net.parameters())


def test_an_input_is_refused_that_has_nothing_left_for_the_last_convolution():
    with pytest.raises(RequestError, match="16 px are too few for a net: nothing is left after layer conv3"):
        build.lecture_net(LectureNet("a net", (4, 4, 4), size=16, pools=3))
    build.lecture_net(LectureNet("a net", (4, 4, 4), size=18, pools=2))


def test_describing_the_nets_needs_no_torch():
    code = "import sys; from cnnviz.models import lecture; sys.exit('torch' in sys.modules or not lecture.NETS)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
