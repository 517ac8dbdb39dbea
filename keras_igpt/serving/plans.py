"""Plans of cells that are asked together, made in a graph.

As `keras_igpt.generation.plans`, for tensors, and with the same numbers.

Axes: B images, N cells.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

from keras_igpt.generation.plans import SCHEDULE, Plan


def plan_of_steps(
    known: tf.Tensor,
    order: Sequence[int],
    steps: tf.Tensor,
    schedule: str = SCHEDULE,
) -> Plan:
    """As `make_plan`.

    Args:
        known: bool tensor of shape `(B, N)`.
        order: ints, all cells.
        steps: int32 tensor of shape `(B,)`, from 1 to N, for a whole image.
        schedule: str, "arccos" or "cosine".
    """
    cells = len(order)
    places = tf.range(cells)
    order = tf.constant(order, tf.int32)
    known = tf.cast(tf.gather(known, order, axis=1), tf.int32)
    # What is not known in front, each in its order.
    queue = tf.gather(order, tf.argsort(known * cells + places))
    count = tf.reduce_sum(known, axis=1)
    asked = cells - count
    after = asked[:, None] + tf.range(tf.reduce_max(count))
    return Plan(
        queue,
        _starts(asked, steps, cells, schedule),
        tf.gather(queue, tf.minimum(after, cells - 1), batch_dims=1),
        count,
        [],
    )


def plan_of_cells(plan: tf.Tensor) -> Plan:
    """The plan that says of each cell which step asks it; none is known.

    Args:
        plan: int32 tensor of shape `(B, N)`, numbers of steps from 0, none
            left out.
    """
    cells = plan.shape[1]
    places = tf.range(cells)
    steps = tf.range(cells + 1)[None, :, None]
    before = tf.cast(plan[:, None] < steps, tf.int32)  # (B, N + 1, N)
    count = tf.zeros_like(plan[:, 0])
    return Plan(
        tf.argsort(plan * cells + places),
        tf.reduce_sum(before, axis=2),
        plan[:, :0],
        count,
        [],
    )


def _starts(asked, steps, cells, schedule):
    """Where each step begins, int32 `(B, N + 1)`; see `group_sizes`."""
    asked = asked[:, None]
    few = -(-steps[:, None] * asked // cells)  # rounded up
    step = tf.range(cells + 1)[None]
    done = tf.minimum(step / tf.maximum(few, 1), 1.0)  # float64
    if schedule == "arccos":
        share = tf.acos(done) / (math.pi / 2)
    else:
        share = tf.cos(math.pi / 2 * done)
    left = tf.cast(tf.cast(asked, tf.float64) * share, tf.int32)
    # The only rational shares between, where rounding would count.
    if schedule == "arccos":
        left = tf.where(2 * step == few, 2 * asked // 3, left)
    else:
        left = tf.where(3 * step == 2 * few, asked // 2, left)
    # At least one cell each step, and one is left for each to come.
    left = _least_so_far(tf.where(step == 0, asked, left) + step)
    return asked - tf.where(step < few, tf.maximum(left, few) - step, 0)


def _least_so_far(x):
    """The least of each row up to each place, int32 `(B, N)`."""
    reach, length = 1, x.shape[1]
    while reach < length:
        shifted = tf.pad(
            x[:, :-reach], [(0, 0), (reach, 0)], constant_values=x.dtype.max
        )
        x = tf.minimum(x, shifted)
        reach *= 2
    return x
