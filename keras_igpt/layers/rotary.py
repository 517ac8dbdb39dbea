"""Rotary positions: rows and columns as angles."""

import math

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.operations import one_pass


def rotary_angles(
    grid_size: tuple[int, int],
    head_dim: int,
    prompt_length: int = 0,
    base: float = 100.0,
) -> Array:
    """Angles that turn queries and keys by their cell's row and column.

    The first half of the frequencies turns with the row, the second with the
    column. The prompt stands above the image's first column, a row for
    each position: so a caption's letters know their distances, and cells
    see all of it from their own column. `base` is small because an image's
    sides are tens of cells long, not thousands.

    Args:
        grid_size: tuple of two ints, rows and columns.
        head_dim: int, a multiple of 4.
        prompt_length: int. Positions in front of the first cell.
        base: float. The slowest frequency is about `1 / base` per cell.

    Returns:
        float32 array of shape `(prompt_length + cells, head_dim // 2)`.
    """
    rows, columns = np.divmod(np.arange(math.prod(grid_size)), grid_size[1])
    rows = np.concatenate([np.arange(-prompt_length, 0), rows])
    columns = np.pad(columns, (prompt_length, 0))
    num_frequencies = head_dim // 4
    frequencies = base ** (-np.arange(num_frequencies) / num_frequencies)
    angles = np.concatenate(
        [np.outer(rows, frequencies), np.outer(columns, frequencies)], axis=1
    )
    return angles.astype("float32")


def held_angles(angles: Array) -> tuple[Array, Array]:
    """Angles of slots by the cell whose token they hold.

    Slot s holds the token of cell s - 1, the first one of no cell: it has no
    place, and a factor of 0 makes its score the same to all.

    Args:
        angles: float32 array of shape `(cells, head_dim // 2)`.

    Returns:
        Tuple of a float32 array of that shape, and the factors of queries
        and keys, float32 `(cells,)`.
    """
    factor = np.arange(len(angles)) > 0
    return np.pad(angles[:-1], [(1, 0), (0, 0)]), factor.astype("float32")


def rotate(x: Tensor, angles: Tensor, factor: Tensor | None = None) -> Tensor:
    """Turns each pair `(x[i], x[i + D/2])` by its angle.

    Args:
        x: tensor of shape `(B, T, H, D)`.
        angles: float32 tensor of shape `(T, D // 2)`, or `(B, T, D // 2)`.
        factor: float32 tensor of shape `(T,)`, for what is turned; or None.
    """
    if factor is not None:
        x = x * ops.cast(factor, x.dtype)[:, None, None]
    # Repeated for each head: what repeats along the batch alone is fast.
    angles = ops.repeat(ops.expand_dims(angles, -2), x.shape[2], axis=-2)
    cos = ops.cast(ops.cos(angles), x.dtype)
    sin = ops.cast(ops.sin(angles), x.dtype)
    return _turned(x, cos, sin)


@one_pass(learned=1)
def _turned(x, cos, sin):
    first, second = ops.split(x, 2, axis=-1)
    return ops.concatenate(
        [first * cos - second * sin, second * cos + first * sin], axis=-1
    )
