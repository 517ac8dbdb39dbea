"""Tests of checks of arguments."""

import numpy as np
import pytest

from keras_igpt import argument_checks


def test_what_is_right_passes():
    argument_checks.check_positive("n", 1)
    argument_checks.check_positive("n", np.int32(3))
    argument_checks.check_not_negative("n", 0)
    argument_checks.check_at_least("n", np.int64(2), 2)
    argument_checks.check_share("share", 0)
    argument_checks.check_share("share", 1.0)
    argument_checks.check_one_of("kind", "a", ("a", "b"))
    argument_checks.check_width(24, 3, "rotary")
    argument_checks.check_width(9, 3, "learned")


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None])
def test_check_positive_says_what_was_received(value):
    with pytest.raises(ValueError, match=f"`n` must be .* n={value!r}"):
        argument_checks.check_positive("n", value)


@pytest.mark.parametrize("value", [-1, 1.0, None])
def test_check_not_negative_says_what_was_received(value):
    with pytest.raises(ValueError, match=f"0 or a positive int.*n={value!r}"):
        argument_checks.check_not_negative("n", value)


def test_check_one_of_names_all():
    with pytest.raises(ValueError, match=r"\('a', 'b'\). Received: kind='c'"):
        argument_checks.check_one_of("kind", "c", ("a", "b"))


@pytest.mark.parametrize("value", [-0.1, 2, float("nan")])
def test_check_share_says_what_was_received(value):
    with pytest.raises(ValueError, match=f"from 0 to 1.*share={value!r}"):
        argument_checks.check_share("share", value)


@pytest.mark.parametrize(
    "check",
    [
        argument_checks.check_positive,
        argument_checks.check_not_negative,
        lambda name, value: argument_checks.check_at_least(name, value, 2),
    ],
)
def test_counts_have_a_bound(check):
    with pytest.raises(ValueError, match="`n` must be .* at most 16,777,216"):
        check("n", 10**30)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), 11, "3", True, None])
def test_check_number_says_what_was_received(value):
    with pytest.raises(ValueError, match="`rate` must be a number above 0"):
        argument_checks.check_number("rate", value, most=10)


def test_check_number_takes_what_is_within():
    argument_checks.check_number("rate", np.float32(0.5), most=10)
    argument_checks.check_number("share", 0, most=1, least=0)


@pytest.mark.parametrize("value", [-1, 2**32, 0.5, True, "0"])
def test_check_seed_says_what_was_received(value):
    with pytest.raises(ValueError, match="`seed` must be an int from 0"):
        argument_checks.check_seed(value)


@pytest.mark.parametrize(
    ("width", "positions", "unit"), [(18, "rotary", 12), (10, "learned", 3)]
)
def test_check_width_names_its_unit(width, positions, unit):
    with pytest.raises(ValueError, match=f"a multiple of {unit} "):
        argument_checks.check_width(width, 3, positions)


@pytest.mark.parametrize("value", [1, 2.5, "2", None, True])
def test_check_at_least_says_what_was_received(value):
    with pytest.raises(ValueError, match=f"of at least 2.*n={value!r}"):
        argument_checks.check_at_least("n", value, 2)


def test_image_size_may_be_one_number():
    assert argument_checks.checked_image_size(np.int64(8)) == (8, 8)
    assert argument_checks.checked_image_size([8, 4], multiple_of=4) == (8, 4)
    assert argument_checks.checked_image_size(None) is None


def test_image_size_names_what_it_must_be_a_multiple_of():
    with pytest.raises(ValueError, match=r"multiples of 4.*\(8, 6\)"):
        argument_checks.checked_image_size((8, 6), multiple_of=4)
