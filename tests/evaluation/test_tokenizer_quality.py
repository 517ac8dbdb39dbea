"""Tests of what a learned tokenizer keeps, beside a palette."""

import keras
import numpy as np
import pytest

from keras_igpt import VQTokenizer
from keras_igpt.evaluation import tokenizer_quality


@pytest.fixture(scope="module")
def learned():
    """A tokenizer of 8x8 pixels, and images of it with sharp edges."""
    keras.utils.set_random_seed(0)
    half = np.repeat([0, 255], 2).astype("uint8")
    cells = np.stack([np.tile(half, (4, 1)), np.tile(half, (4, 1)).T])
    chosen = np.random.default_rng(0).integers(0, 2, (256, 2, 2))
    images = cells[chosen].transpose(0, 1, 3, 2, 4).reshape(256, 8, 8, 1)
    tokenizer = VQTokenizer((8, 8), 2, channels=1, hidden_dim=16)
    return tokenizer.adapt(images, epochs=20, verbose=False), images


def test_learned_tokens_are_compared_with_a_palette(learned):
    tokenizer, images = learned
    figures = tokenizer_quality.tokenizer_figures(
        tokenizer, images, images[:48]
    )
    # A palette at a quarter of the sides knows no edge within a cell.
    assert figures["psnr"] > figures["palette_psnr"] > 0


def test_palette_figure_is_that_of_shrunk_images(learned):
    tokenizer, images = learned
    flat = np.full_like(images, 77)
    figures = tokenizer_quality.tokenizer_figures(tokenizer, flat, flat)
    assert figures["palette_psnr"] > 90


def test_reconstructed_is_decoded_from_tokens(tiny_model, tiny_images):
    tokenizer = tiny_model.tokenizer
    np.testing.assert_array_equal(
        tokenizer_quality.reconstructed(tokenizer, tiny_images),
        tokenizer.decode(tokenizer.encode(tiny_images)),
    )
