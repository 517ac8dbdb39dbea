"""Tests of plans: which cells are asked in which step."""

import numpy as np
import pytest

from keras_igpt.generation.plans import (
    MOST_SIZES,
    SCHEDULES,
    checked_request,
    draw_plans,
    group_sizes,
    halton_order,
    make_plan,
    plan_numbers,
)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("cells", [1, 2, 30, 49])
def test_every_number_of_steps_asks_all_cells(cells, schedule):
    for steps in range(1, cells + 1):
        sizes = group_sizes(cells, steps, schedule)
        assert len(sizes) == steps and min(sizes) >= 1 and sum(sizes) == cells


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_as_many_steps_as_cells_are_one_cell_each(schedule):
    assert group_sizes(20, 20, schedule) == (1,) * 20


@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (5, 3), (16, 16)])
def test_halton_order_has_every_cell_once(grid):
    order = halton_order(grid)
    assert sorted(order) == list(range(grid[0] * grid[1]))


def test_halton_order_is_spread_evenly():
    first = np.array(halton_order((8, 8))[:16])
    quarters = (first // 8 // 4) * 2 + first % 8 // 4
    assert set(np.bincount(quarters)) <= {3, 4, 5}


def holes(cells, count=7):
    """Known cells, from none to all."""
    random = np.random.default_rng(0)
    shares = np.linspace(0, 1, count)[:, None]
    return random.random((count, cells)) < shares


@pytest.mark.parametrize("steps", [1, 2, 5, 11, 24])
def test_unknown_cells_are_asked_once_and_known_ones_never(steps):
    known = holes(24)
    order = np.random.default_rng(1).permutation(24)
    plan = make_plan(known, order, steps)
    for row, starts in enumerate(plan.starts):
        asked = plan.queue[row, : starts[-1]]
        assert sorted(asked) == np.flatnonzero(~known[row]).tolist()
        count = plan.count[row]
        read = plan.known[row, :count]
        assert sorted(read) == np.flatnonzero(known[row]).tolist()


def test_numbers_of_steps_are_those_of_the_groups():
    known = holes(12, 3)
    plan = make_plan(known, np.arange(12), 4)
    numbers = plan_numbers(plan)
    np.testing.assert_array_equal(numbers == -1, known)
    for row, step in zip(*np.nonzero(np.diff(plan.starts, axis=1))):
        begin, end = plan.starts[row, step : step + 2]
        assert (numbers[row, plan.queue[row, begin:end]] == step).all()


def test_plan_of_an_image_does_not_depend_on_its_batch():
    known = holes(24)
    together = plan_numbers(make_plan(known, np.arange(24), 9))
    alone = [plan_numbers(make_plan(x[None], np.arange(24), 9)) for x in known]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_cells_are_asked_in_the_order_that_is_given():
    order = np.random.default_rng(2).permutation(10)
    plan = make_plan(np.zeros((1, 10), bool), order, 3)
    np.testing.assert_array_equal(plan.queue, order[None])


@pytest.mark.parametrize("share, most", [(0.25, 0.3), (0.5, 0.55)])
@pytest.mark.parametrize("steps", [8, 16, 32, 64])
def test_steps_grow_with_the_hole(share, most, steps):
    known = np.arange(64)[None] >= 64 * share
    plan = make_plan(known, halton_order((8, 8)), steps)
    assert 1 <= len(plan.sizes) <= most * steps


def test_smallest_hole_takes_a_step():
    known = np.arange(64)[None] > 0
    assert len(make_plan(known, np.arange(64), 2).sizes) == 1


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_groups_fit_into_few_sizes(schedule, batch):
    known = np.zeros((batch, 64), bool)
    for steps in range(1, 65):
        plan = make_plan(known, np.arange(64), steps, schedule)
        sizes = group_sizes(64, steps, schedule)
        assert (np.array(plan.sizes) >= sizes).all()
        assert len(set(plan.sizes)) <= MOST_SIZES


def test_sizes_of_large_batches_leave_little_empty():
    for steps in (8, 16, 32, 64, 128):
        plan = make_plan(np.zeros((16, 256), bool), np.arange(256), steps)
        assert sum(plan.sizes) <= 1.5 * 256


def test_one_image_has_one_size_while_weights_take_longer():
    plan = make_plan(np.zeros((1, 256), bool), np.arange(256), 32)
    assert len(set(plan.sizes)) == 1


def test_first_cells_are_written_one_by_one():
    assert group_sizes(256, 32)[:3] == (1, 1, 1)


# === Plans to learn from ===

CELLS = np.random.default_rng(5).permutation(32)
WRITTEN = np.argsort(CELLS)


def drawn(spent, count=60, **kwargs):
    generator = np.random.default_rng(0)
    return draw_plans(CELLS, count, spent, generator, **kwargs)


@pytest.mark.parametrize("spent", [0.0, 0.3, 1.0])
def test_plans_to_learn_from_have_every_step_and_every_cell(spent):
    for plan in drawn(spent):
        np.testing.assert_array_equal(np.unique(plan), np.arange(max(plan) + 1))


def test_orders_turn_into_the_one_that_is_written_in():
    plans = [drawn(spent, grouped=0.0) for spent in (0.0, 0.5, 1.0)]
    shares = [(plan == WRITTEN).all(axis=1).mean() for plan in plans]
    assert shares[0] == 0 and 0.2 < shares[1] < 0.8 and shares[2] == 1


def test_share_of_the_images_learns_in_groups():
    steps = drawn(0.5, grouped=0.5).max(axis=1) + 1
    assert 0.3 < (steps < 32).mean() < 0.7


def test_groups_follow_the_order_that_is_written_in():
    for plan in drawn(np.nextafter(1.0, 0.0), grouped=1.0):
        assert (np.diff(plan[CELLS]) >= 0).all()


def test_at_the_end_every_image_is_written_cell_by_cell():
    assert (drawn(1.0, grouped=1.0) == WRITTEN).all()


# === What is refused ===


def ask(model, sampler=None, **asked):
    names = ("steps", "step_schedule", "order")
    given = {name: asked.get(name) for name in names}
    return checked_request(model, 2, sampler, **given)


@pytest.mark.parametrize("steps", [0, -1, 17, 4.0, True, "4", [4]])
def test_wrong_steps_are_named(any_model, steps):
    with pytest.raises(ValueError, match="`steps` must be an int from 1 to 16"):
        ask(any_model, steps=steps)


@pytest.mark.parametrize(
    "order",
    [
        range(15),
        range(1, 17),
        [0] * 16,
        np.arange(16.0),
        np.tile(np.arange(16), (3, 1)),
        [[0, 1], [2]],
        "raster",
        5,
    ],
    ids=str,
)
def test_wrong_orders_are_named(any_model, order):
    with pytest.raises(ValueError, match="`order` must have all cells from 0"):
        ask(any_model, order=order)


def test_unknown_schedule_is_named(any_model):
    with pytest.raises(ValueError, match="`step_schedule`.*'arccos', 'cosine'"):
        ask(any_model, step_schedule="linear")


def test_samplers_that_walk_are_named(any_model):
    with pytest.raises(ValueError, match="`sampler` must be None"):
        ask(any_model, sampler="greedy")


@pytest.mark.parametrize(
    "asked",
    [{"steps": 4}, {"step_schedule": "arccos"}, {"order": range(16)}],
    ids=str,
)
def test_model_that_writes_row_by_row_takes_none_of_it(tiny_model, asked):
    (name,) = asked
    with pytest.raises(ValueError, match=f"`{name}` must be None.*'raster'"):
        ask(tiny_model, **asked)


def test_images_may_have_orders_of_their_own(any_model):
    orders = np.stack([np.arange(16), np.arange(16)[::-1]])
    np.testing.assert_array_equal(ask(any_model, order=orders)["order"], orders)


def test_steps_are_those_of_the_model_by_default(any_model):
    assert ask(any_model)["steps"] == any_model.config["steps"]
