"""Tests of images of any size for a model of one size."""

import numpy as np
import pytest

from keras_igpt.images import arrays, crop


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize("size", [(9, 9), (31, 17), (8, 40), (1, 5), (64, 48)])
@pytest.mark.parametrize("wanted", [(8, 8), (4, 12)])
def test_crop_box_is_what_resize_keeps(size, wanted, generator):
    images = generator.integers(0, 256, (1, *size, 1), "uint8")
    top, left, rows, columns = crop.crop_box(size, wanted)
    cropped = images[:, top : top + rows, left : left + columns]
    np.testing.assert_array_equal(
        arrays.resize(images, wanted), arrays.resize(cropped, wanted)
    )


def test_crop_box_lies_around_the_mask():
    mask = np.zeros((10, 30), bool)
    mask[2:4, 20:24] = True
    assert crop.crop_box((10, 30), (8, 8), mask) == (0, 17, 10, 10)


def test_crop_box_stays_in_the_image():
    mask = np.zeros((30, 10), bool)
    mask[0, 0] = True
    assert crop.crop_box((30, 10), (8, 8), mask) == (0, 0, 10, 10)


def test_each_image_is_cut_around_its_own_mask(generator):
    images = generator.integers(0, 256, (2, 10, 30, 3), "uint8")
    masks = np.zeros((2, 10, 30), bool)
    masks[0, :, :4] = masks[1, :, 26:] = True
    parts, fitted = crop.fit_around(images, masks, (10, 10))
    np.testing.assert_array_equal(parts[0], images[0, :, :10])
    np.testing.assert_array_equal(parts[1], images[1, :, 20:])
    assert fitted[0, :, :4].all() and fitted[1, :, 6:].all()
    assert fitted.sum() == 80


def test_mask_that_the_part_loses_is_named(generator):
    images = generator.integers(0, 256, (1, 10, 90, 3), "uint8")
    masks = np.zeros((1, 10, 90), bool)
    masks[..., 0] = masks[..., 89] = True
    with pytest.raises(ValueError, match="`masks` must hide something"):
        crop.fit_around(images, masks, (8, 8))


def test_border_that_is_cut_is_named():
    _, border = crop.expand(np.zeros((10, 30, 3), "uint8"), (0, 5, 0, 5))
    crop.check_seen(border[:, 5:25], (8, 8))
    with pytest.raises(ValueError, match="image of 20 x 30"):
        crop.check_seen(border, (8, 8))


def test_generated_part_is_pasted_around_its_mask(generator):
    images = generator.integers(0, 256, (1, 10, 30, 3), "uint8")
    masks = np.zeros((1, 10, 30), bool)
    masks[:, :, 25:] = True
    generated = np.full((1, 10, 10, 3), 7, "uint8")
    pasted = crop.paste_back(generated, images, masks)
    assert (pasted[:, :, 25:] == 7).all()
    np.testing.assert_array_equal(pasted[:, :, :25], images[:, :, :25])


def test_a_pixel_is_kept_if_all_of_it_is():
    masks = np.zeros((1, 8, 8), bool)
    masks[0, 3, 5] = True
    small = crop.fit_masks(masks, (4, 4))
    assert small.sum() == 1 and small[0, 1, 2]


def test_masks_of_large_images_lose_no_pixel():
    masks = np.zeros((1, 512, 512), bool)
    masks[0, 100, 300] = True
    assert crop.fit_masks(masks, (16, 16)).sum() == 1


def test_paste_back_leaves_the_rest(generator):
    images = generator.integers(0, 256, (2, 20, 30, 3), "uint8")
    generated = generator.integers(0, 256, (2, 8, 8, 3), "uint8")
    masks = generator.random((2, 20, 30)) < 0.5
    pasted = crop.paste_back(generated, images, masks)
    np.testing.assert_array_equal(pasted[~masks], images[~masks])
    assert (pasted[:, :, 5:25] != images[:, :, 5:25]).any()
    np.testing.assert_array_equal(pasted[:, :, :5], images[:, :, :5])


def test_placed_image_is_on_the_canvas(generator):
    image = generator.integers(0, 256, (4, 6, 3), "uint8")
    canvas, mask = crop.place(image, (10, 12), top=2, left=3)
    np.testing.assert_array_equal(canvas[2:6, 3:9], image)
    assert not mask[2:6, 3:9].any() and mask.sum() == 10 * 12 - 24


def test_placed_image_is_cut_at_the_edge(generator):
    image = generator.integers(0, 256, (4, 6, 1), "uint8")
    canvas, mask = crop.place(image, (10, 12), top=-1, left=9)
    np.testing.assert_array_equal(canvas[:3, 9:], image[1:, :3])
    assert (~mask).sum() == 9


def test_placed_image_is_scaled(generator):
    image = generator.integers(0, 256, (8, 8, 3), "uint8")
    canvas, mask = crop.place(image, (10, 12), 0, 0, scale=0.5)
    np.testing.assert_array_equal(canvas[:4, :4], arrays.resize(image, (4, 4)))


def test_image_beside_the_canvas_is_an_error(generator):
    with pytest.raises(ValueError, match="must lie on the canvas of 10 x 12"):
        crop.place(np.zeros((4, 4, 3), "uint8"), (10, 12), top=10, left=0)


def test_expand_refuses_a_border_that_fills_memory():
    image = np.zeros((8, 8, 3), "uint8")
    with pytest.raises(ValueError, match="Expand it by less"):
        crop.expand(image, (50_000_000, 0, 0, 0))


@pytest.mark.parametrize(
    ("corner", "scale"),
    [((0, 0), 1e9), ((0, 0), float("inf")), ((0, 0), -1.0), ((10**30, 0), 1.0)],
    ids=str,
)
def test_absurd_places_are_refused_before_any_memory(corner, scale):
    image = np.zeros((4, 4, 3), "uint8")
    with pytest.raises(ValueError, match="`scale` must|must lie on the canvas"):
        crop.place(image, (8, 8), *corner, scale=scale)
