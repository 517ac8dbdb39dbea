"""Tests of rotary positions."""

import numpy as np

from keras_igpt.layers import rotary


def test_rotary_angles_turn_with_row_and_column():
    angles = rotary.rotary_angles((2, 3), head_dim=4)
    np.testing.assert_allclose(
        angles, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    )


def test_rotary_angles_of_the_prompt_turn_with_its_positions():
    angles = rotary.rotary_angles((1, 2), head_dim=4, prompt_length=2)
    np.testing.assert_allclose(angles, [[-2, 0], [-1, 0], [0, 0], [0, 1]])


def test_rotate_keeps_products_of_equal_distance():
    angles = rotary.rotary_angles((1, 4), head_dim=8)
    generator = np.random.default_rng(0)
    query, key = generator.normal(size=(2, 1, 1, 1, 8)).astype("float32")
    rows = [np.asarray(rotary.rotate(query, a[None])) for a in angles]
    keys = [np.asarray(rotary.rotate(key, a[None])) for a in angles]
    np.testing.assert_allclose(
        (rows[1] * keys[0]).sum(), (rows[3] * keys[2]).sum(), rtol=1e-5
    )


def test_held_angles_are_those_of_the_cell_before():
    angles = rotary.rotary_angles((2, 3), head_dim=4)
    held, factor = rotary.held_angles(angles)
    np.testing.assert_array_equal(held[1:], angles[:-1])
    np.testing.assert_array_equal(factor, [0, 1, 1, 1, 1, 1])
