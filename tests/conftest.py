"""Small real models that the tests share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest

import keras_igpt


def make_model(
    image_size=(4, 4), num_colors=5, num_classes=3, trained=True, **kwargs
):
    """2 layers of width 16; `trained` gives the zero head random weights."""
    keras.utils.set_random_seed(7)
    tokenizer = keras_igpt.PaletteTokenizer(image_size, num_colors, channels=1)
    kwargs = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, **kwargs}
    model = keras_igpt.ImageGPT(tokenizer, num_classes=num_classes, **kwargs)
    if trained:
        generator = np.random.default_rng(7)
        model.head.kernel.assign(
            generator.normal(size=model.head.kernel.shape, scale=0.5)
        )
    return model


@pytest.fixture(scope="session")
def tiny_model():
    """A model with classes, not to be changed by a test."""
    return make_model()


@pytest.fixture(scope="session")
def tiny_unconditional():
    """A model without classes, not to be changed by a test."""
    return make_model(num_classes=0)


@pytest.fixture
def fresh_model():
    """A model that a test may change."""
    return make_model()


@pytest.fixture
def tiny_images():
    """8 random grey pictures of 4x4 pixels."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (8, 4, 4, 1), dtype="uint8")
