"""Tests of captions as bytes."""

import numpy as np
import pytest

from keras_igpt.prompts.captions import (
    MAX_SLOT,
    NGRAM_ROWS,
    encode_text,
    hashed_ngrams,
    quoted_slots,
    quoted_word,
)

# Bytes


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


@pytest.mark.parametrize("marks", ["“”", "„“", "«»", "「」", "＂＂"])
def test_all_quotation_marks_are_one(marks):
    text = "GOAL".join(marks)
    np.testing.assert_array_equal(
        encode_text([text], 9), encode_text(['"GOAL"'], 9)
    )


# Slots


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


# Runs of bytes


def ngrams_of(text, length):
    """Numbers of the bytes of a caption."""
    encoded = encode_text([text], len(text.encode()))
    return np.asarray(hashed_ngrams(encoded, length))[0]


@pytest.mark.parametrize("length", [3, 4, 6])
def test_same_bytes_have_the_same_number_wherever_they_stand(length):
    numbers = ngrams_of("a yellow cup, yellow", length)
    np.testing.assert_array_equal(
        numbers[1 + length : 8], numbers[13 + length :]
    )


def test_other_bytes_have_another_number():
    numbers = ngrams_of("abcdefgh", 3)
    assert len(set(numbers.tolist())) == len(numbers)


def test_runs_of_another_length_have_another_number():
    text = "a goal, 进球"
    assert np.all(ngrams_of(text, 3) != ngrams_of(text, 4))


@pytest.mark.parametrize("length", [3, 4, 6])
def test_numbers_are_rows_of_the_table(length):
    texts = np.random.default_rng(0).integers(0, 256, (50, 40), dtype="int32")
    numbers = np.asarray(hashed_ngrams(texts, length))
    assert numbers.shape == texts.shape
    assert numbers.min() >= 0 and numbers.max() < NGRAM_ROWS


@pytest.mark.parametrize("length", [3, 4, 6])
def test_a_byte_counts_for_its_run_alone(length):
    changed = ngrams_of("a goal kick", length) != ngrams_of(
        "b goal kick", length
    )
    assert changed.tolist() == [True] * length + [False] * (11 - length)


def test_quoted_word_is_found():
    assert quoted_word("Night, sign “GOAL”, a ball") == "GOAL"


@pytest.mark.parametrize("text", [None, "no word", '"A" and "B"'])
def test_other_than_one_quoted_word_is_an_error(text):
    with pytest.raises(ValueError, match="one word between quotation marks"):
        quoted_word(text)
