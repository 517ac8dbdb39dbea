"""Tests of what a model says of its inside."""

import keras
import numpy as np
import pytest
from keras import ops
from small_models import make_model, some_inputs

from keras_igpt.models.config import ORIGINAL


def mean(x):
    return ops.convert_to_numpy(x).mean(axis=1)


def test_features_have_a_row_per_image(tiny_unconditional, tiny_images):
    found = tiny_unconditional.features(tiny_images, 1, batch_size=3)
    assert found.shape == (8, 16) and found.dtype == np.float32


def test_features_of_nothing_have_no_rows(tiny_unconditional, tiny_images):
    found = tiny_unconditional.features(tiny_images[:0], [0, 1])
    assert found.shape == (0, 2, 16) and found.dtype == np.float32


@pytest.mark.backends
def test_features_are_what_a_block_reads(tiny_unconditional, tiny_images):
    model = tiny_unconditional
    tokens = model.tokenizer.encode(tiny_images)
    states = model.hidden_states({"tokens": tokens})
    for layer, block in enumerate(model.blocks):
        expected = mean(block.attention_norm(states[layer]))
        found = model.features(tiny_images, layer)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_last_features_are_what_the_head_reads(tiny_unconditional, tiny_images):
    model = tiny_unconditional
    tokens = model.tokenizer.encode(tiny_images)
    last = model.hidden_states({"tokens": tokens})[-1]
    found = model.features(tiny_images, 2)
    np.testing.assert_allclose(found, mean(last), atol=1e-5)
    logits = ops.matmul(last, model.head.kernel)
    np.testing.assert_allclose(model({"tokens": tokens}), logits, atol=1e-5)


def test_default_layer_is_the_middle(tiny_unconditional, tiny_images):
    np.testing.assert_array_equal(
        tiny_unconditional.features(tiny_images),
        tiny_unconditional.features(tiny_images, 1),
    )


def test_several_layers_cost_one_pass(tiny_unconditional, tiny_images):
    together = tiny_unconditional.features(tiny_images, [2, 0])
    assert together.shape == (8, 2, 16)
    for i, layer in enumerate((2, 0)):
        alone = tiny_unconditional.features(tiny_images, layer)
        np.testing.assert_allclose(together[:, i], alone, atol=1e-6)


def test_one_image_is_a_batch_of_one(tiny_unconditional, tiny_images):
    assert tiny_unconditional.features(tiny_images[0]).shape == (1, 16)


def test_prompt_stays_empty_and_out_of_the_mean(tiny_model, tiny_images):
    tokens = np.asarray(tiny_model.tokenizer.encode(tiny_images))
    nothing = {"tokens": tokens, "label": np.full(8, 3)}
    state = tiny_model.hidden_states(nothing)[1]
    assert state.shape == (8, 16, 16)
    expected = mean(tiny_model.blocks[1].attention_norm(state))
    np.testing.assert_allclose(
        tiny_model.features(tiny_images, 1), expected, atol=1e-5
    )


@pytest.mark.backends
def test_features_follow_new_weights(fresh_model, tiny_images):
    before = fresh_model.features(tiny_images)
    table = fresh_model.embedding.token_embedding.embeddings
    table.assign(table + keras.random.normal(table.shape, seed=0))
    assert np.any(fresh_model.features(tiny_images) != before)


@pytest.mark.backends
@pytest.mark.parametrize("layer", [-1, 3, 1.0, "all", [], [0, 5]])
def test_bad_layers_are_named(tiny_unconditional, tiny_images, layer):
    with pytest.raises(ValueError, match="`layer` must be an int from 0 to 2"):
        tiny_unconditional.features(tiny_images, layer)


def test_images_of_another_size_are_named(tiny_unconditional):
    with pytest.raises(ValueError, match="resize"):
        tiny_unconditional.features(np.zeros((1, 5, 5, 1), "uint8"))


# === Raw input ===


@pytest.mark.parametrize("kwargs", [{}, ORIGINAL], ids=["ours", "original"])
def test_raw_input_with_start_in_front_is_the_usual_one(kwargs):
    model = make_model(num_classes=0, **kwargs)
    tokens = some_inputs(model)["tokens"]
    start = np.full((3, 1), model.start_token, "int32")
    raw = np.concatenate([start, tokens[:, :-1]], axis=1)
    np.testing.assert_array_equal(
        model({"tokens": raw}, start=False), model({"tokens": tokens})
    )


def test_raw_input_may_be_short(tiny_unconditional):
    tokens = some_inputs(tiny_unconditional)["tokens"]
    whole = tiny_unconditional({"tokens": tokens}, start=False)
    part = tiny_unconditional({"tokens": tokens[:, :7]}, start=False)
    np.testing.assert_allclose(part, whole[:, :7], atol=1e-5)
