"""Tests of drawn football images and of their splits."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from small_models import shows

from keras_igpt.data.football import captions, scenes
from keras_igpt.images import lettering

COMBINATION = ("kit", "pattern", "players", "night")


def run(program):
    """What a program prints."""
    return subprocess.check_output([sys.executable, "-c", program], text=True)


@pytest.mark.parametrize("image_size", [32, 48, 64, 128])
def test_image_has_promised_arrays(image_size):
    drawn = scenes.draw({}, image_size=image_size, twin_kit="red")
    assert set(drawn) == {"image", "layout", "twin"}
    for image in drawn.values():
        assert image.dtype == np.uint8
        assert image.shape == (image_size, image_size, 3)


def test_image_has_no_twin_unless_asked_for():
    assert "twin" not in scenes.draw({})


def test_image_repeats_with_seed():
    one, two = (scenes.draw({}, seed=3)["image"] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_image_varies_with_seed():
    facts = {"kit": "red", "board": "banner", "word": "GOAL"}
    images = {scenes.draw(facts, s)["image"].tobytes() for s in range(9)}
    assert len(images) == 9


def test_image_size_may_be_a_number_of_numpy():
    drawn = scenes.draw({"players": np.int64(1)}, image_size=np.int64(32))
    assert drawn["image"].shape == drawn["layout"].shape == (32, 32, 3)


def test_image_rejects_image_size():
    with pytest.raises(ValueError, match="`image_size` must be"):
        scenes.draw({}, image_size=0)


def test_image_takes_word_without_board():
    layout = scenes.draw({"word": "GOAL"})["layout"]
    assert shows(layout, "word").sum() == lettering.ink_of("GOAL").sum()


def test_captions_quote_the_word(undrawn):
    for example in undrawn["test"]:
        word, text = example["word"], example["text"]
        assert f'"{word}"' in text if word else '"' not in text


@pytest.mark.parametrize("name", ["ball", "goal", "night"])
def test_captions_of_test_tell_every_fact(undrawn, name):
    for example in undrawn["test"]:
        language, value = example["language"], example[name]
        phrases = captions._PHRASES[language][name][value]
        text = example["text"].lower()
        assert any(phrase in text for phrase in phrases), text


def test_some_captions_of_train_leave_facts_out(undrawn):
    silent = [
        example["word"] != "" and example["word"] not in example["text"]
        for example in undrawn["train"]
    ]
    assert 0.03 < np.mean(silent) < 0.12


def test_half_of_the_captions_are_chinese(undrawn):
    shares = [example["language"] == "zh" for example in undrawn["train"]]
    assert 0.45 < np.mean(shares) < 0.55


def test_example_is_a_function_of_split_and_index():
    *_, last = scenes.scenes("test", 5)
    alone = scenes.example("test", 4)
    assert last["text"] == alone["text"]
    np.testing.assert_array_equal(last["image"], alone["image"])


def test_example_is_the_same_in_another_process():
    program = (
        "import zlib; from keras_igpt.data.football import scenes;"
        "e = scenes.example('train', 7);"
        "print(zlib.crc32(e['image'].tobytes()), ascii(e['text']))"
    )
    shown = {run(program), run(program)}  # each with other hashes of str
    assert len(shown) == 1


@pytest.mark.parametrize("split, seed", [("validation", 0), ("train", 1)])
def test_other_splits_and_seeds_have_other_images(split, seed):
    one = scenes.example("train", 0)["image"]
    assert (one != scenes.example(split, 0, seed)["image"]).any()


def test_unknown_split_is_named():
    with pytest.raises(ValueError, match="`split` must be.*'tset'"):
        scenes.example("tset", 0)


@pytest.mark.parametrize("split", scenes.SPLITS)
def test_held_out_combinations_are_in_test_only(undrawn, split):
    for example in undrawn[split]:
        facts = {name: example[name] for name in COMBINATION}
        assert scenes.is_held_out(**facts) == (split == "test")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_twins_keep_held_out_combinations_hidden(undrawn, split):
    for example in undrawn[split]:
        facts = {name: example[name] for name in COMBINATION}
        facts["kit"] = example["twin_kit"]
        assert not scenes.is_held_out(**facts)


@pytest.mark.parametrize("split", scenes.SPLITS)
def test_held_out_words_are_in_test_only(undrawn, split):
    for example in undrawn[split]:
        held_out = scenes.is_held_out_word(example["word"])
        assert example["word"] == "" or held_out == (split == "test")


def test_an_eighth_of_the_combinations_is_held_out():
    values = itertools.product(*map(captions.VOCABULARY.get, COMBINATION))
    assert sum(scenes.is_held_out(*each) for each in values) == 18


def test_every_pair_of_values_is_shown_in_training():
    values = itertools.product(*map(captions.VOCABULARY.get, COMBINATION))
    shown = [each for each in values if not scenes.is_held_out(*each)]
    for one, two in itertools.combinations(range(4), 2):
        pairs = itertools.product(
            captions.VOCABULARY[COMBINATION[one]],
            captions.VOCABULARY[COMBINATION[two]],
        )
        assert set(pairs) == {(each[one], each[two]) for each in shown}


def test_a_tenth_of_the_words_is_held_out():
    words = map("".join, itertools.product("ABCDEFGHIJ", repeat=4))
    share = np.mean([scenes.is_held_out_word(word) for word in words])
    assert 0.09 < share < 0.11


def test_football_words_are_in_both_splits():
    held_out = sum(scenes.is_held_out_word(word) for word in scenes.WORDS)
    assert 5 <= held_out <= len(scenes.WORDS) / 5


def test_import_needs_neither_tfds_nor_pillow():
    program = (
        "import sys; import keras_igpt.data.football.scenes;"
        "print({'tensorflow_datasets', 'PIL', 'keras'} & set(sys.modules))"
    )
    assert run(program).strip() == "set()"
