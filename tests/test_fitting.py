"""Tests of pictures of any size for a model of one size."""

import numpy as np
import pytest

from keras_igpt import data, fitting


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize("size", [(9, 9), (31, 17), (8, 40), (1, 5), (64, 48)])
@pytest.mark.parametrize("wanted", [(8, 8), (4, 12)])
def test_crop_box_is_what_resize_keeps(size, wanted, generator):
    images = generator.integers(0, 256, (1, *size, 1), "uint8")
    top, left, rows, columns = fitting.crop_box(size, wanted)
    cropped = images[:, top : top + rows, left : left + columns]
    np.testing.assert_array_equal(
        data.resize(images, wanted), data.resize(cropped, wanted)
    )


def test_a_pixel_is_kept_if_all_of_it_is():
    masks = np.zeros((1, 8, 8), bool)
    masks[0, 3, 5] = True
    small = fitting.fit_masks(masks, (4, 4))
    assert small.sum() == 1 and small[0, 1, 2]


def test_masks_of_large_pictures_lose_no_pixel():
    masks = np.zeros((1, 512, 512), bool)
    masks[0, 100, 300] = True
    assert fitting.fit_masks(masks, (16, 16)).sum() == 1


def test_paste_back_leaves_the_rest(generator):
    images = generator.integers(0, 256, (2, 20, 30, 3), "uint8")
    painted = generator.integers(0, 256, (2, 8, 8, 3), "uint8")
    masks = generator.random((2, 20, 30)) < 0.5
    pasted = fitting.paste_back(painted, images, masks)
    np.testing.assert_array_equal(pasted[~masks], images[~masks])
    assert (pasted[:, :, 5:25] != images[:, :, 5:25]).any()
    np.testing.assert_array_equal(pasted[:, :, :5], images[:, :, :5])


def test_placed_picture_is_on_the_canvas(generator):
    picture = generator.integers(0, 256, (4, 6, 3), "uint8")
    canvas, mask = fitting.place(picture, (10, 12), top=2, left=3)
    np.testing.assert_array_equal(canvas[2:6, 3:9], picture)
    assert not mask[2:6, 3:9].any() and mask.sum() == 10 * 12 - 24


def test_placed_picture_is_cut_at_the_edge(generator):
    picture = generator.integers(0, 256, (4, 6, 1), "uint8")
    canvas, mask = fitting.place(picture, (10, 12), top=-1, left=9)
    np.testing.assert_array_equal(canvas[:3, 9:], picture[1:, :3])
    assert (~mask).sum() == 9


def test_placed_picture_is_scaled(generator):
    picture = generator.integers(0, 256, (8, 8, 3), "uint8")
    canvas, mask = fitting.place(picture, (10, 12), 0, 0, scale=0.5)
    np.testing.assert_array_equal(canvas[:4, :4], data.resize(picture, (4, 4)))


def test_picture_beside_the_canvas_is_an_error(generator):
    with pytest.raises(ValueError, match="must lie on the canvas of 10 x 12"):
        fitting.place(np.zeros((4, 4, 3), "uint8"), (10, 12), top=10, left=0)
