"""Images and masks as people have them: arrays, files, Pillow's, data sets.

Axes: B images, C channels.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.images import files
from keras_igpt.images.arrays import as_batch, resize, set_channels

# What images come back as.
OUTPUTS = ("numpy", "pil")

# tf.data's word for a data set without an end.
_INFINITE = -1


def image_batches(images: Any, channels: int) -> list[Array]:
    """Images as arrays, those of one size together.

    Args:
        images: uint8 array or tensor of shape `(height, width, C)` or
            `(B, height, width, C)`; a PIL image; the path of a file; a list
            of any of these; or a `tf.data.Dataset` of images, or of
            dictionaries with "image", in batches or not.
        channels: 1 or 3, which files and PIL images get. Arrays keep theirs.

    Returns:
        list of uint8 arrays `(B, height, width, C)`: a single one if all have
        the same size, and else one for each image.

    Raises:
        ValueError: if there are none, without an end, or no images.
    """
    if hasattr(images, "element_spec"):
        images = [image for rows in _rows_of(images) for image in rows]
    if _is_file(images):
        images = [images]
    if not isinstance(images, list | tuple) or not all(map(_is_one, images)):
        return [as_batch(images)]
    if not images:
        raise ValueError("`images` must be one or more. Received: none.")
    found = [_pixels(image, channels) for image in images]
    if len({image.shape for image in found}) == 1:
        return [np.stack(found)]
    return [image[None] for image in found]


def fitted_images(images: Any, image_shape: tuple[int, int, int]) -> Array:
    """Images as one array, of a model's size if they are not all of one.

    Files, PIL images and images of several sizes are brought to it as
    `data.load` does: the middle with its aspect ratio is resized. Arrays of
    one size come back as they are.

    Args:
        images: as `image_batches` takes them.
        image_shape: tuple of three ints, height, width, channels.

    Returns:
        uint8 array `(B, height, width, C)`.
    """
    size, channels = image_shape[:2], image_shape[2]
    batches = image_batches(images, channels)
    listed = images if isinstance(images, list | tuple) else [images]
    if len(batches) == 1 and not any(map(_is_file, listed)):
        return batches[0]
    fitted = [set_channels(resize(one, size), channels) for one in batches]
    return np.concatenate(fitted)


def mask_array(mask: Any) -> Any:
    """A mask's file or PIL image as bools `(height, width)`; others as given.

    Args:
        mask: a path, a PIL image, or what `edits.masks.checked_masks` takes.
    """
    if isinstance(mask, str | os.PathLike):
        return files.read_mask(mask)
    return files.mask_of(mask) if _is_file(mask) else mask


def as_output(images: Array, output: str) -> Any:
    """Images in the form that is asked for.

    Args:
        images: uint8 array `(B, height, width, C)`.
        output: one of `OUTPUTS`.

    Returns:
        The array, or a list of PIL images, grey ones of mode "L".
    """
    if output == "numpy":
        return images
    from PIL import Image

    return [
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        for image in images
    ]


def _is_file(image):
    """Whether it is a path or a PIL image, whose pixels are to be read."""
    if isinstance(image, str | os.PathLike):
        return True
    # Whoever has a PIL image has loaded Pillow.
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def _is_one(image):
    return _is_file(image) or np.ndim(image) == 3


def _pixels(image, channels):
    if not _is_file(image):
        return as_batch(image)[0]
    path = isinstance(image, str | os.PathLike)
    pixels = files.read(image) if path else files.pixels_of(image)
    return set_channels(pixels, channels)


def _rows_of(dataset) -> Iterator[Array]:
    """The batches of a data set, or its images as batches of one."""
    if int(dataset.cardinality()) == _INFINITE:
        raise ValueError(
            "`images` must be a data set with an end. Received: an infinite "
            "one. Call `.take(n)` on it."
        )
    for row in dataset:
        if isinstance(row, tuple):
            row = row[0]
        yield as_batch(row["image"] if isinstance(row, dict) else row)
