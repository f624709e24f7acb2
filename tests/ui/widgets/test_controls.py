"""Widgets made from options."""

from streamlit.testing.v1 import AppTest


def test_options_without_bounds_or_with_a_wide_range_are_number_fields():
    def page():
        from dataclasses import dataclass

        import streamlit as st

        from cnnviz.options import Options, knob
        from cnnviz.ui.widgets import controls

        @dataclass(frozen=True)
        class Some(Options):
            seed: int = knob(0, "a seed", low=0, high=2**31 - 1, step=1)
            free: float = knob(0.5, "no bounds")
            share: float = knob(0.5, "a share", low=0.0, high=1.0, step=0.05)

        st.write(repr(controls.options(Some, "x")))

    at = AppTest.from_function(page).run()
    assert not at.exception
    assert [one.label for one in at.number_input] == ["Seed", "Free"]
    assert [one.label for one in at.slider] == ["Share"]
    at.number_input("x-seed").set_value(2**31 - 1).run()
    assert f"seed={2**31 - 1}" in at.markdown[0].value
    assert at.query_params["x-seed"] in (str(2**31 - 1), [str(2**31 - 1)])
    at.number_input("x-seed").set_value(None).run()
    assert not at.exception
    assert "seed=0" in at.markdown[0].value
