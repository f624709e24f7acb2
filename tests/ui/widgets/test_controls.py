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


def test_a_number_that_is_not_allowed_stays_in_its_field_and_a_sentence_says_what_is():
    def page():
        import streamlit as st

        from cnnviz.ui.widgets import controls

        st.write(f"used {controls.number('Seed', 'seed', 0, 100, 0)}")

    at = AppTest.from_function(page).run()
    at.number_input("seed").set_value(7).run()
    at.number_input("seed").set_value(5000).run()
    assert not at.exception
    assert at.number_input("seed").value == 5000
    assert at.error[0].value == "Seed: from 0 to 100. 7 is used."
    assert at.markdown[-1].value == "used 7"
    at.number_input("seed").set_value(8).run()
    assert not at.error
    assert at.markdown[-1].value == "used 8"
