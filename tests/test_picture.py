"""Pictures: colours are the colour map's own, overlays the plain blend, tiles the maps themselves."""

import base64
import io
from types import SimpleNamespace

import cmap
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.picture import PictureError

unit = st.floats(0, 1, width=32)
signed = st.floats(-1e6, 1e6, width=32)


@pytest.mark.parametrize("name", [*picture.HEAT_MAPS, picture.ACTIVATION, picture.WEIGHT])
def test_colours_are_those_of_the_cmap_package(name):
    values = np.linspace(0, 1, 1001, dtype=np.float32).reshape(7, 143)
    assert np.abs(picture.colourise(values, name) - 255 * cmap.Colormap(name)(values)[..., :3]).max() <= 0.5001


def test_values_outside_are_clipped_and_nan_is_grey():
    got = picture.colourise(np.array([[-5, 0, 1, 9, np.inf, np.nan]], np.float32))[0]
    assert np.array_equal(got[0], got[1])
    assert np.array_equal(got[2], got[3])
    assert np.array_equal(got[2], got[4])
    assert tuple(got[5]) == picture.NOWHERE


def test_the_default_heat_map_gets_lighter_all_the_way():
    ramp = picture.colourise(np.linspace(0, 1, 256)[None])[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(ramp) > -0.6).all()  # rounding to 8 bits may lose half a level
    assert picture.is_diverging(picture.ACTIVATION)
    assert picture.is_diverging(picture.WEIGHT)
    assert not picture.is_diverging(picture.HEAT)


@given(arrays.arrays(np.float32, (4, 5), elements=signed))
@settings(deadline=None)
def test_zero_sits_in_the_middle_of_a_diverging_map(values):
    values[0, 0] = 0
    middle = picture.colourise(np.float32([[0.5]]), picture.ACTIVATION)[0, 0]
    assert np.array_equal(picture.diverging(values)[0, 0], middle)
    mirrored = picture.diverging(-values)
    assert np.array_equal(picture.diverging(values)[values == 0], mirrored[values == 0])


def test_a_given_limit_reaches_the_ends():
    got = picture.diverging(np.array([[-2.0, 2.0]]), limit=2)[0]
    ends = picture.colourise(np.array([[0.0, 1.0]]), picture.ACTIVATION)[0]
    assert np.array_equal(got, ends)


def test_unknown_colour_maps_are_refused():
    with pytest.raises(PictureError, match="inferno, magma"):
        picture.colourise(np.zeros((2, 2)), "jetty")


@given(st.floats(0, 1), arrays.arrays(np.float32, (6, 8), elements=unit))
@settings(deadline=None, max_examples=40)
def test_an_overlay_is_the_plain_blend(opacity, heat):
    photo = Photo.of(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8))
    expected = photo.pixels * (1 - opacity) + picture.colourise(heat) * opacity
    got = np.asarray(picture.overlay(photo, heat, opacity))
    assert np.abs(got - expected).max() <= 0.51


def test_an_opacity_that_follows_the_heat_leaves_cold_places_the_photo():
    photo = Photo.sample("cat")
    heat = np.linspace(0, 1, 300 * 451, dtype=np.float32).reshape(300, 451)
    share = 0.8 * heat[..., None]
    expected = photo.pixels * (1 - share) + picture.colourise(heat) * share
    drawn = np.asarray(picture.overlay(photo, heat, 0.8, alpha="heat"))
    assert np.abs(drawn - expected).max() <= 0.51
    assert np.array_equal(drawn[0, :2], photo.pixels[0, :2])
    with pytest.raises(PictureError, match="heat or uniform"):
        picture.overlay(photo, heat, alpha="cold")


def test_heat_below_the_threshold_leaves_the_photo_as_it_is(rng):
    photo = Photo.of(rng.integers(0, 256, (6, 8, 3), np.uint8))
    heat = rng.random((6, 8), np.float32)
    whole, some = (np.asarray(picture.overlay(photo, heat, 0.5, threshold=level)) for level in (0, 0.4))
    assert np.array_equal(some[heat >= 0.4], whole[heat >= 0.4])
    assert np.array_equal(some[heat < 0.4], photo.pixels[heat < 0.4])


def test_heat_of_any_size_is_stretched_over_the_photo():
    photo = Photo.sample("cat")
    for shape in ((1, 1), (7, 7), (600, 900), (30, 2000)):
        assert picture.overlay(photo, np.zeros(shape, np.float32)).size == (451, 300)
    assert picture.overlay(photo, np.zeros((7, 7)), side=200).size == (200, 133)
    with pytest.raises(PictureError, match="one map"):
        picture.overlay(photo, np.zeros((2, 7, 7)))


def test_opacity_zero_is_the_photo_and_one_is_the_heat():
    photo = Photo.sample("cat")
    heat = np.linspace(0, 1, 300 * 451, dtype=np.float32).reshape(300, 451)
    assert np.array_equal(picture.overlay(photo, heat, 0), photo.pixels)
    assert np.array_equal(picture.overlay(photo, heat, 1), picture.colourise(heat))
    assert np.array_equal(picture.overlay(photo.pixels, heat, 1), picture.colourise(heat))


def test_what_the_net_never_saw_is_under_the_veil_of_the_page():
    photo = Photo.sample("cat")
    heat = SimpleNamespace(lying=(np.ones((10, 10), np.float32), (75, 0, 300, 300)))
    drawn = np.asarray(picture.overlay(photo, heat, 1.0)).astype(int)
    inside = drawn[:, 75:375]
    assert (inside == picture.colourise(np.ones((1, 1)))[0, 0]).all()
    veiled = 0.45 * photo.pixels + 0.55 * 128  # rgb(128 128 128 / .55), as the canvas has it
    for part in (np.s_[:, :75], np.s_[:, 375:]):
        assert np.abs(drawn[part] - veiled[part]).max() <= 0.51


@pytest.mark.parametrize("box", [(0, 0, 451, 300), (450, 299, 1, 1), (-3, -3, 500, 500), (10.4, 3.6, 99.2, 99.2)])
def test_boxes_at_the_rim_do_no_harm(box):
    heat = SimpleNamespace(lying=(np.ones((10, 10), np.float32), box))
    assert picture.overlay(Photo.sample("cat"), heat, side=100).size == (100, 67)


maps_of = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 13), st.integers(1, 6), st.integers(1, 6)), elements=signed
)


@given(maps_of, st.integers(1, 6), st.sampled_from(["layer", "channel"]), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_each_tile_of_a_mosaic_is_its_map_alone(maps, columns, scope, gap):
    count, height, width = maps.shape
    drawn = picture.mosaic(maps, columns=columns, scope=scope, gap=gap)
    rows = -(-count // columns)
    assert drawn.shape == (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    covered = np.zeros(drawn.shape[:2], bool)
    for i, values in enumerate(maps):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        alone = picture.diverging(values, limit=None if scope == "channel" else float(np.abs(maps).max()))
        assert np.array_equal(drawn[y : y + height, x : x + width], alone)
        covered[y : y + height, x : x + width] = True
    assert (drawn[~covered] == picture.GAP).all()


def test_a_plain_colour_map_runs_from_lowest_to_highest():
    maps = np.array([[[2.0, 4.0]], [[4.0, 6.0]]])
    layer = picture.mosaic(maps, colour_map="gray", gap=0, columns=2)[0, :, 0]
    channel = picture.mosaic(maps, colour_map="gray", gap=0, columns=2, scope="channel")[0, :, 0]
    assert layer.tolist() == [0, 128, 128, 255]
    assert channel.tolist() == [0, 255, 0, 255]


def test_small_maps_grow_by_whole_factors_and_large_ones_shrink():
    small = picture.mosaic(np.arange(12.0).reshape(1, 3, 4), tile=50)
    assert small.shape == (36, 48, 3)
    assert np.array_equal(small[::12, ::12], picture.diverging(np.arange(12.0).reshape(3, 4)))
    assert picture.mosaic(np.ones((1, 100, 200)), tile=50).shape == (25, 50, 3)


def test_flat_dead_and_broken_maps_are_drawn_without_a_warning():
    picture.mosaic(np.zeros((3, 4, 4)))
    picture.mosaic(np.zeros((3, 4, 4)), colour_map="gray", scope="channel")
    assert tuple(picture.mosaic(np.full((1, 2, 2), np.nan))[0, 0]) == picture.NOWHERE
    for wrong in (np.zeros((4, 4)), np.zeros((0, 4, 4))):
        with pytest.raises(PictureError, match="C, H, W"):
            picture.mosaic(wrong)
    with pytest.raises(PictureError, match="channel or a layer"):
        picture.mosaic(np.zeros((1, 2, 2)), scope="all")


@given(st.integers(1, 2048), st.floats(0.2, 5))
def test_a_mosaic_has_columns_for_every_count(count, ratio):
    columns = picture.wide(count, ratio)
    assert 1 <= columns <= count


def test_powers_of_two_fill_their_last_row():
    assert all(count % picture.wide(count) == 0 for count in (16, 32, 64, 96, 128, 192, 256, 384, 512, 1024, 2048))


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize(("format", "quality"), [("png", 88), ("webp", 101)])
def test_lossless_encodings_come_back_pixel_for_pixel(format, quality):
    pixels = Photo.sample("cat").pixels
    data = picture.encode(pixels, format, quality)
    assert Image.open(io.BytesIO(data)).format == format.upper()
    assert np.array_equal(decoded(data), pixels)


@pytest.mark.parametrize("format", ["webp", "jpeg"])
def test_lossy_encodings_come_back_nearly(format):
    photo = Photo.sample("cat")
    data = picture.encode(photo, format)
    assert Image.open(io.BytesIO(data)).format == format.upper()
    assert np.abs(decoded(data).astype(int) - photo.pixels).mean() < 3
    assert len(data) < photo.pixels.nbytes / 8


def test_grey_arrays_and_pil_images_encode_too():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert np.array_equal(decoded(picture.encode(grey, "png"))[..., 0], grey)
    assert np.array_equal(decoded(picture.encode(Image.fromarray(grey), "png"))[..., 2], grey)


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_an_address_holds_the_file_and_its_kind(kind, rng):
    pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    head, _, data = picture.data_url(picture.encode(pixels, kind), kind).partition(",")
    assert head == f"data:image/{kind};base64"
    assert base64.b64decode(data) == picture.encode(pixels, kind)
    assert base64.b64decode(picture.address(pixels, 90).partition(",")[2]) == picture.encode(pixels, "jpeg", 90)


def test_pictures_stand_in_rows_on_their_ground(rng):
    pictures = rng.integers(1, 256, (5, 4, 6, 3), dtype=np.uint8)
    drawn = picture.grid(pictures, 2, gap=3, border=1, ground=(0, 0, 0))
    assert drawn.shape == (2 + 3 * 4 + 2 * 3, 2 + 2 * 6 + 3, 3)
    for i, one in enumerate(pictures):
        y, x = 1 + i // 2 * 7, 1 + i % 2 * 9
        assert np.array_equal(drawn[y : y + 4, x : x + 6], one)
        drawn[y : y + 4, x : x + 6] = 0
    assert not drawn.any()


def test_what_cannot_be_encoded_says_so():
    with pytest.raises(PictureError, match="webp, jpeg, png"):
        picture.encode(np.zeros((2, 2, 3), np.uint8), "svg")
    with pytest.raises(PictureError, match="uint8"):
        picture.encode(np.zeros((2, 2, 3)), "png")


def test_fit_shrinks_and_never_grows():
    photo = Photo.sample("cat")
    assert picture.fit(photo, 100).shape == (67, 100, 3)
    assert picture.fit(photo, 5000) is photo.pixels
