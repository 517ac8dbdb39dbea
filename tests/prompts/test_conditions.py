"""Tests of what is asked, as numbers."""

import numpy as np
import pytest

from keras_igpt.prompts.captions import encode_text
from keras_igpt.prompts.conditions import (
    encode_captions,
    encode_conditions,
    encode_labels,
    have_other_numbers,
    numbers_of_names,
    rule_of_labels,
)


def test_nothing_asked_is_one_row_of_nulls():
    asked = encode_conditions(None, None, 3, 4)
    assert asked["label"].tolist() == [3]
    assert asked["text"].tolist() == [[0, 0, 0, 0]]


def test_model_without_classes_and_captions_is_asked_nothing():
    assert encode_conditions(None, None, 0, 0, count=5) == {}


def test_one_label_goes_with_all_captions():
    asked = encode_conditions(1, ["a", "bc"], 3, 4)
    assert asked["label"].tolist() == [1, 1]
    np.testing.assert_array_equal(asked["text"], encode_text(["a", "bc"], 4))


def test_one_for_all_is_repeated_for_each_image():
    asked = encode_conditions(2, "a", 3, 4, count=5)
    assert asked["label"].tolist() == [2] * 5
    assert asked["text"].shape == (5, 4)


@pytest.mark.parametrize(
    ("labels", "text", "count"),
    [([0, 1], ["a"] * 3, None), ([0, 1], None, 3), (None, ["a"] * 3, 2)],
)
def test_numbers_of_rows_must_agree(labels, text, count):
    with pytest.raises(
        ValueError, match="one value for all images or one per image"
    ):
        encode_conditions(labels, text, 3, 4, count)


def test_labels_are_int32():
    assert encode_labels(np.array([0, 2], "uint8"), 3).dtype == np.int32


@pytest.mark.parametrize("labels", [3, -1, 0.5, "goal", [], [[1, 2]]])
def test_labels_out_of_range_are_named(labels):
    with pytest.raises(ValueError, match="ints from 0 to num_classes - 1 = 2"):
        encode_labels(labels, 3)


def test_labels_of_a_model_without_classes_are_named():
    with pytest.raises(ValueError, match="made without classes"):
        encode_labels(1, 0)


def test_missing_labels_are_named_unless_optional():
    with pytest.raises(ValueError, match="no `label` in the data"):
        encode_labels(None, 3)
    assert encode_labels(None, 3, optional=True).tolist() == [3]


def test_a_caption_alone_is_a_row():
    for text in ("ab", b"ab", ["ab"]):
        assert encode_captions(text, 4).tolist() == [[97, 98, 0, 0]]


def test_captions_are_cut_if_allowed():
    with pytest.raises(ValueError, match="at most 4 bytes"):
        encode_captions("abcde", 4)
    found = encode_captions("abcde", 4, truncate=True)
    assert bytes(found[0].astype("uint8")) == b"abcd"


def test_missing_captions_are_named_unless_optional():
    with pytest.raises(ValueError, match="no `text` in the data"):
        encode_captions(None, 4)
    assert not encode_captions(None, 4, optional=True).any()


@pytest.mark.parametrize(
    ("text", "length", "message"),
    [("a", 0, "made without captions"), ([], 4, "a caption or a list")],
)
def test_captions_of_no_use_are_named(text, length, message):
    with pytest.raises(ValueError, match=message):
        encode_captions(text, length)


def test_labels_may_be_names():
    found = encode_labels(["dog", "cat"], 2, class_names=("cat", "dog"))
    assert found.tolist() == [1, 0]


def test_one_name_is_one_label():
    assert encode_labels("dog", 2, class_names=("cat", "dog")).tolist() == [1]


def test_names_and_numbers_go_together():
    labels = np.array(["dog", 0], object)
    found = encode_labels(labels, 2, class_names=("cat", "dog"))
    assert found.tolist() == [1, 0]


def test_unknown_name_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="or names: cat, dog.*'cow'"):
        encode_labels("cow", 2, class_names=("cat", "dog"))


def test_synonyms_are_names_too():
    names = ("ball, soccer ball", "crane, bird", "crane, machine")
    found = numbers_of_names(names)
    assert found["soccer ball"] == 0 and found["machine"] == 2
    assert found["crane, bird"] == 1 and "crane" not in found


def test_error_shows_some_of_many_names():
    names = [f"name {i}" for i in range(1000)]
    rule = rule_of_labels(1000, names)
    assert "name 19 and 980 more" in rule and "name 20" not in rule


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "2"], True),
        (["3", "7"], True),
        (["0", "1"], False),
        (["cat", "1"], False),
        (["cat", "dog"], False),
    ],
)
def test_numbers_as_names_are_found(names, expected):
    assert have_other_numbers(names) == expected


def test_rule_for_numbers_as_names_says_that_strings_are_names():
    with pytest.raises(ValueError, match="all strings are read: 3, 7"):
        encode_labels(["1"], 2, class_names=["3", "7"])
