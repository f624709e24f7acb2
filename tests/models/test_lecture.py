"""The nets of the lectures: the same every time."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.models import build, lecture, load
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


@pytest.mark.parametrize("name", lecture.NETS)
def test_lecture_nets_are_the_same_every_time_and_touch_no_global_state(name):
    before = torch.get_rng_state()
    first, second = load.load(f"lecture/{name}"), load.load(f"lecture/{name}")
    assert first.fingerprint == second.fingerprint
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.net.parameters(), second.net.parameters(), strict=True))
    assert not first.net.training
    assert not any(p.requires_grad for p in first.net.parameters())
    assert first.source == "untrained, seed 0"


def test_a_lecture_nets_first_weights_look_like_torchs_own():
    ours, torchs = load.load("lecture/cats_gap").net, lecture.build(lecture.NETS["cats_gap"]).requires_grad_(False)
    for a, b in zip(ours.parameters(), torchs.parameters(), strict=True):
        assert a.numel() < 1000 or abs(float(a.std() / b.std()) - 1) < 0.05
