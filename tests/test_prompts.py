import keras
import numpy as np
import pytest

from keras_igpt.prompts import (
    MAX_SLOT,
    ClassPrompt,
    Prompt,
    TextPrompt,
    encode_text,
    quoted_slots,
)


@pytest.fixture
def prompt():
    keras.utils.set_random_seed(0)
    layer = ClassPrompt(num_classes=3, hidden_dim=4)
    layer.build()
    return layer


def test_class_prompt_is_one_vector_per_picture(prompt):
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


def test_text_is_utf8_filled_up_with_zeros():
    found = encode_text(["é🙂", b"x", ""], 8)
    assert bytes(found[0].astype("uint8")) == "é🙂".encode() + b"\0\0"
    assert found[1].tolist() == [120] + [0] * 7
    assert not found[2].any()


def test_too_long_a_caption_names_the_limit():
    with pytest.raises(ValueError, match=r"at most 8 bytes.*9 bytes"):
        encode_text(["一二三"], 8)


def test_truncate_cuts_between_characters():
    found = encode_text(["一二三"], 8, truncate=True)[0]
    assert bytes(found.astype("uint8")).rstrip(b"\0") == "一二".encode()


@pytest.mark.parametrize("text", [3, None, "a\0b"])
def test_what_is_no_caption_is_an_error(text):
    with pytest.raises(ValueError, match="`text` must be str"):
        encode_text([text], 8)


@pytest.mark.parametrize(
    "layer", [TextPrompt(8, 4), Prompt(3, 8, 4)], ids=["text", "both"]
)
def test_config_makes_the_same_prompt(layer):
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("marks", ["“”", "„“", "«»", "「」", "＂＂"])
def test_all_quotation_marks_are_one(marks):
    text = "GOAL".join(marks)
    np.testing.assert_array_equal(
        encode_text([text], 9), encode_text(['"GOAL"'], 9)
    )


def slots_of(text):
    """Slots of a caption's bytes, two lists."""
    first, last = quoted_slots(encode_text([text], len(text.encode())))
    return np.asarray(first)[0].tolist(), np.asarray(last)[0].tolist()


def test_slots_count_from_both_marks():
    first, last = slots_of('a "GOA"!')
    assert first == [0, 0, 0, 1, 2, 3, 0, 0]
    assert last == [0, 0, 0, 3, 2, 1, 0, 0]


def test_slots_tell_two_words_apart():
    assert slots_of('"A", "B"')[0] == [0, 1, 0, 0, 0, 0, 1, 0]


def test_slots_of_an_unclosed_word_are_none():
    assert slots_of('a "GOAL') == ([0] * 7, [0] * 7)


def test_slots_of_long_words_end_at_the_last():
    first, _ = slots_of(f'"{20 * "A"}"')
    assert first == [0, *range(1, MAX_SLOT), *[MAX_SLOT] * 6, 0]
