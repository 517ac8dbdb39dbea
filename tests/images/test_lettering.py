"""Tests of words drawn as signs."""

import numpy as np
import pytest

from keras_igpt.data.football import scenes
from keras_igpt.images import lettering


@pytest.fixture
def canvas():
    """An empty canvas, and a mask that says so."""
    return np.zeros((64, 64, 3), "uint8"), np.ones((64, 64), bool)


def test_glyphs_are_distinct():
    inks = {lettering.glyph(mark).tobytes() for mark in lettering.CHARACTERS}
    assert len(inks) == len(lettering.CHARACTERS) == 37


def test_glyphs_keep_last_row_and_column_free():
    for mark in lettering.CHARACTERS:
        ink = lettering.glyph(mark)
        assert ink.shape == (8, 8) and not ink[7].any() and not ink[:, 7].any()


def test_ink_of_word_is_its_glyphs_in_a_row():
    ink = lettering.ink_of("CUP")
    np.testing.assert_array_equal(ink[:, 8:16], lettering.glyph("U"))


@pytest.mark.parametrize("word", ["", "goal", "A B", "É"])
def test_ink_of_other_characters_is_named(word):
    with pytest.raises(ValueError, match="`word` must be made of"):
        lettering.ink_of(word)


def test_a_sign_is_that_of_a_light_banner():
    drawn = scenes.draw({"board": "banner", "word": "CUP"}, seed=0)
    sign = lettering.sign("cup")
    rows, columns = sign.shape[:2]
    left = (64 - columns) // 2
    tops = [row - lettering.ABOVE for row in lettering.ROWS]
    found = [
        drawn["image"][top : top + rows, left : left + columns] for top in tops
    ]
    assert any((sign == part).all() for part in found)


def test_a_sign_is_known_and_nothing_else(canvas):
    image, mask = lettering.with_sign(*canvas, "GO")
    assert (~mask).sum() == 11 * 22
    assert not image[mask].any()


def test_a_sign_grows_with_the_canvas():
    canvas = np.zeros((128, 128, 1), "uint8")
    _, mask = lettering.with_sign(canvas, np.ones((128, 128), bool), "GO")
    assert (~mask).sum() == 22 * 44


def test_a_sign_evades_what_is_known(canvas):
    image, mask = canvas
    mask[15:20] = False
    _, found = lettering.with_sign(image, mask, "GO")
    np.testing.assert_array_equal(
        np.flatnonzero((~found).any(1))[:3], [2, 3, 4]
    )


@pytest.mark.parametrize("word", ["GOALKEEPER", "ö"])
def test_a_word_that_cannot_be_drawn_is_an_error(canvas, word):
    with pytest.raises(ValueError, match="word"):
        lettering.with_sign(*canvas, word)


def test_no_room_is_an_error(canvas):
    image, mask = canvas
    with pytest.raises(ValueError, match="place the image lower"):
        lettering.with_sign(image, np.zeros_like(mask), "GO")
