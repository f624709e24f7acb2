"""Side by side: what differs and its second value, in widgets and in the link."""

from functools import partial
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.options import RequestError
from cnnviz.ui.widgets import compare


def page():
    import streamlit as st

    from cnnviz.ui.session import current
    from cnnviz.ui.widgets import compare

    st.session_state.setdefault("_notes", {})
    kinds = {
        "layer": compare.Kind("Layer", ("conv1", "conv2")),
        "method": compare.Kind("Method", ("a", "b"), {"a": "Grad-CAM", "b": "LayerCAM"}.__getitem__),
        "none": compare.Kind("None", ()),
        "photo": compare.photos(),
    }
    found = compare.ask(kinds)
    st.write(repr(found) + " " + repr(found and found.of("method", "x")))
    st.write(f"{current.photo().name} {compare.photo(found).name}")
    st.write(repr(compare.in_link(found)))


@pytest.fixture
def at() -> AppTest:
    return AppTest.from_function(page)


def test_nothing_differs_at_first_and_kinds_without_a_second_value_are_not_offered(at):
    at.run()
    assert not at.exception
    assert at.selectbox("with").options == ["Nothing", "Layer", "Method", "Photo"]
    assert at.markdown[0].value == "None None"
    assert at.markdown[2].value == "{}"
    assert len(at.selectbox) == 1


def test_what_differs_and_its_second_value_stand_in_the_link_and_come_back(at):
    at.run()
    at.selectbox("with").set_value("method").run()
    assert at.selectbox("second").options == ["Grad-CAM", "LayerCAM"]
    at.selectbox("second").set_value("b").run()
    assert "what='method'" in at.markdown[0].value
    assert "value='b'" in at.markdown[0].value
    assert "title='LayerCAM'" in at.markdown[0].value
    assert at.markdown[0].value.endswith("'b'")
    assert at.markdown[2].value == "{'with': 'method', 'second': 'b'}"
    fresh = AppTest.from_function(page)
    for name in ("with", "second"):
        fresh.query_params[name] = {"with": "method", "second": "b"}[name]
    assert "value='b'" in fresh.run().markdown[0].value


def test_each_kind_keeps_its_own_second_value(at):
    at.run()
    at.selectbox("with").set_value("layer").run()
    at.selectbox("second").set_value("conv2").run()
    at.selectbox("with").set_value("method").run()
    assert "value='a'" in at.markdown[0].value
    at.selectbox("with").set_value("layer").run()
    assert "value='conv2'" in at.markdown[0].value


def test_a_second_photo_is_any_but_the_present_one(at):
    at.run()
    at.selectbox("with").set_value("photo").run()
    present, other = at.markdown[1].value.split()
    assert present != other
    assert present not in at.selectbox("second").options


def test_a_second_network_of_the_same_classes_is_asked_for_the_class_and_not_for_its_namesake():
    engine = SimpleNamespace(model=lambda key: SimpleNamespace(title=key, labels=LABELS[key]))
    LABELS = {"one": ("crane", "dog", "crane"), "two": ("crane", "dog", "crane"), "three": ("dog", "crane"), "bare": ()}
    same = partial(compare.same_class, engine)
    assert [same("one", "two", i) for i in (0, 2, None)] == [0, 2, None]
    assert [same("one", "three", i) for i in (0, 1, 2)] == [1, 0, 1]
    assert same("bare", "bare", 7) == 7
    for first, second in (("one", "bare"), ("bare", "one")):
        with pytest.raises(RequestError, match="has no class"):
            same(first, second, 1)


def test_the_layer_of_a_second_network_has_the_same_name_or_lies_as_far_along():
    assert compare.same_layer("conv2", ("conv1", "conv2"), ("x", "conv2", "y")) == "conv2"
    others = ("a", "b", "c", "d", "e")
    assert [compare.same_layer(one, ("p", "q", "r"), others) for one in "pqr"] == ["a", "c", "e"]
    assert compare.same_layer("only", ("only",), others) == "a"
