"""Tests of prompts as vectors."""

import keras
import numpy as np
import pytest

from keras_igpt.prompts.captions import encode_text
from keras_igpt.prompts.prompt import (
    ClassPrompt,
    Prompt,
    PromptSummary,
    TextPrompt,
)


@pytest.fixture
def prompt():
    keras.utils.set_random_seed(0)
    layer = ClassPrompt(num_classes=3, hidden_dim=4)
    layer.build()
    return layer


def test_class_prompt_is_one_vector_per_image(prompt):
    assert prompt(np.array([0, 2]))[0].shape == (2, 1, 4)


def test_class_prompt_differs_by_class(prompt):
    first, second = np.asarray(prompt(np.array([0, 1]))[0])
    assert not np.allclose(first, second)


def test_training_replaces_a_tenth_by_the_null(prompt):
    labels = np.zeros(4000, "int32")
    vectors = np.asarray(prompt(labels, training=True)[0])[:, 0]
    null = np.asarray(prompt(np.array([3]))[0])[0, 0]
    share = np.mean(np.all(vectors == null, axis=1))
    assert 0.08 < share < 0.12


def test_inference_never_replaces(prompt):
    labels = np.zeros(500, "int32")
    vectors = np.asarray(prompt(labels, training=False)[0])
    assert np.all(vectors == vectors[0])


def test_config_makes_the_same_layer(prompt):
    copy = ClassPrompt.from_config(prompt.get_config())
    assert copy.get_config() == prompt.get_config()


# === Captions ===


@pytest.fixture
def caption():
    keras.utils.set_random_seed(0)
    layer = TextPrompt(8, hidden_dim=4)
    layer.build()
    return layer


def test_a_caption_is_a_vector_per_byte(caption):
    vectors, visible = caption(encode_text(["ab", "一"], 8))
    assert vectors.shape == (2, 8, 4)
    assert np.asarray(visible).sum(axis=1).tolist() == [2, 3]


def test_captions_differ_by_the_order_of_their_bytes(caption):
    first, second = np.asarray(caption(encode_text(["ab", "ba"], 8))[0])
    assert not np.allclose(first[:2], second[:2])


def test_training_hides_a_tenth_of_the_captions(caption):
    texts = np.tile(encode_text(["abc"], 8), (4000, 1))
    visible = np.asarray(caption(texts, training=True)[1])
    assert 0.08 < np.mean(~visible.any(axis=1)) < 0.12


def test_class_and_caption_stand_side_by_side():
    prompt = Prompt(num_classes=3, text_length=8, hidden_dim=4)
    prompt.build()
    asked = {"label": np.array([1]), "text": encode_text(["abc"], 8)}
    vectors, visible = prompt(asked)
    assert vectors.shape == (1, 9, 4)
    assert np.asarray(visible)[0].tolist() == [True] * 4 + [False] * 5


def test_nulls_ask_for_nothing():
    prompt = Prompt(num_classes=3, text_length=8, hidden_dim=4)
    nulls = prompt.nulls(2)
    assert np.asarray(nulls["label"]).tolist() == [3, 3]
    assert not np.asarray(nulls["text"]).any()


@pytest.mark.parametrize(
    "layer", [TextPrompt(8, 4), Prompt(3, 8, 4)], ids=["text", "both"]
)
def test_config_makes_the_same_prompt(layer):
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


def test_bytes_know_those_before_them(caption):
    first, second = np.asarray(caption(encode_text(["a cd", "b cd"], 8))[0])
    changed = np.any(first != second, axis=-1)
    assert changed.tolist() == [True] * 6 + [False] * 2


def test_quoted_letters_do_not_change_bytes_outside():
    keras.utils.set_random_seed(0)
    layer = TextPrompt(16, hidden_dim=4)
    layer.build()
    texts = encode_text(['a "GOA" cup', 'a "TEN" cup'], 16)
    first, second = np.asarray(layer(texts)[0])
    changed = np.any(first != second, axis=-1)
    assert np.flatnonzero(changed).tolist() == [3, 4, 5]


# === Summary ===


@pytest.fixture
def summary():
    keras.utils.set_random_seed(0)
    layer = PromptSummary(4)
    layer.build()
    layer.output_projection.kernel.assign(np.eye(4))
    return layer


def test_a_summary_is_one_vector_per_prompt(summary):
    vectors = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert summary(vectors, np.ones((1, 3), bool)).shape == (2, 1, 4)


def test_a_summary_leaves_out_what_holds_nothing(summary):
    vectors = np.random.default_rng(0).normal(size=(1, 3, 4))
    changed = vectors + np.array([0, 0, 1])[None, :, None]
    visible = np.array([[True, True, False]])
    np.testing.assert_array_equal(
        summary(vectors, visible), summary(changed, visible)
    )


def test_the_summary_of_nothing_is_zero(summary):
    found = summary(np.ones((1, 3, 4)), np.zeros((1, 3), bool))
    np.testing.assert_array_equal(found, 0)


def test_a_new_summary_says_nothing():
    layer = PromptSummary(4)
    layer.build()
    found = layer(np.ones((1, 3, 4)), np.ones((1, 3), bool))
    np.testing.assert_array_equal(found, 0)
