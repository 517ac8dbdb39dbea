"""Tests of the judge of football images."""

import keras
import numpy as np
import pytest

from keras_igpt.data.football import captions
from keras_igpt.data.football.scenes import scenes as draw
from keras_igpt.evaluation.football import judge as judge_module
from keras_igpt.evaluation.football.judge import Judge
from keras_igpt.images import lettering

pytest.importorskip("PIL")

NAMES = {*judge_module.ATTRIBUTES, "word"}


@pytest.fixture(scope="module")
def judge():
    """Trained for seconds: knows day from night, and hardly more."""
    return Judge.train(steps=20)


def share_right(judge, images, examples, name):
    found = judge(images)[name]
    return np.mean([f == e[name] for f, e in zip(found, examples)])


def logits_of(word, row=1, doubt=0.0):
    """What the network would say of a word, uncertain by `doubt`."""
    shape = (len(judge_module.ROWS), len(judge_module.COLUMNS))
    logits = np.zeros((*shape, judge_module.NO_LETTER + 1))
    logits[..., -1] = 5.0
    for i, mark in enumerate(word):
        column = judge_module.MAX_LETTERS - len(word) + 2 * i
        logits[row, column, lettering.CHARACTERS.index(mark)] = 9.0 - doubt
    return logits


# Reading


@pytest.mark.parametrize("word", ["", "A", "GO", "2-1", "GOAL", "UNITED"])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_read_finds_word_wherever_it_stands(word, row):
    assert judge_module._read(logits_of(word, row)) == word


def test_read_keeps_letter_that_alone_would_be_none():
    logits = logits_of("GOAL")
    logits[1, 2] = 0
    logits[1, 2, lettering.CHARACTERS.index("G")] = 4.0
    logits[1, 2, -1] = 5.0
    assert judge_module._read(logits) == "GOAL"


@pytest.mark.parametrize("split", ["train", "test"])
def test_targets_read_back_as_the_word(split):
    for example in draw(split, 60):
        letters = judge_module._targets(example)["letters"]
        certain = np.eye(judge_module.NO_LETTER + 1)[letters]
        assert judge_module._read(certain) == example["word"]


def test_letter_sees_its_cell_and_a_rim():
    network = judge_module._network()
    letters = keras.Model(network.input, network.output["letters"])
    images = np.zeros((2, 64, 64, 3), "float32")
    top, left = judge_module.ROWS[1], judge_module.COLUMNS[4]
    images[1, top - 1 : top + 9, left - 1 : left + 9] = 255
    images[1] = 255 - images[1]  # all but the cell and its rim
    one, two = letters.predict(images, verbose=0)
    np.testing.assert_allclose(one[1, 4], two[1, 4], atol=1e-5)
    assert not np.allclose(one[0, 0], two[0, 0])


# The judge


def test_judge_answers_with_known_values(judge, scene_images):
    found = judge(scene_images)
    assert set(found) == NAMES
    for name in judge_module.ATTRIBUTES:
        assert found[name].shape == (len(scene_images),)
        assert set(found[name].tolist()) <= set(captions.VOCABULARY[name])
    assert all(isinstance(word, str) for word in found["word"])


def test_judge_learns_night_in_seconds(judge, scene_images, scenes):
    assert share_right(judge, scene_images, scenes, "night") > 0.9


def test_judge_answers_for_each_image_alone(judge, scene_images):
    together, alone = judge(scene_images[:9]), judge(scene_images[4:5])
    assert all(together[name][4] == alone[name][0] for name in NAMES)


def test_judge_sees_larger_images_as_small_ones(judge, scene_images):
    large = scene_images[:9].repeat(2, axis=1).repeat(2, axis=2)
    small, large = judge(scene_images[:9]), judge(large)
    assert all((small[name] == large[name]).all() for name in NAMES)


def test_judge_loads_as_it_was_saved(judge, scene_images, tmp_path):
    judge.save(tmp_path / "judge.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["judge.keras"]
    loaded = Judge.load(tmp_path / "judge.keras")
    one, two = (
        each.network.predict(scene_images[:4] * np.float32(1), verbose=0)
        for each in (judge, loaded)
    )
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=1e-5)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 60, 60, 3), "uint8"),
        np.zeros((2, 64, 128, 3), "uint8"),
        np.zeros((64, 64, 3), "uint8"),
        np.zeros((2, 64, 64, 3), "float32"),
    ],
)
def test_judge_names_images_it_cannot_take(judge, images):
    with pytest.raises(ValueError, match="`images` must be uint8 of shape"):
        judge(images)


@pytest.mark.slow
def test_train_repeats_with_seed():
    one, two = (Judge.train(steps=1, seed=3).network for _ in range(2))
    for a, b in zip(one.get_weights(), two.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_train_names_two_budgets():
    with pytest.raises(ValueError, match="Exactly one of"):
        Judge.train(minutes=1, steps=1)


@pytest.mark.slow
def test_judge_reads_real_words_soon(scene_images, scenes, monkeypatch):
    # Fewer images, damaged anew, are drawn sooner and teach as much here.
    monkeypatch.setattr(judge_module, "IMAGES", 3000)
    judge = Judge.train(steps=200)
    assert share_right(judge, scene_images, scenes, "word") > 0.7
    assert share_right(judge, scene_images, scenes, "kit") > 0.9


# Damage


def test_damage_keeps_range_and_spares_some(scene_images):
    damaged = judge_module._damaged(scene_images, np.random.default_rng(0))
    assert damaged.dtype == np.float32 and damaged.shape == scene_images.shape
    assert damaged.min() >= 0 and damaged.max() <= 255
    off = np.abs(damaged - scene_images).mean((1, 2, 3))
    assert off.min() < 3 < off.max() < 40
