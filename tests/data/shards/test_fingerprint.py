"""Tests of what tells tokenizers apart."""

import numpy as np
import pytest

import keras_igpt
from keras_igpt.data.shards.fingerprint import tokenizer_fingerprint


@pytest.fixture(scope="module")
def vq():
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), "uint8")
    made = keras_igpt.VQTokenizer((8, 8), 8, hidden_dim=8)
    return made.adapt(images, epochs=1, verbose=False)


def test_fingerprint_is_a_hash(vq):
    name, _, digits = tokenizer_fingerprint(vq).partition(":")
    assert (name, len(digits)) == ("sha256", 64)


def test_saved_tokenizer_keeps_its_fingerprint(vq, tmp_path):
    model = keras_igpt.ImageGPT(vq, num_layers=1, num_heads=1, hidden_dim=16)
    model.save(tmp_path / "m.keras")
    loaded = keras_igpt.load(tmp_path / "m.keras").tokenizer
    assert tokenizer_fingerprint(loaded) == tokenizer_fingerprint(vq)


def test_name_of_a_layer_does_not_count():
    one, two = (
        keras_igpt.PaletteTokenizer((4, 4), 5, channels=1) for _ in range(2)
    )
    assert one.name != two.name
    assert tokenizer_fingerprint(one) == tokenizer_fingerprint(two)


def test_size_counts():
    one = keras_igpt.PaletteTokenizer((4, 4), 5, channels=1)
    two = keras_igpt.PaletteTokenizer((4, 8), 5, channels=1)
    assert tokenizer_fingerprint(one) != tokenizer_fingerprint(two)


def test_weights_count():
    one = keras_igpt.PaletteTokenizer((4, 4), 5)
    before = tokenizer_fingerprint(one)
    one.set_palette(np.eye(5, 3))
    assert tokenizer_fingerprint(one) != before
