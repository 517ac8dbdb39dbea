"""Masks: what to generate anew, as users give it and as training draws it."""

import warnings
from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.images.given import mask_array


def masks_for(
    masks: Any, images: list[Array], taken: bool, needed: bool
) -> list[Array | None]:
    """Masks as a user gives them, for images as `image_batches` has them.

    Args:
        masks: as `checked_masks` takes them, or a file, or a PIL image; or a
            list of such, one for each image. Or None.
        images: list of arrays `(B, height, width, C)`.
        taken, needed: as `checked_masks` takes them.

    Returns:
        list of bool arrays `(B, height, width)`, or of None.
    """
    several = isinstance(masks, list | tuple)
    masks = list(map(mask_array, masks)) if several else mask_array(masks)
    if masks is None or len(images) == 1:
        return [checked_masks(masks, one, taken, needed) for one in images]
    if not several or len(masks) != len(images):
        raise ValueError(
            "`masks` must be a list of one for each image, where these have "
            f"several sizes. Received: {len(images)} images and "
            f"{f'{len(masks)} masks' if several else 'one mask'}."
        )
    pairs = zip(masks, images)
    return [checked_masks(mask, one, taken, needed) for mask, one in pairs]


def checked_masks(
    masks: Tensor | None, images: Tensor, taken: bool, needed: bool
) -> Array | None:
    """Masks as a user gives them, as bool `(B, height, width)`.

    Args:
        masks: array of shape `(height, width)`, one for all, or
            `(B, height, width)`, or with one more axis of length 1; bool, or
            numbers from 0 to 1 or to 255; or None.
        images: array of shape `(B, height, width, C)`.
        taken, needed: bool. Whether the edit takes masks, and whether it
            can do without.
    """
    if needed if masks is None else not taken:
        rule = "given for this edit" if needed else "None for this edit"
        raise ValueError(
            f"`masks` must be {rule}. Received: masks={masks!r}. "
            "Use edit='inpaint' with masks, True where to generate."
        )
    if masks is None:
        return None
    array = np.asarray(masks)
    if array.ndim and array.shape[-1] == 1 != images.shape[2]:
        array = array[..., 0]
    if array.shape not in (images.shape[:3], images.shape[1:3]):
        raise ValueError(
            f"`masks` must have the images' shape {images.shape[1:3]}, one "
            f"for all or one each. Received: masks of shape {array.shape} "
            f"for images of shape {images.shape}."
        )
    if array.dtype != bool:
        largest = array.max(initial=0)
        if array.min(initial=0) < 0 or largest > 255:
            raise ValueError(
                "`masks` must be bool, or from 0 to 1 or 255. Received: "
                f"masks from {array.min()} to {largest}."
            )
        array = array > (0.5 if largest <= 1 else 127)
    if not array.any():
        warnings.warn(
            "`masks` is empty: the images stay as they are.", stacklevel=3
        )
    return np.broadcast_to(array, images.shape[:3])


def cells_with(masks: Tensor | None, grid_size: tuple[int, int]) -> Tensor:
    """Cells of which any pixel is True, bool tensor `(B, N)`.

    Args:
        masks: bool array or tensor of shape `(B, height, width)`.
        grid_size: tuple of two ints, rows and columns of cells.
    """
    (h, w), (height, width) = grid_size, masks.shape[1:]
    cells = ops.reshape(masks, (-1, h, height // h, w, width // w))
    return ops.reshape(ops.any(cells, axis=(2, 4)), (-1, h * w))


def random_mask(size: tuple[int, int], generator: np.random.Generator) -> Array:
    """What to hide of an image, bool `(height, width)`."""
    kind = generator.integers(4)
    return (_boxes, _strokes, _border, _half)[kind](size, generator)


def _boxes(size, generator):
    """One to three boxes, each a fifth to three fifths of the sides."""
    mask = np.zeros(size, bool)
    for _ in range(generator.integers(1, 4)):
        sides = np.ceil(generator.uniform(0.2, 0.6, 2) * size).astype(int)
        top, left = generator.integers(0, np.array(size) - sides + 1)
        mask[top : top + sides[0], left : left + sides[1]] = True
    return mask


def _strokes(size, generator):
    """A few thick strokes of a random walk."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    mask = np.zeros(size, bool)
    short = min(size)
    for _ in range(generator.integers(1, 4)):
        place = generator.uniform(0, 1, 2) * size
        angle = generator.uniform(0, 2 * np.pi)
        radius = short * generator.uniform(0.04, 0.1)
        for _ in range(generator.integers(4, 12)):
            near = (rows - place[0]) ** 2 + (columns - place[1]) ** 2
            mask |= near <= radius**2
            angle += generator.normal(0, 0.6)
            place = place + radius * np.array([np.sin(angle), np.cos(angle)])
            place = np.clip(place, 0, np.array(size) - 1)
    return mask


def _border(size, generator):
    """A frame, of another width on each side, one side left out or more."""
    widths = generator.uniform(0, 0.35, 4) * np.repeat(size, 2)
    top, bottom, left, right = np.round(
        widths * (generator.random(4) < 0.7)
    ).astype(int)
    mask = np.ones(size, bool)
    mask[top : size[0] - bottom, left : size[1] - right] = False
    return mask


def _half(size, generator):
    """One side, a third to two thirds of the image."""
    mask = np.zeros(size, bool)
    axis = generator.integers(2)
    depth = round(size[axis] * generator.uniform(0.33, 0.67))
    mask.swapaxes(0, axis)[:depth] = True
    return mask[::-1, ::-1] if generator.integers(2) else mask
