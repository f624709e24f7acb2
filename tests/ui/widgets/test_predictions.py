"""Predictions: the classes of a network that has few."""

from streamlit.testing.v1 import AppTest


def test_few_classes_are_named_and_many_are_not():
    def page():
        from types import SimpleNamespace

        from cnnviz.ui.widgets.predictions import bars

        bars([], model=SimpleNamespace(labels=("cat", "dog"), key="one", known=None))
        bars([], model=SimpleNamespace(labels=tuple(map(str, range(1000))), key="other", known=None))

    at = AppTest.from_function(page).run()
    assert not at.exception
    said = [one.body for one in at.get("html") if "classes" in one.body]
    assert len(said) == 1
    assert "This network has 2 classes: cat, dog." in said[0]
