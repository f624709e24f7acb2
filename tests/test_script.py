"""Lines of Python say what they were made of: they can be run, and give the same values."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cnnviz import script
from cnnviz.photo import Photo

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(values, max_size=4), st.dictionaries(st.sampled_from(["top", "layer", "options"]), values))
def test_a_call_gives_back_its_values(plain, named):
    line = script.call("answer", *plain, **named)
    assert eval(line, {"answer": lambda *a, **k: (a, k)}) == (tuple(plain), named)
    assert "\n" not in line


def test_names_stand_in_a_call_without_quotes():
    assert script.call("f", script.PHOTO, "photo", heat=script.Name("a.b[0]")) == "f(photo, 'photo', heat=a.b[0])"


def test_a_script_is_imports_engine_photo_and_lines_in_this_order():
    assert script.script("a", "b") == "import cnnviz\n\na\nb"
    lines = script.script("a", imports=("import numpy", "import cnnviz"), engine=True, opening="photo = 1")
    assert lines.splitlines() == ["import numpy", "import cnnviz", "", "engine = cnnviz.engine()", "photo = 1", "a"]


def test_a_photo_is_opened_by_its_sample_or_its_file():
    own = Photo.of(np.zeros((2, 2, 3), np.uint8), 'it\'s "mine".jpg')
    assert eval(script.opened(Photo.sample("coffee")), {"Photo": Photo}).digest == Photo.sample("coffee").digest

    class Opening:
        @staticmethod
        def open(name: str, **how: int) -> tuple:
            return name, how

    assert eval(script.opened(own), {"Photo": Opening}) == (own.name, {})
    assert eval(script.opened(own, whole=True), {"Photo": Opening}) == (own.name, {"pixels": None})
    for crop in ("pad", 0.25):
        again = eval(script.opened(Photo.sample("coffee").with_crop(crop)), {"Photo": Photo})
        assert again == Photo.sample("coffee").with_crop(crop)
