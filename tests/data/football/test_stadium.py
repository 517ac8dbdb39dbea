"""Tests of what stands still, and of words on boards."""

import numpy as np
from small_models import shows

from keras_igpt.images import lettering


def test_word_is_written_in_cells_and_never_covered(examples):
    for example in examples:
        word = example["word"]
        if word:
            ink = shows(example["layout"], "word")
            left, right = 4 * (8 - len(word)), 4 * (8 + len(word))
            rows = (ink[row : row + 8, left:right] for row in (4, 8, 12))
            written = lettering.ink_of(word)
            assert ink.sum() == written.sum()
            assert any(np.array_equal(cells, written) for cells in rows)


def test_letters_have_sharp_edges(examples):
    for example in examples:
        ink = shows(example["layout"], "word")
        colors = np.unique(example["image"][ink], axis=0)
        assert len(colors) == (1 if example["word"] else 0)


def test_word_is_absent_without_board(examples):
    for example in examples:
        has_word = shows(example["layout"], "word").any()
        assert has_word == (example["board"] != "none")
        assert has_word == (example["word"] != "")


def test_goal_is_there_when_said(examples):
    for example in examples:
        area = shows(example["layout"], "goal").sum()
        assert area > 100 if example["goal"] else area == 0


def test_sky_is_dark_at_night(examples):
    for example in examples:
        sky = shows(example["layout"], "sky")
        assert (example["image"][sky].mean() < 110) == example["night"]
