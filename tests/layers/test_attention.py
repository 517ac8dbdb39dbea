"""Tests of attention: masks, rotary positions, chunks and the cache."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_igpt.layers import attention as attentions
from keras_igpt.layers import rotary


def bias_of(length, prompt_length=0):
    places, visible = np.arange(length), np.ones((1, prompt_length), bool)
    mask = attentions.prefix_causal_mask(places, places, visible)
    return attentions.attention_bias(mask, "float32")


def run_attention(attention, x):
    bias = bias_of(x.shape[1], attention.prompt_length)
    return np.asarray(attention(x, bias)[0])


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")


def test_mask_shows_prompt_to_all_and_cells_to_later_ones():
    places = np.arange(4)
    visible = np.ones((1, 2), bool)
    mask = np.asarray(attentions.prefix_causal_mask(places, places, visible))
    assert mask.astype(int).tolist() == [
        [
            [1, 1, 0, 0],
            [1, 1, 0, 0],
            [1, 1, 1, 0],
            [1, 1, 1, 1],
        ]
    ]


def test_mask_hides_what_holds_nothing():
    visible = np.array([[True, False], [True, True]])
    places = np.arange(3)
    mask = np.asarray(attentions.prefix_causal_mask(places, places, visible))
    assert mask[0].astype(int).tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 1]]
    assert mask[1].astype(int).tolist() == [[1, 1, 0], [1, 1, 0], [1, 1, 1]]


def test_attention_matches_formula(x):
    attention = attentions.Attention(8, 2, qk_norm=False)
    attention.build()
    found = run_attention(attention, x)
    qkv = x @ np.asarray(attention.query_key_value.kernel)
    query, key, value = (
        part.reshape(2, 5, 2, 4).transpose(0, 2, 1, 3)
        for part in np.split(qkv, 3, axis=-1)
    )  # (B, H, T, D)
    scores = query @ key.swapaxes(-1, -2) / 2.0
    scores = np.where(np.tri(5, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(2, 5, 8)
    expected = mixed @ np.asarray(attention.output_projection.kernel)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_attention_cache_matches_full_pass(x):
    attention = attentions.Attention(8, 2)
    attention.build()
    angles = rotary.rotary_angles((1, 5), head_dim=4)
    bias = bias_of(5)
    full = np.asarray(attention(x, bias, angles)[0])
    cache = (ops.zeros((4, 4, 5)), ops.zeros((4, 5, 4)))
    for i in range(5):
        out, cache = attention(
            x[:, i : i + 1],
            bias[:, :, i : i + 1],
            angles[i : i + 1],
            cache=cache,
            index=ops.convert_to_tensor(i),
        )
        np.testing.assert_allclose(np.asarray(out)[:, 0], full[:, i], atol=1e-5)


@pytest.mark.parametrize("prompt_length", [0, 1, 3, 5])
def test_attention_in_chunks_equals_attention_at_once(
    x, prompt_length, monkeypatch
):
    attention = attentions.Attention(8, 2, prompt_length=prompt_length)
    attention.build()
    at_once = run_attention(attention, x)
    monkeypatch.setattr(attentions, "CHUNK", 2)
    np.testing.assert_allclose(run_attention(attention, x), at_once, atol=1e-6)


def test_qk_norm_ignores_the_scale_of_queries(x):
    attention = attentions.Attention(8, 2)
    attention.build()
    before = run_attention(attention, x)
    kernel = np.asarray(attention.query_key_value.kernel).copy()
    kernel[:, :16] *= 100  # queries and keys
    attention.query_key_value.kernel.assign(kernel)
    np.testing.assert_allclose(run_attention(attention, x), before, atol=1e-3)


def test_attention_config_makes_the_same_layer():
    layer = attentions.Attention(8, 2, qk_norm=False, use_bias=True)
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == layer.get_config()
