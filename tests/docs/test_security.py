"""SECURITY.md promises what a test holds, with the numbers that stand in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cnnviz import photo
from cnnviz.cli import serve
from cnnviz.data import archive
from cnnviz.models import checkpoint, weights
from cnnviz.ui.server import limits
from cnnviz.ui.session import networks, photos

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^\| ([^|]+) \| `([^|`]+)::(\w+)` \|$", TEXT, re.M)


def test_there_are_promises():
    assert len(PROMISES) > 10
    assert len(PROMISES) == TEXT.count("\n| ") - 1  # all but the head of the table


@pytest.mark.parametrize(("promise", "file", "test"), PROMISES)
def test_each_promise_names_a_test_that_is_there(promise, file, test):
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.M), promise


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (f"{photo.MAX_BYTES >> 20} MiB or {photo.MAX_PIXELS // 10**6} megapixels", True),
        (f"stay within {photos.ROOM >> 30} GiB", True),
        (f"of a visit stay within {networks.VISIT >> 20} MiB, those of all within {networks.ROOM >> 30} GiB", True),
        (f"A checkpoint above {checkpoint.LARGEST >> 30} GiB", True),
        (f"more than {archive.MAX_TOTAL >> 30} GiB, or to {archive.MAX_RATIO} times", True),
        (
            f"within {limits.FILES} and {limits.VISIT >> 20} MB, those of all within {limits.ROOM >> 30} GiB and one "
            f"within {serve.PUBLIC_UPLOAD} MB",
            True,
        ),
        (weights.SITE.split("/")[2], True),
        ("@", False),  # reports go to the repository, not to somebody's mailbox
    ],
)
def test_its_numbers_are_those_of_the_code(words, value):
    assert (words in TEXT) is value


def test_usage_statistics_are_off():
    assert "gatherUsageStats = false" in (ROOT / ".streamlit" / "config.toml").read_text()
