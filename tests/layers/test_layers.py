"""Tests of the Transformer's smaller parts."""

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


def test_masked_cell_is_its_place_alone():
    layer = embedding.CellEmbedding(
        vocabulary_size=3, num_cells=4, hidden_dim=2
    )
    layer.build()
    places = np.asarray(layer.position_embedding.embeddings)
    masked = np.array([[True, False]])
    out = np.asarray(layer(np.array([[2, 1]]), np.array([0, 1]), masked))
    np.testing.assert_allclose(out[0, 0], places[0])
    assert np.all(out[0, 1] != places[1])


def test_cell_embedding_adds_token_and_place():
    layer = embedding.CellEmbedding(
        vocabulary_size=3, num_cells=4, hidden_dim=2
    )
    layer.build()
    tokens = np.asarray(layer.token_embedding.embeddings)
    places = np.asarray(layer.position_embedding.embeddings)
    out = layer(np.array([[3, 1]]), np.array([0, 1]))
    np.testing.assert_allclose(
        np.asarray(out)[0], [tokens[3] + places[0], tokens[1] + places[1]]
    )


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
