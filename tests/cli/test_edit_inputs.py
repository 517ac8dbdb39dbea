"""Tests of what a model is given to edit."""

import numpy as np
import pytest
from PIL import Image
from small_models import save_picture

from keras_igpt.cli import edit_inputs


def test_a_box_is_a_mask():
    mask = edit_inputs.read_mask((1, 2, 3, 9), "a.png", (4, 5))
    wanted = np.zeros((4, 5), bool)
    wanted[2:4, 1:3] = True
    np.testing.assert_array_equal(mask, wanted)


def test_a_file_is_a_mask(tmp_path):
    pixels = np.zeros((4, 5), "uint8")
    pixels[1, 2] = 255
    Image.fromarray(pixels).save(tmp_path / "m.png")
    mask = edit_inputs.read_mask(tmp_path / "m.png", "a.png", (4, 5))
    np.testing.assert_array_equal(mask, pixels > 0)


def test_transparent_parts_are_a_mask(tmp_path):
    pixels = np.full((4, 5, 4), 255, "uint8")
    pixels[1, 2, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    mask = edit_inputs.read_mask(None, tmp_path / "a.png", (4, 5))
    assert mask[1, 2] and mask.sum() == 1


def test_an_image_without_transparent_parts_is_no_mask(tmp_path):
    path = save_picture(tmp_path / "a.png")
    with pytest.raises(ValueError, match="`--mask` must say where"):
        edit_inputs.read_mask(None, path, (6, 8))


def test_composed_image_lies_where_it_is_put():
    image = np.full((4, 6, 3), 99, "uint8")
    canvas, mask = edit_inputs.compose(image, (8, 8), (4, 2), scale=0.5)
    wanted = np.ones((8, 8), bool)
    wanted[2:4, 4:7] = False
    np.testing.assert_array_equal(mask, wanted)
    assert (canvas[~wanted] == 99).all() and (canvas[wanted] == 0).all()


def test_the_quoted_word_is_drawn():
    image = np.zeros((8, 8, 1), "uint8")
    plain, _ = edit_inputs.compose(image, (64, 64), (2, 40))
    signed, mask = edit_inputs.compose(
        image, (64, 64), (2, 40), text='day, banner "GOAL"', glyphs=True
    )
    assert (signed != plain).any() and not mask[8:14, 20:40].any()


def test_an_image_is_shrunk_to_be_enlarged():
    image = np.full((30, 40, 3), 7, "uint8")
    small = edit_inputs.shrink(image, (16, 8), 4)
    assert small.shape == (4, 2, 3) and (small == 7).all()
