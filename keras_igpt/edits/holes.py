"""Holes in images, for tokenizers whose tokens depend on what is around.

What a mask hides must not reach such a tokenizer, neither as it is nor as
black, which would change the tokens of what is kept. So holes are filled
from their rim before an image is encoded, and what is decoded is led over to
the kept pixels inside the hole.

Axes: B images, h and w rows and columns of cells, N = h w, C channels.
"""

from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.edits.masks import cells_with

# What a hole without a rim is filled with.
GREY = 127.5


def filled(images: Tensor, masks: Tensor) -> Tensor:
    """Images whose holes continue their rim smoothly.

    Args:
        images: uint8 array or tensor of shape `(B, height, width, C)`.
        masks: bool array or tensor of shape `(B, height, width)`, True in
            holes; what the images show there does not count.

    Returns:
        uint8 tensor of the shape of `images`, which are unchanged elsewhere.
    """
    pixels = ops.cast(images, "float32") - GREY
    smooth = _continued(pixels, ops.logical_not(masks)) + GREY
    smooth = ops.cast(ops.clip(ops.round(smooth), 0, 255), "uint8")
    return ops.where(ops.expand_dims(masks, -1), smooth, images)


def without_seam(
    generated: Tensor, images: Tensor, masks: Tensor, depth: int
) -> Tensor:
    """Generated images that meet the kept pixels at the rim of the holes.

    The difference at the rim is continued into the hole, and ends there.

    Args:
        generated: uint8 array or tensor of shape `(B, height, width, C)`.
        images: the same, of which all outside of the holes will be kept.
        masks: bool array or tensor of shape `(B, height, width)`.
        depth: int. Pixels from the rim at which nothing changes any more.

    Returns:
        uint8 tensor of the shape of `generated`.
    """
    generated = ops.cast(generated, "float32")
    hole = ops.expand_dims(masks, -1)
    difference = ops.where(hole, 0.0, ops.cast(images, "float32") - generated)
    deep = ops.logical_not(_grown(ops.logical_not(masks), depth))
    fixed = ops.logical_or(ops.logical_not(masks), deep)
    met = generated + _continued(difference, fixed)
    return ops.cast(ops.clip(ops.round(met), 0, 255), "uint8")


def unknown_cells(
    masks: Tensor,
    grid_size: tuple[int, int],
    reach: int | None,
    cell_size: int,
) -> Tensor:
    """Cells whose tokens are not those of kept pixels alone.

    These touch the hole, or lie so near that the tokenizer sees it; around
    one that sees the whole image, a ring of one cell.

    Args:
        masks: bool array or tensor of shape `(B, height, width)`.
        grid_size: tuple of two ints, h and w.
        reach: the tokenizer's.
        cell_size: int. Pixels that a cell is high and wide.

    Returns:
        bool tensor of shape `(B, N)`.
    """
    touched = cells_with(masks, grid_size)
    ring = 1 if reach is None else -(-reach // cell_size)
    if not ring:
        return touched
    touched = ops.reshape(touched, (-1, *grid_size))
    return ops.reshape(_grown(touched, ring), (-1, grid_size[0] * grid_size[1]))


def _grown(masks, distance):
    """Masks `(B, height, width)`, True so far around what was True."""
    grown = ops.max_pool(
        ops.cast(masks, "float32")[..., None],
        2 * distance + 1,
        strides=1,
        padding="same",
        data_format="channels_last",
    )
    return grown[..., 0] > 0


def _continued(values, known):
    """Values `(B, height, width, C)`, smooth where they are not known.

    Halved again and again, each time as the mean of what is known, until
    nothing is unknown; then on the way back the unknown are taken from the
    coarser ones. Where nothing at all is known, 0.
    """
    known = ops.cast(known, "float32")[..., None]
    height, width = values.shape[1:3]
    if height == width == 1:
        return values * known
    rows, columns = -(-height // 2), -(-width // 2)
    padding = [(0, 0), (0, 2 * rows - height), (0, 2 * columns - width), (0, 0)]

    def halved(x):
        x = ops.reshape(
            ops.pad(x, padding), (-1, rows, 2, columns, 2, x.shape[-1])
        )
        return ops.sum(x, axis=(2, 4))

    count = halved(known)
    coarse = halved(values * known) / ops.maximum(count, 1.0)
    coarse = _continued(coarse, count[..., 0] > 0)
    coarse = ops.image.resize(
        coarse,
        (2 * rows, 2 * columns),
        interpolation="bilinear",
        data_format="channels_last",
    )[:, :height, :width]
    return ops.where(known > 0, values, coarse)
