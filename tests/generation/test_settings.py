"""Tests of the table of sampling arguments."""

import numpy as np
import pytest

from keras_igpt.generation.guidance import guidance_at
from keras_igpt.generation.settings import (
    SETTINGS,
    check_settings,
    kept_tokens,
)


def test_settings_give_image_i_the_seed_plus_i():
    settings = check_settings(3, 5, seed=4)
    assert settings["seed"].tolist() == [4, 5, 6]


def test_settings_take_one_value_per_image():
    settings = check_settings(2, 5, temperature=[0.5, 1], seed=[9, 9])
    assert settings["temperature"].tolist() == [0.5, 1.0]
    assert settings["seed"].tolist() == [9, 9]


def test_settings_without_a_seed_differ():
    first, second = (check_settings(1, 5) for _ in range(2))
    assert first["seed"] != second["seed"]


@pytest.mark.parametrize(
    "name, value",
    [
        ("temperature", -1.0),
        ("temperature", float("nan")),
        ("temperature", "hot"),
        ("top_k", 0),
        ("top_k", -3),
        ("top_k", 1.5),
        ("top_k", 10**30),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("guidance_scale", -1),
        ("guidance_scale", float("inf")),
        ("seed", -1),
        ("seed", 2**31),
        ("seed", 0.5),
        ("seed", [1, 2, 3]),
    ],
)
def test_settings_name_what_is_wrong(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received"):
        check_settings(2, 5, **{name: value})


def test_numpy_seed_counts_as_an_int():
    settings = check_settings(2, 5, seed=np.int64(4))
    assert settings["seed"].tolist() == [4, 5]


def test_one_value_in_a_list_is_for_all():
    settings = check_settings(2, 5, temperature=[0.5])
    assert settings["temperature"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("name", SETTINGS)
def test_default_keeps_its_own_rule(name):
    setting = SETTINGS[name]
    allowed = setting.allows(np.asarray(setting.default))
    assert allowed or setting.default == setting.off


def test_no_top_k_keeps_the_whole_vocabulary():
    found = kept_tokens(np.array([0, 2, 9], "int32"), 5)
    assert np.asarray(found).tolist() == [5, 2, 5]


@pytest.mark.parametrize("seed", [2**31, 10**20, -(10**20)])
def test_seeds_out_of_bounds_are_named(seed):
    with pytest.raises(ValueError, match="`seed` must be from 0"):
        check_settings(2, 5, seed=seed)


def test_guidance_is_for_all_cells_unless_said():
    found = check_settings(2, 9, guidance_scale=3.0, seed=0)
    at = guidance_at(np.int32(10**6), found)
    np.testing.assert_array_equal(at, [3, 3])


def test_guidance_interval_leaves_its_last_cell_out():
    found = check_settings(
        2, 9, guidance_scale=[3.0, 2.0], guidance_interval=(1, 3), seed=0
    )
    scales = [guidance_at(np.int32(i), found)[0] for i in range(4)]
    np.testing.assert_array_equal(scales, [1, 3, 3, 1])


def test_linear_guidance_grows_with_what_is_written():
    found = check_settings(
        2, 9, guidance_scale=[5.0, 1.0], guidance_schedule="linear", seed=0
    )
    scales = [guidance_at(np.int32(0), found, x) for x in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(scales, [[1, 1], [3, 1], [5, 1]])


def test_constant_guidance_does_not_grow():
    found = check_settings(1, 9, guidance_scale=5.0, seed=0)
    assert np.asarray(guidance_at(np.int32(0), found, 0.1)).tolist() == [5]


@pytest.mark.parametrize(
    "interval", [3, (3,), (3, 3), (4, 2), (-1, 2), (0.0, 2), "ab", (0, 2**40)]
)
def test_guidance_interval_is_two_cells(interval):
    with pytest.raises(ValueError, match="`guidance_interval` must be two"):
        check_settings(1, 9, guidance_interval=interval)
