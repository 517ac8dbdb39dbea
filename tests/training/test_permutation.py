"""Tests of orders that are computed."""

import numpy as np
import pytest

from keras_igpt.training.permutation import Permutation


def numbers(length, key=(0,)):
    return Permutation(length, key)[np.arange(length)]


@pytest.mark.parametrize("length", [1, 2, 3, 5, 37, 64, 65, 1009, 4095, 20_001])
def test_every_number_is_there_once(length):
    for seed in range(3):
        found = numbers(length, (seed, 1))
        np.testing.assert_array_equal(np.sort(found), np.arange(length))


def test_places_are_looked_up_alone():
    order = Permutation(1009, (3, 4))
    whole = order[np.arange(1009)]
    some = [7, 1000, 7]
    np.testing.assert_array_equal(order[np.array(some)], whole[some])


def test_other_keys_are_other_orders():
    found = [numbers(100, key).tolist() for key in [(0, 0), (0, 1), (1, 0)]]
    assert len(set(map(tuple, found))) == 3


def test_orders_are_as_they_were():
    """Runs of earlier versions go on with them."""
    found = Permutation(1_000_000, (0, 1, 2))[np.array([0, 1, 999_999])]
    assert found.tolist() == [538226, 759568, 574148]


@pytest.mark.parametrize("length", [2, 3, 4])
def test_all_orders_of_a_few_are_as_frequent(length):
    from scipy import stats

    codes = [tuple(numbers(length, (seed,)).tolist()) for seed in range(1_200)]
    orders, counts = np.unique(codes, axis=0, return_counts=True)
    assert len(orders) == np.prod(np.arange(1, length + 1))
    assert stats.chisquare(counts).pvalue > 0.001


def test_neighbours_do_not_stay_neighbours():
    steps = np.diff(numbers(10_000))
    assert np.mean(np.abs(steps) == 1) < 0.002
    assert abs(np.corrcoef(numbers(10_000), np.arange(10_000))[0, 1]) < 0.03


def test_windows_part_an_order():
    order = Permutation(101, (5,))
    parts = order.window(0, 30), order.window(30, 71)
    found = [part[np.arange(len(part))] for part in parts]
    assert [len(part) for part in parts] == [30, 71]
    np.testing.assert_array_equal(np.concatenate(found), order[np.arange(101)])


def test_long_orders_take_no_memory():
    order = Permutation(10**15, (0,))
    found = order[np.arange(10**14, 10**14 + 1_000)]
    assert len(np.unique(found)) == 1_000 and found.max() < 10**15
    assert found.mean() == pytest.approx(5 * 10**14, rel=0.1)
