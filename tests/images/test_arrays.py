"""Tests of sizes, channels and levels of pixels."""

import numpy as np
import pytest
import tensorflow as tf
from small_models import random_images

from keras_igpt.edits import consistency
from keras_igpt.images import arrays as images_arrays
from keras_igpt.images.arrays import check_images


def test_resize_averages_areas():
    image = np.array([[0, 2, 10, 20], [4, 6, 30, 40]], "uint8")[..., None]
    np.testing.assert_array_equal(
        images_arrays.resize(image, (1, 2))[..., 0], [[3, 25]]
    )


def test_resize_crops_the_middle():
    image = np.zeros((4, 8, 1), "uint8")
    image[:, 2:6] = 200
    assert (images_arrays.resize(image, 2) == 200).all()


def test_resize_keeps_image_of_same_size():
    image = random_images(5, 4, 3)
    np.testing.assert_array_equal(images_arrays.resize(image, (5, 4)), image)


@pytest.mark.parametrize("size", [3, 9, (2, 11)])
def test_resize_keeps_rank_and_dtype(size):
    images = images_arrays.resize(random_images(2, 7, 5, 3), size)
    rows, columns = size if isinstance(size, tuple) else (size, size)
    assert images.shape == (2, rows, columns, 3)
    assert images.dtype == np.uint8


def test_resize_clips_overshoot():
    image = np.zeros((4, 4, 1), "uint8")
    image[:, 2:] = 255
    wide = images_arrays.resize(image, 16)[0, :, 0]
    assert (np.diff(wide.astype(int))[4:11] >= 0).all()
    assert wide.min() == 0 and wide.max() == 255


def test_resize_in_dataset_equals_eager():
    images = random_images(3, 9, 7, 3)
    dataset = tf.data.Dataset.from_tensor_slices(images)
    inside = list(
        dataset.map(lambda x: images_arrays.resize(x, 4)).as_numpy_iterator()
    )
    np.testing.assert_array_equal(inside, images_arrays.resize(images, 4))


def test_resize_returns_tensor_for_tensor():
    assert tf.is_tensor(images_arrays.resize(tf.zeros((4, 4, 1), tf.uint8), 2))


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((4, 4, 3)), "must be uint8"),
        (np.zeros((4, 4), "uint8"), "must have shape"),
    ],
)
def test_resize_mistake_is_named(images, message):
    with pytest.raises(ValueError, match=message):
        images_arrays.resize(images, 2)


def test_resize_needs_image_size():
    with pytest.raises(ValueError, match="`image_size` must be"):
        images_arrays.resize(np.zeros((4, 4, 1), "uint8"), None)


def test_set_channels_makes_luma():
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], "uint8")
    assert images_arrays.set_channels(colors, 1).ravel().tolist() == [
        76,
        150,
        29,
    ]


def test_set_channels_undoes_repetition():
    grey = np.arange(256, dtype="uint8").reshape(16, 16, 1)
    colors = images_arrays.set_channels(grey, 3)
    np.testing.assert_array_equal(images_arrays.set_channels(colors, 1), grey)


def test_slices_cover_an_array():
    assert images_arrays.slices(5, 2) == [
        slice(0, 2),
        slice(2, 4),
        slice(4, 5),
    ]
    assert images_arrays.slices(np.zeros(4), np.int64(4)) == [slice(0, 4)]
    assert images_arrays.slices(0, 2) == []


def test_one_image_becomes_a_batch():
    image = random_images(5, 4, 3)
    assert images_arrays.as_batch(image).shape == (1, 5, 4, 3)
    assert images_arrays.as_batch(image[None]).shape == (1, 5, 4, 3)


def test_floats_and_back_keep_every_level():
    levels = np.arange(256, dtype="uint8")
    floats = images_arrays.to_floats(levels)
    assert floats.dtype == "float32" and floats[[0, -1]].tolist() == [-1, 1]
    np.testing.assert_array_equal(images_arrays.to_pixels(floats), levels)


def test_floats_of_a_tensor_are_those_of_an_array():
    levels = np.arange(256, dtype="uint8")
    floats = images_arrays.to_floats(tf.convert_to_tensor(levels))
    np.testing.assert_array_equal(floats, images_arrays.to_floats(levels))


def test_pixels_are_clipped():
    floats = np.array([-1.5, 0.999, 2.0], "float32")
    assert np.asarray(images_arrays.to_pixels(floats)).tolist() == [0, 255, 255]


def test_grey_is_the_luma_of_an_edit():
    images = random_images(2, 50, 50, 3)
    np.testing.assert_array_equal(
        images_arrays.set_channels(images, 1), consistency.luma(images)
    )


@pytest.mark.parametrize("size", [(9, 7), (7, 9), (3, 40), (40, 3), (8, 4)])
def test_middle_box_is_the_part_that_resize_keeps(size):
    image = random_images(*size, 1)
    top, left, rows, columns = images_arrays.middle_box(size, (2, 1))
    part = image[top : top + rows, left : left + columns]
    np.testing.assert_array_equal(
        images_arrays.resize(image, (2, 1)), images_arrays.resize(part, (2, 1))
    )


@pytest.mark.parametrize(
    ("shape", "channels", "hint"),
    [
        ((4, 4), 1, r"images\[..., None\]"),
        ((2, 4, 4), 1, r"images\[..., None\]"),
        ((2, 4, 4, 3), 1, "with `channels=3`"),
        ((2, 4, 4, 1), 3, "channels=3"),
        ((2, 8, 4, 3), 3, "Resize them"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_are_told_how_to(shape, channels, hint):
    images = np.zeros(shape, "uint8")
    with pytest.raises(ValueError, match=hint):
        check_images(images, (4, 4, channels))


@pytest.mark.parametrize("shape", [(8, 8), (2, 8, 8), (8, 8, 4), (0,)])
def test_what_is_no_image_and_no_batch_is_named(shape):
    with pytest.raises(ValueError, match=r"`images\[..., None\]`"):
        images_arrays.as_batch(np.zeros(shape, "uint8"))


def test_as_many_images_are_kept_as_memory_is_given_to():
    assert images_arrays.most_images(20_000, (64, 64, 3)) == 20_000
    assert images_arrays.most_images(20_000, (256, 256, 3)) == 5461
    assert images_arrays.most_images(20_000, (2**14, 2**14, 3)) == 1
