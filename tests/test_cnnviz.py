"""The package itself: its public names, and nothing heavy imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cnnviz


def test_the_public_names_are_these():
    assert sorted(cnnviz._PLACES) == sorted(cnnviz.__all__)
    for name in cnnviz.__all__:
        assert getattr(cnnviz, name) is not None
    assert cnnviz.engine() is cnnviz.engine()
    with pytest.raises(AttributeError):
        cnnviz.nothing  # noqa: B018


def test_importing_cnnviz_costs_no_torch():
    code = "import sys, cnnviz; cnnviz.Photo; sys.exit('torch' in sys.modules or 'streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
