"""Translation: without edges and stride a map shifts exactly as the photo does, and its mean stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.inference.activations import Activations, activations
from cnnviz.inference.translation import MEAN, WRAP, Shift, Translation, compared, shifted


@pytest.fixture
def seen(rng) -> np.ndarray:
    return rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)


def maps_of(seen: np.ndarray, stride: int = 1) -> Activations:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1, stride=stride, padding_mode="circular"), nn.ReLU()).eval()
    x = torch.from_numpy(seen.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return activations("1", net(x), seen)


def test_a_photo_is_shifted_as_numpy_rolls_it_and_what_moves_in_is_the_mean_colour(seen):
    np.testing.assert_array_equal(shifted(seen, Shift(3, -2, WRAP), (0.5,) * 3), np.roll(seen, (-2, 3), (0, 1)))
    padded = shifted(seen, Shift(3, -2, MEAN), (0.2, 0.4, 0.6))
    np.testing.assert_array_equal(padded[:-2, 3:], seen[2:, :-3])
    assert (padded[:, :3] == [51, 102, 153]).all()
    assert (padded[-2:] == [51, 102, 153]).all()
    assert (shifted(seen, Shift(256, 0, MEAN), (0.5,)) == 128).all()


@pytest.mark.parametrize(("dx", "dy", "stride"), [(5, 3, 1), (-4, 8, 2), (0, 0, 1)])
def test_without_edges_and_by_whole_strides_maps_shift_along_and_their_means_stay(seen, dx, dy, stride):
    shift = Shift(dx, dy)
    before, after = maps_of(seen, stride), maps_of(shifted(seen, shift, (0.5,) * 3), stride)
    np.testing.assert_allclose(after.maps, np.roll(before.maps, (dy // stride, dx // stride), (1, 2)), atol=1e-6)
    found = compared(shift, before, after)
    assert found.cosine == pytest.approx(1, abs=1e-9)
    assert found.largest < 1e-6
    height, width = before.maps.shape[1:]
    for channel in range(5):
        down, right = found.moved(channel)
        assert (down % height, right % width) == ((dy // stride) % height, (dx // stride) % width)


def test_what_moves_in_at_the_edge_changes_the_means_and_is_told(seen):
    shift = Shift(20, 0, MEAN)
    before, after = maps_of(seen), maps_of(shifted(seen, shift, (0.5,) * 3))
    found = compared(shift, before, after)
    change = np.abs(after.mean - before.mean).max()
    assert found.largest == pytest.approx(change, rel=1e-6)
    assert found.share == pytest.approx(change / np.abs(before.mean).max(), rel=1e-6)
    assert 0 < found.cosine < 1


def test_maps_of_nothing_but_zero_have_no_direction_to_lose(seen):
    zero = Activations("z", *(np.zeros(shape, np.float32) for shape in ((2, 3, 3), 2, 2, 2)), seen)
    assert compared(Shift(), zero, zero).cosine == 1


def peaks_at(shift: Shift, before: tuple[int, int], after: tuple[int, int], side: int, map_side: int) -> Translation:
    pixels, maps = np.zeros((side, side, 3), np.uint8), np.zeros((2, 1, map_side, map_side), np.float32)
    maps[0, 0][before], maps[1, 0][after] = 1, 1
    one, two = (Activations("z", found, *(np.zeros(1, np.float32),) * 3, pixels) for found in maps)
    return compared(shift, one, two)


def test_a_maximum_that_wraps_round_the_edge_moved_as_far_as_the_photo_did():
    found = peaks_at(Shift(32, 0, WRAP), (60, 100), (60, 4), 224, 111)  # stride 2 without padding: 111 of 112 places
    assert found.steps(0) == (0, -96)
    assert found.moved(0, 2) == (0, 16)
    assert found.moved(0) == (0, 15)
    assert peaks_at(Shift(-112, 64, WRAP), (90, 60), (10, 4), 224, 112).moved(0, 2) == (32, -56)
    cut = peaks_at(Shift(32, 0, MEAN), (60, 100), (60, 4), 224, 111)
    assert cut.moved(0, 2) == (0, -96)
    assert cut.lost(0)
    assert not peaks_at(Shift(32, 0, MEAN), (60, 50), (60, 66), 224, 111).lost(0)
