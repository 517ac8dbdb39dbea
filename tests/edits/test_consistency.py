"""Tests of what is known of images, and of making generated ones agree."""

import numpy as np
import pytest

from keras_igpt.edits import consistency


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (4, 8, 12, 3), dtype="uint8")


def test_hidden_pixels_are_zeros(images):
    masks = np.zeros((4, 8, 12), bool)
    masks[:, 2:4] = True
    source = np.asarray(consistency.hidden(images, masks))
    assert source.dtype == np.uint8 and not source[masks].any()
    np.testing.assert_array_equal(source[~masks][:, :3], images[~masks])
    assert (source[~masks][:, 3] == 255).all()


def test_all_is_known_everywhere(images):
    source = np.asarray(consistency.known_everywhere(images))
    np.testing.assert_array_equal(source[..., :3], images)
    assert (source[..., 3] == 255).all()


def test_luma_is_that_of_bt601():
    images = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]], "uint8")
    found = np.asarray(consistency.luma(images)).ravel()
    assert found.tolist() == [76, 150, 29]


def test_shrunk_is_the_mean_of_areas(images):
    found = np.asarray(consistency.shrunk(images, 4))
    wanted = images.reshape(4, 2, 4, 3, 4, 3).mean((2, 4))
    assert abs(found - wanted).max() <= 0.5


def test_repeated_fills_blocks():
    small = np.array([1, 2], "uint8").reshape(1, 1, 2, 1)
    found = np.asarray(consistency.repeated(small, 2))[0, :, :, 0]
    assert found.tolist() == [[1, 1, 2, 2]] * 2


def test_shifted_leaves_what_is_right(images):
    wanted = consistency.shrunk(images, 2)
    found = consistency.shifted(
        images,
        wanted,
        lambda x: consistency.block_mean(x, 2),
        lambda shift: consistency.repeated(shift, 2),
    )
    assert abs(np.asarray(found).astype(int) - images).max() <= 1


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_shifted_reaches_every_level(images, level):
    wanted = np.full((4, 8, 12, 1), level, "uint8")
    found = consistency.shifted(images, wanted, consistency.exact_luma)
    away = np.asarray(consistency.luma(found)).astype(int) - level
    assert abs(away).max() <= 1
