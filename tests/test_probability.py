"""A probability in words: percentages that are never 0 or 100."""

import pytest

from cnnviz.probability import percent


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.0, "< 0.1%"), (0.0004, "< 0.1%"), (0.0006, "0.1%"), (0.5, "50.0%"), (0.966, "96.6%"), (0.9994, "99.9%"),
     (0.9996, "> 99.9%"), (1.0, "> 99.9%")],
)  # fmt: skip
def test_a_probability_is_never_rounded_to_nothing_or_all(probability, words):
    assert percent(probability) == words


def test_other_digits_have_other_edges():
    assert [percent(p, 0) for p in (0.001, 0.3, 0.999)] == ["< 1%", "30%", "> 99%"]
    assert [percent(p, 2) for p in (0.00001, 0.99999)] == ["< 0.01%", "> 99.99%"]
