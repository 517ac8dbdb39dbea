"""Tests of what arrays and data sets must be."""

import numpy as np
import pytest
import tensorflow as tf
from small_models import random_images, read_all

from keras_igpt import data


def test_arrays_without_channels_are_grey():
    assert data.load(random_images(3, 4, 5)).image_shape == (4, 5, 1)


def test_arrays_of_text_become_strings():
    images = random_images(2, 4, 4)
    dataset = data.load({"image": images, "text": ["rot", b"blau"]})
    assert [example["text"] for example in read_all(dataset)] == [
        b"rot",
        b"blau",
    ]


def test_arrays_take_keras_labels_of_one_column():
    dataset = data.load((random_images(2, 4, 4), np.array([[1], [0]])))
    assert dataset.element_spec["label"].shape == ()


IMAGES = random_images(2, 4, 4)


@pytest.mark.parametrize(
    "arrays, message",
    [
        (IMAGES / 255, "must be uint8.*Scale"),
        (IMAGES[:0], "at least 1"),
        (IMAGES[0], "must have shape"),
        (np.zeros((2, 4, 4, 2), "uint8"), "1 or 3 channels"),
        ((IMAGES, [0, 1, 2]), "one length"),
        ((IMAGES, np.eye(2)), "np.argmax"),
        ((IMAGES, [-1, 0]), "from 0"),
        ({"images": IMAGES}, "the key 'image'"),
        ({"image": IMAGES, "labels": [0, 1]}, "no others"),
        ({"image": IMAGES, "text": [1, 2]}, "strings"),
        ({"image": IMAGES, "text": "ab"}, "strings"),
    ],
)
@pytest.mark.parametrize("take", [data.load, lambda x: data.batches(x, 2)])
def test_arrays_mistake_is_named(take, arrays, message):
    with pytest.raises(ValueError, match=message):
        take(arrays)


@pytest.mark.parametrize(
    "elements, message",
    [
        ((IMAGES[..., None], [0, 1]), "must yield dictionaries"),
        ({"image": IMAGES[..., None] / 255}, "must be uint8"),
        ({"image": IMAGES}, "must have shape"),
        ({"image": IMAGES[..., None], "label": [0.0, 1.0]}, "integers"),
    ],
)
@pytest.mark.parametrize("take", [data.load, lambda x: data.batches(x, 2)])
def test_dataset_mistake_is_named(take, elements, message):
    with pytest.raises(ValueError, match=message):
        take(tf.data.Dataset.from_tensor_slices(elements))


def test_dataset_of_unknown_rank_is_named():
    spec = {"image": tf.TensorSpec(None, tf.uint8)}
    dataset = tf.data.Dataset.from_generator(list, output_signature=spec)
    with pytest.raises(ValueError, match="must have shape"):
        data.load(dataset)


@pytest.mark.parametrize("shape", [(4, 4), (6, 8, 3)])
def test_one_image_is_named(shape):
    with pytest.raises(ValueError, match=r"one image has. Pass `images\[None"):
        data.load(np.zeros(shape, "uint8"))


@pytest.mark.parametrize("group", [[0.5, 1.5], [[1], [2]], "ab", [None, 1]])
def test_groups_of_no_use_are_named(group):
    images = {"image": np.zeros((2, 4, 4), "uint8"), "group": group}
    with pytest.raises(ValueError, match="'group'"):
        data.arrays(images)


def test_groups_of_a_dataset_are_checked():
    images = {"image": np.zeros((2, 4, 4, 1), "uint8"), "group": [0.5, 1.5]}
    with pytest.raises(ValueError, match=r"\['group'\]` must be integers"):
        data.load(tf.data.Dataset.from_tensor_slices(images))


@pytest.mark.parametrize("group", [[7, 8], ["a", "b"]])
def test_groups_are_carried(group):
    images = {"image": np.zeros((2, 4, 4), "uint8"), "group": group}
    assert data.arrays(images)["group"].tolist() == group
    assert data.arrays(data.load(images))["group"].tolist() == group
