"""Tests of walking through images, and of gathering them."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from small_models import random_images

from keras_igpt import data


def test_batches_of_arrays_import_no_tensorflow():
    program = """if True:
        import sys
        import numpy, keras_igpt.data
        images = numpy.zeros((3, 4, 4), "uint8")
        list(keras_igpt.data.batches((images, [0, 1, 2]), 2))
        print("tensorflow" in sys.modules)
    """
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert shown.strip() == "False"


IMAGES = random_images(2, 4, 4)


@pytest.mark.parametrize("rebatched", [False, True])
def test_batches_have_batch_size(rebatched):
    dataset = data.load("digits", "test")
    dataset = dataset.batch(7) if rebatched else dataset
    sizes = [len(batch["image"]) for batch in data.batches(dataset, 100)]
    assert sizes == [100, 100, 100, 60]


def test_batches_of_arrays_equal_those_of_dataset():
    arrays = {"image": IMAGES, "label": [0, 1], "text": ["a", "ü"]}
    (ours,) = data.batches(arrays, 2)
    (theirs,) = data.batches(data.load(arrays), 2)
    for key in ("image", "label", "text"):
        assert ours[key].dtype == theirs[key].dtype
        np.testing.assert_array_equal(ours[key], theirs[key])


def test_batches_have_decoded_text():
    (batch,) = data.batches({"image": IMAGES, "text": [b"a", "b"]}, 2)
    assert batch["text"].tolist() == ["a", "b"]


def test_batches_of_empty_dataset_are_named():
    with pytest.raises(ValueError, match="at least one image"):
        list(data.batches(data.load("digits").take(0), 2))


def test_batches_of_several_sizes_are_named():
    def examples():
        yield {"image": IMAGES[0][..., None]}
        yield {"image": IMAGES[0, :2, :, None]}

    spec = {"image": tf.TensorSpec((None, None, 1), tf.uint8)}
    dataset = tf.data.Dataset.from_generator(examples, output_signature=spec)
    with pytest.raises(ValueError, match="one size.*image_size="):
        list(data.batches(dataset, 2))


@pytest.mark.parametrize("batch_size", [0, -2, 1.5, "2", None, True])
def test_batches_reject_batch_size(batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be"):
        data.batches(IMAGES, batch_size)


def test_arrays_join_batches_of_a_dataset():
    whole = data.arrays(data.load("digits", "train"))
    assert whole["image"].shape == (1437, 8, 8, 1)
    assert whole["label"].shape == (1437,)


@pytest.mark.parametrize("limit", [1, 256, 300, 5_000])
def test_arrays_keep_to_a_limit(limit):
    whole = data.arrays(data.load("digits", "test"), limit=limit)
    assert len(whole["image"]) == len(whole["label"]) == min(limit, 360)


def test_arrays_read_no_more_than_a_limit_needs():
    def examples():
        yield from ({"image": IMAGES[0][..., None]} for _ in range(256))
        raise AssertionError

    spec = {"image": tf.TensorSpec((4, 4, 1), tf.uint8)}
    dataset = tf.data.Dataset.from_generator(examples, output_signature=spec)
    assert len(data.arrays(dataset, limit=256)["image"]) == 256


def test_arrays_convert_batches():
    def convert(batch):
        return {"mean": batch["image"].mean(axis=(1, 2, 3))}

    whole = data.arrays(data.load("digits", "test"), convert, limit=300)
    assert list(whole) == ["mean"] and whole["mean"].shape == (300,)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True])
def test_arrays_reject_limit(limit):
    with pytest.raises(ValueError, match="`limit` must be a positive int"):
        data.arrays(IMAGES, limit=limit)


def test_arrays_do_not_change_with_what_they_were_made_of():
    images = random_images(3, 4, 4)
    whole = data.arrays(images)["image"]
    whole[:] = 0
    assert images.any()
