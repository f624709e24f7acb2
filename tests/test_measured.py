"""A measured value in words: the same everywhere, and never Python's "1.08e+03"."""

import re
import struct

import numpy as np
import pytest

from cnnviz.measured import measured

WORDS = {
    0.0: "0", 1.0: "1", 16.08: "16.1", 16.0: "16", 0.8877: "0.888", -0.47: "−0.47", 0.03125: "0.0313",
    999.4: "999", 999.6: "1000", 1081.18: "1081", -12345.5: "−12346", 999999.7: "1000000", 1_234_567.0: "1.23e6",
    2e20: "2e20", 0.000888: "0.000888", 0.00009996: "0.0001", 0.0000888: "8.88e−5", -1e-12: "−1e−12",
    float("nan"): "NaN", float("inf"): "∞", float("-inf"): "−∞",
}  # fmt: skip


@pytest.mark.parametrize(("value", "words"), WORDS.items())
def test_a_value_is_written_with_three_figures_and_its_whole_part(value, words):
    assert measured(value) == words
    assert measured(np.float32(value)) == measured(float(np.float32(value)))


def test_any_value_can_be_read_back_to_three_figures():
    bits = np.random.default_rng(4).integers(0, 2**32, 4000, dtype=np.uint32).tolist()
    values = [struct.unpack("<f", struct.pack("<I", one))[0] for one in bits]
    for value in [one for one in values if np.isfinite(one)]:
        text = measured(value)
        assert float(text.replace("−", "-")) == pytest.approx(value, rel=0.0051), text
        assert re.fullmatch(r"−?(0|\d+|\d+\.\d*[1-9])(e−?[1-9]\d*)?", text), text


def test_more_figures_and_a_sign_are_to_be_had():
    assert [measured(one, 4, sign=True) for one in (12.3456, -0.5, 0.0, 1081.18)] == ["+12.35", "−0.5", "0", "+1081"]
    assert measured(-0.0) == "0"
    assert [measured(1081.18, figures) for figures in (1, 2)] == ["1081", "1081"]
