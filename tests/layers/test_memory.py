"""Tests of what is kept of what was read, and of asking it."""

import numpy as np
import pytest
from keras import ops

from keras_igpt.layers.attention import Attention, cache_layout
from keras_igpt.layers.memory import Memory

X = np.random.default_rng(0).normal(size=(2, 5, 12)).astype("float32")


@pytest.fixture
def memory():
    layer = Memory(12, 3)
    layer.build()
    return layer


@pytest.fixture
def asking():
    layer = Attention(12, 3, 0, asks=True)
    layer.build()
    return layer


def test_memory_has_keys_and_values_of_every_head(memory):
    assert [x.shape for x in memory(X)] == [(2, 5, 3, 4)] * 2


def test_places_turn_keys_and_leave_values(memory):
    angles = np.linspace(0, 1, 10).reshape(5, 2).astype("float32")
    (keys, values), (turned, same) = memory(X), memory(X, angles)
    assert np.abs(turned - keys).max() > 1e-3
    np.testing.assert_array_equal(same, values)


def test_memory_config_makes_the_same_layer(memory):
    again = Memory.from_config(memory.get_config())
    again.build()
    again.set_weights(memory.get_weights())
    np.testing.assert_array_equal(again(X)[0], memory(X)[0])


def test_asking_leaves_what_is_kept_as_it_is(memory, asking):
    kept = cache_layout(*memory(X))
    found, after = asking(
        X[:, :2], np.zeros((1, 1, 2, 5), "float32"), cache=kept
    )
    assert found.shape == (2, 2, 12)
    for old, new in zip(kept, after, strict=True):
        np.testing.assert_array_equal(new, old)


def test_questions_do_not_see_each_other(memory, asking):
    kept = cache_layout(*memory(X))
    bias = np.zeros((1, 1, 1, 5), "float32")
    together, _ = asking(X[:, :3], ops.repeat(bias, 3, axis=2), cache=kept)
    for i in range(3):
        alone, _ = asking(X[:, i : i + 1], bias, cache=kept)
        np.testing.assert_allclose(together[:, i], alone[:, 0], atol=1e-6)


def test_what_asks_has_no_keys_or_values(asking):
    names = {weight.path.split("/")[-2] for weight in asking.weights}
    assert names == {"query", "query_norm", "output"}
