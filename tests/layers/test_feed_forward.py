"""Tests of the feed-forward part of a block."""

import math

import keras
import numpy as np
import pytest

from keras_igpt.layers import embedding, feed_forward


def test_quick_gelu_matches_formula():
    layer = feed_forward.FeedForward(4, "quick_gelu")
    layer.build()
    x = np.random.default_rng(0).normal(size=(1, 2, 4)).astype("float32")
    inner = x @ np.asarray(layer.inner.kernel)
    inner = inner / (1 + np.exp(-1.702 * inner))
    expected = inner @ np.asarray(layer.output_projection.kernel)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-5)


def test_swiglu_matches_formula():
    layer = feed_forward.FeedForward(4, "swiglu")
    layer.build()
    x = np.random.default_rng(0).normal(size=(1, 2, 4)).astype("float32")
    gate, inner = np.split(x @ np.asarray(layer.inner.kernel), 2, axis=-1)
    inner = inner * gate / (1 + np.exp(-gate))
    expected = inner @ np.asarray(layer.output_projection.kernel)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-5)


def test_gelu_matches_formula():
    layer = feed_forward.FeedForward(4, "gelu", inner_dim=7)
    layer.build()
    x = np.random.default_rng(0).normal(size=(1, 2, 4)).astype("float32")
    inner = x @ np.asarray(layer.inner.kernel)
    assert inner.shape[-1] == 7
    inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
    expected = inner @ np.asarray(layer.output_projection.kernel)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-5)


def test_swiglu_takes_an_inner_width():
    layer = feed_forward.FeedForward(4, "swiglu", inner_dim=7)
    layer.build()
    assert layer.inner.kernel.shape == (4, 14)


@pytest.mark.parametrize(
    "layer",
    [
        embedding.CellEmbedding(3, 4, 2),
        feed_forward.FeedForward(8, "quick_gelu", use_bias=True),
        feed_forward.FeedForward(8, "gelu", inner_dim=5),
    ],
    ids=lambda layer: layer.name,
)
def test_layer_config_makes_the_same_layer(layer):
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == layer.get_config()
