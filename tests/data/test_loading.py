"""Tests of `load`, which opens images from anywhere."""

import subprocess
import sys

import pytest
from small_models import random_images

from keras_igpt import data


def test_import_loads_no_heavy_package():
    program = """if True:
        import sys
        import keras_igpt.data
        heavy = "tensorflow tensorflow_datasets PIL sklearn matplotlib keras"
        print([name for name in heavy.split() if name in sys.modules])
    """
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert shown.strip() == "[]"


def test_load_keeps_to_image_size_and_channels():
    dataset = data.load("digits", image_size=(12, 16), channels=3)
    assert dataset.image_shape == (12, 16, 3)


@pytest.mark.parametrize("image_size", [0, -1, "64", (1, 2, 3), 1.5, (8, 0)])
def test_load_rejects_image_size(image_size):
    with pytest.raises(ValueError, match="`image_size` must be"):
        data.load("digits", image_size=image_size)


@pytest.mark.parametrize("channels", [0, 2, 4, "rgb"])
def test_load_rejects_channels(channels):
    with pytest.raises(ValueError, match="`channels` must be"):
        data.load("digits", channels=channels)


def test_load_rejects_split_that_is_no_string():
    with pytest.raises(ValueError, match="`split` must be a string"):
        data.load("digits", split=["train", "test"])


def test_arrays_fit_source_too():
    images = random_images(2, 4, 4)
    dataset = data.load({"image": images, "source": images}, image_size=2)
    assert dataset.element_spec["source"].shape == (2, 2, 1)
