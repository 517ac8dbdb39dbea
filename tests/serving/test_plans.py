"""Tests that plans made in a graph are those that Python makes."""

import numpy as np
import pytest
import tensorflow as tf

from keras_igpt.generation.plans import (
    SCHEDULES,
    halton_order,
    make_plan,
    plan_numbers,
)
from keras_igpt.serving.plans import plan_of_cells, plan_of_steps


def check_equal(found, expected):
    np.testing.assert_array_equal(found.queue, expected.queue)
    np.testing.assert_array_equal(found.starts, expected.starts)
    np.testing.assert_array_equal(found.count, expected.count)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("grid", [(1, 1), (4, 4), (5, 7), (6, 6)])
def test_plans_of_every_hole_and_number_of_steps_are_equal(grid, schedule):
    order = halton_order(grid)
    cells, random = len(order), np.random.default_rng(0)
    # One row for each number of known cells, from none to all.
    known = np.stack([random.permutation(cells) < n for n in range(cells + 1)])
    for steps in range(1, cells + 1):
        expected = make_plan(known, order, steps, schedule)
        each = tf.fill([cells + 1], steps)
        found = plan_of_steps(tf.constant(known), order, each, schedule)
        check_equal(found, expected)
        places = np.arange(found.known.shape[1])
        read = places < expected.count[:, None]
        columns = expected.known[:, : len(places)]
        np.testing.assert_array_equal(found.known[read], columns[read])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 33, 100, 150, 256])
def test_plans_of_a_large_grid_are_equal(steps, schedule):
    order, known = halton_order((16, 16)), np.zeros((1, 256), bool)
    each = tf.constant([steps])
    found = plan_of_steps(tf.constant(known), order, each, schedule)
    check_equal(found, make_plan(known, order, steps, schedule))


def test_rows_may_have_steps_of_their_own():
    order, known = halton_order((4, 4)), np.zeros((2, 16), bool)
    found = plan_of_steps(tf.constant(known), order, tf.constant([3, 16]))
    for row, steps in enumerate((3, 16)):
        expected = make_plan(known[:1], order, steps)
        np.testing.assert_array_equal(found.starts[row], expected.starts[0])


@pytest.mark.parametrize("steps", [1, 5, 16])
def test_plan_may_be_given_by_cell(steps):
    plan = make_plan(np.zeros((1, 16), bool), halton_order((4, 4)), steps)
    numbers = plan_numbers(plan)
    found = plan_of_cells(tf.constant(numbers))
    np.testing.assert_array_equal(found.starts, plan.starts)
    in_queue = np.take_along_axis(numbers, found.queue.numpy(), axis=1)
    assert (np.diff(in_queue) >= 0).all()
