"""Tests of what edits hide and what they keep."""

import numpy as np
import pytest

from keras_igpt.edits import consistency, kinds
from keras_igpt.edits.kinds import EDITS
from keras_igpt.edits.masks import random_mask

SHAPE = (16, 24, 3)


def shrunk(images, factor):
    return np.asarray(consistency.shrunk(images, factor))


def repeated(images, factor):
    return np.asarray(consistency.repeated(images, factor))


def luma(images):
    return np.asarray(consistency.luma(images))


def keep(name, *args):
    return np.asarray(EDITS[name].keep(*args))


def source_of(name, *args):
    return np.asarray(EDITS[name].source(*args))


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def images(generator):
    """200 random images, some of them with flat and extreme parts."""
    images = generator.integers(0, 256, (200, *SHAPE), dtype="uint8")
    images[:50, :8] = 0
    images[50:100, :, :12] = 255
    return images


@pytest.fixture
def generated(generator):
    generated = generator.integers(0, 256, (200, *SHAPE), dtype="uint8")
    generated[::3] = generated[::3] // 200 * 255  # mostly black
    return generated


@pytest.fixture
def masks(generator):
    masks = np.stack([random_mask(SHAPE[:2], generator) for _ in range(200)])
    masks[0], masks[1], masks[2] = False, True, False
    masks[2, 5, 7] = True
    return masks


# Hiding


def test_an_edit_must_say_what_it_hides():
    with pytest.raises(TypeError, match="hide"):
        kinds.Edit()


@pytest.mark.parametrize("name", EDITS)
def test_hidden_images_are_a_source(name, images, generator):
    source = EDITS[name].hide(images, generator)
    assert source.shape == (200, 16, 24, 4) and source.dtype == np.uint8
    assert set(np.unique(source[..., -1])) <= {0, 255}


@pytest.mark.parametrize("name", ["inpaint", "upscale", "denoise"])
def test_hiding_differs_every_time(name, images, generator):
    first, second = (EDITS[name].hide(images, generator) for _ in range(2))
    assert (first != second).any()


@pytest.mark.parametrize("name", EDITS)
def test_hiding_repeats_with_the_generator(name, images):
    first, second = (
        EDITS[name].hide(images, np.random.default_rng(3)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_inpaint_shows_no_hidden_pixel(images, generator):
    source = EDITS["inpaint"].hide(images, generator)
    known = source[..., -1] == 255
    assert (source[~known] == 0).all()
    np.testing.assert_array_equal(source[known][:, :3], images[known])


def test_upscale_shows_means_of_blocks(images, generator):
    source = EDITS["upscale"].hide(images, generator)
    two = repeated(shrunk(images, 2), 2)
    four = repeated(shrunk(images, 4), 4)
    for shown, *either in zip(source[..., :3], two, four):
        assert any((shown == one).all() for one in either)


def test_upscale_of_odd_sizes_takes_the_factor_that_fits(generator):
    images = generator.integers(0, 256, (9, 6, 6, 1), dtype="uint8")
    source = EDITS["upscale"].hide(images, generator)
    two = repeated(shrunk(images, 2), 2)
    np.testing.assert_array_equal(source[..., :1], two)


def test_colorize_shows_luma(images):
    source = EDITS["colorize"].hide(images)
    for channel in range(3):
        np.testing.assert_array_equal(
            source[..., channel], luma(images)[..., 0]
        )


def test_denoise_damages_every_image(images, generator):
    source = EDITS["denoise"].hide(images, generator)
    assert (source[..., :3] != images).any((1, 2, 3)).all()


def test_denoise_takes_grey_images(images, generator):
    source = EDITS["denoise"].hide(images[..., :1], generator)
    assert source.shape == (200, 16, 24, 2)


# Sources of what users give


@pytest.mark.parametrize("factor", [2, 4])
def test_upscale_takes_small_images(images, factor):
    small = shrunk(images, factor)
    source = source_of("upscale", small, SHAPE)
    np.testing.assert_array_equal(source[:, ::factor, ::factor, :3], small)


@pytest.mark.parametrize(
    "shape", [(5, 8, 3), (16, 24, 3), (2, 3, 3), (8, 12, 1)]
)
def test_upscale_names_the_sizes_it_takes(shape):
    with pytest.raises(ValueError, match=r"16 x 24 divided by one of \(2, 4\)"):
        EDITS["upscale"].source(np.zeros((1, *shape), "uint8"), SHAPE)


def test_colorize_takes_grey_and_coloured_images(images):
    grey = source_of("colorize", luma(images), SHAPE)
    coloured = source_of("colorize", images, SHAPE)
    np.testing.assert_array_equal(grey, coloured)


@pytest.mark.parametrize("name", ["inpaint", "colorize", "denoise", "restyle"])
def test_wrong_size_is_an_error(name):
    images = np.zeros((1, 8, 8, 3), "uint8")
    with pytest.raises(ValueError, match="`images` must have shape"):
        EDITS[name].source(images, SHAPE, np.zeros((1, 8, 8), bool))


# Guarantees


def test_inpaint_keeps_known_pixels(generated, images, masks):
    kept = keep("inpaint", generated, images, masks)
    np.testing.assert_array_equal(kept[~masks], images[~masks])


def test_inpaint_paints_hidden_pixels(generated, images, masks):
    kept = keep("inpaint", generated, images, masks)
    np.testing.assert_array_equal(kept[masks], generated[masks])


@pytest.mark.parametrize("factor", [2, 4])
def test_upscaled_images_shrink_to_those_given(generated, images, factor):
    small = shrunk(images, factor)
    kept = keep("upscale", generated, small)
    away = shrunk(kept, factor).astype(int) - small
    assert abs(away).max() <= 1


def test_upscale_leaves_what_is_right(images):
    kept = keep("upscale", images, shrunk(images, 2))
    assert abs(kept.astype(int) - images).max() <= 1


def test_colorized_images_keep_their_luma(generated, images):
    grey = luma(images)
    kept = keep("colorize", generated, grey)
    assert abs(luma(kept).astype(int) - grey).max() <= 1


def test_colorize_leaves_what_is_right(images):
    kept = keep("colorize", images, images)
    assert abs(kept.astype(int) - images).max() <= 1
