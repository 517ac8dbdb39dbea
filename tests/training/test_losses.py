"""Tests of losses and figures."""

import keras
import numpy as np
import pytest

from keras_igpt.training.losses import (
    BitsPerPixel,
    TokenCrossentropy,
    bits_per_pixel,
    masked_weights,
)


@pytest.fixture
def tokens_and_logits():
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 7, (2, 3))
    return tokens, generator.normal(size=(2, 3, 7)).astype("float32")


def nats(tokens, logits):
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(logs, tokens[..., None], -1)[..., 0]


def test_crossentropy_matches_formula(tokens_and_logits):
    tokens, logits = tokens_and_logits
    found = TokenCrossentropy(z_loss=0.0)(tokens, logits)
    assert float(found) == pytest.approx(nats(tokens, logits).mean(), rel=1e-5)


def test_z_loss_adds_the_squared_normaliser(tokens_and_logits):
    tokens, logits = tokens_and_logits
    normaliser = np.log(np.exp(logits).sum(-1))
    expected = (nats(tokens, logits) + 0.1 * normaliser**2).mean()
    found = TokenCrossentropy(z_loss=0.1)(tokens, logits)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_bits_per_pixel_matches_formula(tokens_and_logits):
    tokens, logits = tokens_and_logits
    metric = BitsPerPixel(pixels_per_token=4)
    metric.update_state(tokens, logits)
    expected = nats(tokens, logits).mean() / np.log(2) / 4
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "thing", [TokenCrossentropy(0.5), BitsPerPixel(16.0)], ids=type
)
def test_config_makes_the_same(thing):
    config = keras.saving.serialize_keras_object(thing)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == thing.get_config()


def test_weights_make_a_mean_over_hidden_cells():
    masked = np.array([[1, 0, 0, 0], [1, 1, 0, 0]])
    nats = np.array([[3.0, 9, 9, 9], [4, 5, 9, 9]])
    assert np.mean(masked_weights(masked) * nats) == pytest.approx(4.0)


def test_nothing_hidden_weighs_nothing():
    assert not masked_weights(np.zeros((2, 3), int)).any()


def test_bits_per_pixel_of_images_matches_formula():
    nats = np.array([8.0, 24.0]) * np.log(2)
    assert bits_per_pixel(nats, (2, 4)) == pytest.approx(2.0)
