"""Tests of what goes into a cell."""

import numpy as np

from keras_igpt.layers import embedding


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
