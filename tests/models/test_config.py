"""Tests of the sizes of model."""

import keras
import pytest

import keras_igpt
from keras_igpt.models.config import SIZES


def weights_of(size):
    """How many weights a model of 32x32 in 512 colours has; makes none."""
    tokenizer = keras_igpt.PaletteTokenizer((32, 32), 512)
    with keras.StatelessScope(initialize_variables=False):
        model = keras_igpt.ImageGPT(tokenizer, **SIZES[size])
        return model.count_params() - tokenizer.count_params()


@pytest.mark.parametrize(
    "size, weights",
    [
        ("igpt_s", 76_571_648),
        ("igpt_m", 455_157_760),
        ("igpt_l", 1_362_250_752),
    ],
)
def test_original_sizes_have_the_papers_weights(size, weights):
    assert weights_of(size) == weights


def test_sizes_are_those_of_the_model():
    assert keras_igpt.ImageGPT.SIZES is SIZES
