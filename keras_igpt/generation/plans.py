"""Which cells are asked when, if several are asked at once.

Axes: B images, N cells, T steps.
"""

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.argument_checks import (
    check_one_of,
    check_positive,
    check_seed,
    is_whole,
)
from keras_igpt.generation.step_schedules import SCHEDULE, SCHEDULES

# What is known, and the caches, have room for a multiple of so many positions:
# few sizes, few programs.
ROOM = 16

# A plan's groups are filled up to so many sizes at most: each has a program.
MOST_SIZES = 2

# Cells that are asked of all images in about the time of one: so long it takes
# to read the weights.
FREE = 32

# Sizes of groups, about a quarter apart: Renard's preferred numbers (ISO 3).
GROUPS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80)
GROUPS = (*GROUPS, *(round(10 ** (i / 10)) for i in range(20, 64)))

# Orders in which an image is scored, at most.
MOST_ORDERS = 2**12

# Share of the images that learn in groups, and how many times fewer steps
# than cells these take, as powers of 2.
GROUPED = 0.5
FEWER_STEPS = (0.5, 5)


class Plan(NamedTuple):
    """When each image's cells are asked.

    Attributes:
        queue: int32 `(B, N)`. The cells that are asked, in their order, then
            any.
        starts: int32 `(B, N + 1)`. Where in the queue each step begins; after
            the last step, where the queue ends.
        known: int32 `(B, K)`. Cells that are known, in the order of reading,
            then any; K is a multiple of `ROOM`, or N.
        count: int32 `(B,)`. How many of those there are.
        sizes: list of T ints. What a step's group is filled up to: a few of
            `GROUPS`.
    """

    queue: Array
    starts: Array
    known: Array
    count: Array
    sizes: list[int]


@functools.cache
def halton_order(grid_size: tuple[int, int]) -> tuple[int, ...]:
    """Cells in an order that is spread evenly at every time.

    Halton's points in bases 2 and 3 (Besnier et al. 2025,
    https://arxiv.org/abs/2503.17076): the cells that they fall into, each
    when it is met first.

    Args:
        grid_size: tuple of two ints, rows and columns.
    """
    rows, columns = grid_size
    cells, number = {}, 0
    while len(cells) < rows * columns:
        number += 1
        row = int(_halton(number, 2) * rows)
        column = int(_halton(number, 3) * columns)
        cells.setdefault(row * columns + column)
    return tuple(cells)


def _halton(number, base):
    """The digits of a number, mirrored at the point."""
    value, share = 0.0, 1.0
    while number:
        share /= base
        number, digit = divmod(number, base)
        value += digit * share
    return value


@functools.cache
def group_sizes(
    cells: int, steps: int, schedule: str = SCHEDULE
) -> tuple[int, ...]:
    """How many cells are asked in each step; all together `cells`.

    Args:
        cells: int, at least 1.
        steps: int from 1 to `cells`.
        schedule: str, key of `SCHEDULES`.
    """
    left, sizes = cells, []
    for step in range(1, steps):
        share = SCHEDULES[schedule](step / steps)
        after = max(1, min(left - 1, int(cells * share)))
        # Enough must be left for each step to come.
        after = max(after, steps - step)
        sizes.append(left - after)
        left = after
    return (*sizes, left)


def make_plan(
    known: Array, order: Array, steps: int, schedule: str = SCHEDULE
) -> Plan:
    """Plans the cells that are not known; each image's depend on it alone.

    An image of which a part is known takes a part of the steps.

    Args:
        known: bool array `(B, N)`.
        order: int array `(N,)` or `(B, N)`, all cells.
        steps: int from 1 to N, for a whole image.
        schedule: str, key of `SCHEDULES`.
    """
    batch, cells = known.shape
    order = np.broadcast_to(np.asarray(order, "int32"), (batch, cells))
    known = np.take_along_axis(known, order, axis=1)
    # A stable sort: what is not known in front, in its order.
    queue = np.take_along_axis(
        order, np.argsort(known, axis=1, kind="stable"), axis=1
    )
    asked = cells - known.sum(axis=1)
    starts = np.empty((batch, cells + 1), "int32")
    for row, count in enumerate(asked):
        starts[row] = count
        if count:
            few = max(1, math.ceil(steps * count / cells))
            bounds = np.cumsum(group_sizes(int(count), few, schedule))
            starts[row, : few + 1] = [0, *bounds]
    widths = np.diff(starts, axis=1).max(axis=0)
    widths = np.maximum.accumulate(widths[widths > 0])
    count = (cells - asked).astype("int32")
    room = min(filled_up(int(count.max())), cells)
    columns = np.minimum(asked[:, None] + np.arange(room), cells - 1)
    return Plan(
        queue.astype("int32"),
        starts,
        np.take_along_axis(queue, columns, axis=1).astype("int32"),
        count,
        [min(size, cells) for size in _sizes_to_fill(widths, batch)],
    )


def _sizes_to_fill(widths, batch):
    """Sizes for groups that grow, at most `MOST_SIZES`, that cost least.

    The least that any first groups cost in all, with one size more than
    before: the last of these sizes begins at the best place.
    """
    if not len(widths):  # all is known
        return []
    sizes = np.array(GROUPS)[np.searchsorted(GROUPS, widths)]
    cost = np.maximum(sizes * batch, FREE)
    count = len(sizes)
    ends = np.arange(1, count + 1)
    total = np.append(0, cost * ends)
    chosen = [np.zeros(count + 1, int)]
    for _ in range(MOST_SIZES - 1):
        # Of the first groups up to an end, those from a begin have one size.
        costs = total[:-1] + cost[:, None] * (ends[:, None] - ends + 1)
        costs = np.where(ends <= ends[:, None], costs, np.iinfo(int).max)
        chosen.append(np.append(0, costs.argmin(axis=1)))
        total = np.append(0, costs.min(axis=1))
    end = count
    filled = np.empty(count, int)
    for begins in reversed(chosen):
        filled[begins[end] : end] = sizes[end - 1]
        end = begins[end]
    return filled.tolist()


def is_written(plan: Plan, step: int) -> Array:
    """Which cells are known before a step, bool `(B, N)`."""
    places = np.arange(plan.queue.shape[1])
    begin, end = plan.starts[:, step, None], plan.starts[:, -1:]
    to_come = (begin <= places) & (places < end)
    written = np.ones(plan.queue.shape, bool)
    rows, columns = np.nonzero(to_come)
    written[rows, plan.queue[rows, columns]] = False
    return written


def plan_numbers(plan: Plan) -> Array:
    """Which step asks each cell, int32 `(B, N)`; -1 for those that are known.

    Args:
        plan: as `make_plan` makes it.
    """
    places = np.arange(plan.queue.shape[1])
    ends = plan.starts[:, 1:, None]
    steps = (ends <= places).sum(axis=1)  # those that end before
    steps = np.where(places < plan.starts[:, -1:], steps, -1)
    numbers = np.empty_like(plan.queue)
    np.put_along_axis(numbers, plan.queue, steps.astype("int32"), axis=1)
    return numbers


def draw_plans(
    cell_order: Array,
    count: int,
    spent: float,
    generator: np.random.Generator,
    schedule: str = SCHEDULE,
    grouped: float = GROUPED,
) -> Array:
    """Plans to learn from: random orders, then the one to be used.

    Orders that nobody decodes are paid for, and at the beginning they teach
    the same: of the images, a share that grows from none to all has the order
    that is decoded (as RAR anneals to row by row, Yu et al. 2024,
    https://arxiv.org/abs/2411.00776). Some images ask several cells at once,
    1.4 to 32 a step, so that a cell is also asked when those right before it
    are not known.

    Args:
        cell_order: int array `(N,)`, the order that cells are written in.
        count: int. Number of images, B.
        spent: float from 0 to 1. Share of the training that is over; of 1,
            each image is written cell by cell, as what is evaluated.
        generator: a `numpy.random.Generator`.
        schedule: str, key of `SCHEDULES`, of the groups.
        grouped: float from 0 to 1. Share of the images with groups.

    Returns:
        int32 array `(B, N)`, the step that asks each cell.
    """
    cells = len(cell_order)
    orders = np.broadcast_to(np.asarray(cell_order), (count, cells))
    ordered = generator.random(count) < spent
    drawn = generator.permuted(orders, axis=1)
    orders = np.where(ordered[:, None], orders, drawn)
    fewer = 2 ** generator.uniform(*FEWER_STEPS, count)
    in_groups = (generator.random(count) < grouped) & (spent < 1)
    fewer = np.where(in_groups, fewer, 1.0)
    steps = np.maximum(1, cells / fewer).astype(int)
    when = np.stack(
        [_steps_in_order(cells, int(number), schedule) for number in steps]
    )
    plans = np.empty((count, cells), "int32")
    np.put_along_axis(plans, orders, np.stack(when), axis=1)
    return plans


@functools.cache
def _steps_in_order(cells, steps, schedule):
    """The step of each place in the order."""
    sizes = group_sizes(cells, steps, schedule)
    return np.repeat(np.arange(len(sizes), dtype="int32"), sizes)


def filled_up(count: int) -> int:
    """The smallest multiple of `ROOM` that is not below `count`."""
    return -(-count // ROOM) * ROOM


def checked_request(
    model: Any,
    count: int,
    sampler: Any,
    steps: int | None,
    step_schedule: str | None,
    order: Any,
) -> dict[str, Any]:
    """Checks in what order and how many steps to write.

    Args:
        model: an `ImageGPT`.
        count: int. Number of images, B.
        sampler: what else is to draw tokens; None for our own.
        steps, step_schedule, order: as `ImageGPT.generate` takes them.

    Returns:
        dict of arguments of `make_plan`, the order int32 `(B, N)`; empty for
        a model that writes row by row.
    """
    asked = {"steps": steps, "step_schedule": step_schedule, "order": order}
    if not model.any_order:
        given = [name for name, value in asked.items() if value is not None]
        if given:
            raise _row_by_row(given[0], asked[given[0]])
        return {}
    if sampler is not None:
        raise ValueError(
            "`sampler` must be None for a model of any order: those of "
            f"keras_nlp walk cell by cell. Received: sampler={sampler!r}."
        )
    cells = model.num_cells
    if steps is None:
        steps = model.config["steps"] or cells
    schedule = step_schedule
    if step_schedule is None:
        schedule = model.config["step_schedule"]
    check_one_of("step_schedule", schedule, sorted(SCHEDULES))
    if order is None:
        order = model.decode_order
    order = checked_order(order, count, cells)
    return {
        "steps": checked_steps(steps, cells),
        "schedule": schedule,
        "order": np.broadcast_to(order, (count, cells)),
    }


def scored_orders(
    model: Any, orders: int | None, seed: int
) -> list[dict[str, Array]]:
    """Orders in which images are scored: inputs of the model, one row each.

    Args:
        model: an `ImageGPT`.
        orders: int, how many random ones; None for that of writing.
        seed: int. Draws them.

    Returns:
        list of dicts with `"order"`, int32 `(1, N)`; one empty dict for a
        model that writes row by row.
    """
    if not model.any_order:
        if orders is not None:
            raise _row_by_row("orders", orders)
        return [{}]
    if orders is None:
        return [{"order": np.array([model.decode_order], "int32")}]
    check_positive("orders", orders, MOST_ORDERS)
    check_seed(seed)
    cells = np.tile(np.arange(model.num_cells, dtype="int32"), (orders, 1))
    drawn = np.random.default_rng(seed).permuted(cells, axis=1)
    return [{"order": order[None]} for order in drawn]


def _row_by_row(name, value):
    return ValueError(
        f"`{name}` must be None for a model that writes row by row, of the "
        f"order 'raster'. Received: {name}={value!r}. Make one with "
        "`order='any'`."
    )


def checked_order(order: Any, count: int, cells: int) -> Array:
    """int32 array `(N,)` or `(B, N)`, each row all cells once.

    Args:
        order: an array, or what becomes one.
        count: int. Number of images, B.
        cells: int, N.
    """
    try:
        array = np.asarray(order)
    except ValueError:  # rows of unequal length
        array = np.asarray(order, "object")
    shapes = ((cells,), (count, cells))
    whole = array.dtype.kind in "iu" and array.shape in shapes
    if not whole or np.any(np.sort(array, axis=-1) != np.arange(cells)):
        raise ValueError(
            f"`order` must have all cells from 0 to {cells - 1}, each once; "
            "or be a row of them for each image. Received: an array of shape "
            f"{array.shape} and dtype {array.dtype}."
        )
    return array.astype("int32")


def checked_steps(steps: Any, cells: int) -> int:
    """An int from 1 to `cells`."""
    if not is_whole(steps) or not 1 <= steps <= cells:
        raise ValueError(
            f"`steps` must be an int from 1 to {cells}, the number of cells. "
            f"Received: steps={steps!r}."
        )
    return int(steps)
