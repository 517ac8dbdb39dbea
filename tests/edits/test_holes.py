"""Tests of holes: filled, cells near them, and no seam."""

import numpy as np
import pytest

from keras_igpt.edits import holes


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("uint8")


@pytest.fixture
def masks():
    masks = np.zeros((2, 17, 24), bool)
    masks[0, 4:12, 5:20] = masks[1, :, 10:] = True
    return masks


def test_filled_keeps_what_is_outside(masks):
    images = random_images(2, 17, 24, 3)
    found = np.asarray(holes.filled(images, masks))
    np.testing.assert_array_equal(found[~masks], images[~masks])


def test_filled_does_not_see_what_is_hidden(masks):
    images, others = random_images(2, 17, 24, 3), random_images(2, 17, 24, 3)
    others[masks] = 255 - others[masks]
    np.testing.assert_array_equal(
        holes.filled(images, masks), holes.filled(others, masks)
    )


def test_filled_continues_one_colour(masks):
    images = np.full((2, 17, 24, 3), (10, 200, 90), "uint8")
    images[masks] = 0
    assert np.all(holes.filled(images, masks) == np.array([10, 200, 90]))


def test_filled_stays_between_what_is_around():
    images = np.zeros((1, 16, 16, 1), "uint8")
    images[:, :, :4], images[:, :, 12:] = 60, 180
    masks = np.zeros((1, 16, 16), bool)
    masks[:, :, 4:12] = True
    found = np.asarray(holes.filled(images, masks))[0, :, 4:12, 0]
    assert found.min() >= 60 and found.max() <= 180
    assert np.all(np.diff(found.astype(int), axis=1) >= 0)


def test_filled_is_grey_where_nothing_is_known():
    found = holes.filled(
        np.zeros((1, 6, 9, 3), "uint8"), np.ones((1, 6, 9)) > 0
    )
    assert set(np.unique(found)) == {128}


@pytest.mark.parametrize("reach, cells", [(0, 1), (3, 9), (5, 25), (None, 9)])
def test_cells_near_a_hole_are_unknown(reach, cells):
    masks = np.zeros((1, 28, 28), bool)
    masks[0, 13, 14] = True
    found = np.asarray(holes.unknown_cells(masks, (7, 7), reach, 4))
    assert found.sum() == cells and found[0, 24]


def test_seam_is_gone_at_the_rim(masks):
    images = np.full((2, 17, 24, 3), 100, "uint8")
    generated = np.full((2, 17, 24, 3), 140, "uint8")
    found = np.asarray(holes.without_seam(generated, images, masks, 4))
    assert np.abs(found[0, 4, 5:20].astype(int) - 100).max() <= 25


def test_deep_inside_nothing_changes(masks):
    images = np.full((2, 17, 24, 3), 100, "uint8")
    generated = np.full((2, 17, 24, 3), 140, "uint8")
    found = np.asarray(holes.without_seam(generated, images, masks, 4))
    assert np.all(found[1, :, 15:] == 140)


def test_seam_does_not_see_what_is_hidden(masks):
    images, others = random_images(2, 17, 24, 3), random_images(2, 17, 24, 3)
    others[masks] = 7
    generated = random_images(2, 17, 24, 3, seed=1)
    np.testing.assert_array_equal(
        holes.without_seam(generated, images, masks, 3),
        holes.without_seam(generated, others, masks, 3),
    )
