"""Tests of models that are fed with tokens."""

import numpy as np
import pytest

import keras_igpt


def test_raw_images_in_fit_are_named(fresh_model, tiny_images):
    fresh_model.compile()
    with pytest.raises(ValueError, match=r"fit\(model.prepare\(images\)\)"):
        fresh_model.fit(tiny_images)


def test_raw_dataset_in_fit_is_named(fresh_model, tiny_images):
    fresh_model.compile()
    images = keras_igpt.data.load((tiny_images, np.zeros(8, int)))
    with pytest.raises(ValueError, match=r"fit\(model.prepare\(images\)\)"):
        fresh_model.fit(images)
