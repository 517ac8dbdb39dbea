"""Arrays of pixels: sizes, channels, and what images must be.

Keras and TensorFlow load when they are used: plain arrays need neither.
"""

import math
from collections.abc import Callable, Sized
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, ArrayLike, Tensor
from keras_igpt.argument_checks import checked_image_size, is_whole

# How much memory images may take that are all kept: 5461 of 256x256 in colour.
MAX_BYTES = 2**30

# By EXIF's orientations: whether to swap the two axes, and whether to flip the
# rows and the columns then.
TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def resize(images: Tensor, image_size: int | tuple[int, int]) -> Tensor:
    """Crops the middle to the wanted aspect ratio, then resizes it.

    Shrinking averages areas, enlarging is bicubic. Works inside `tf.data`.

    Args:
        images: uint8 tensor or array of shape `(height, width, channels)`
            or `(batch, height, width, channels)`.
        image_size: int, or tuple `(height, width)`.

    Returns:
        uint8 tensor of the same rank; a NumPy array if an array was given.
    """
    import tensorflow as tf

    height, width = size = checked_image_size(image_size, optional=False)
    # The area kernel has no GPU version, and images come from the CPU.
    with tf.device("CPU"):
        pixels = _image_tensor(images)
        if tuple(pixels.shape[-3:-1]) != size:
            pixels = _crop_to_aspect(pixels, size)
            rows, columns = tf.shape(pixels)[-3], tf.shape(pixels)[-2]
            pixels = tf.cond(
                (rows >= height) & (columns >= width),
                lambda: tf.image.resize(pixels, size, "area"),
                lambda: tf.image.resize(
                    pixels, size, "bicubic", antialias=True
                ),
            )
            pixels = tf.clip_by_value(tf.round(pixels), 0, 255)
            pixels = tf.cast(pixels, tf.uint8)
    return pixels if tf.is_tensor(images) else pixels.numpy()


def set_channels(images: Tensor, channels: int) -> Tensor:
    """Turns RGB images grey (BT.601 luma), or repeats grey three times.

    Args:
        images: uint8 tensor or array of shape `(height, width, 1 or 3)` or
            `(batch, height, width, 1 or 3)`.
        channels: 1 or 3.

    Returns:
        uint8 tensor of the same rank; a NumPy array if an array was given.
    """
    import tensorflow as tf

    pixels = _image_tensor(images)
    if pixels.shape[-1] == 1 and channels == 3:
        pixels = tf.repeat(pixels, 3, axis=-1)
    elif pixels.shape[-1] == 3 and channels == 1:
        pixels = tf.cast(luma(tf.cast(pixels, tf.int32)), tf.uint8)
    return pixels if tf.is_tensor(images) else pixels.numpy()


def _image_tensor(images):
    import tensorflow as tf

    if not tf.is_tensor(images):
        images = np.asarray(images)
    check_pixels(images.dtype, images.shape, (3, 4), "images")
    return tf.convert_to_tensor(images)


def _crop_to_aspect(images, size):
    import tensorflow as tf

    shape = tf.shape(images)
    top, left, rows, columns = middle_box(
        (shape[-3], shape[-2]), size, tf.minimum, tf.maximum
    )
    return images[..., top : top + rows, left : left + columns, :]


def check_pixels(
    dtype: Any, shape: Any, ranks: tuple[int, ...], argument: str
) -> None:
    """Raises unless it is uint8 with 1 or 3 channels at the end."""
    dtype = getattr(dtype, "as_numpy_dtype", dtype)
    if dtype != np.uint8:
        raise ValueError(
            f"`{argument}` must be uint8 with values 0 to 255. Received: "
            f"dtype={np.dtype(dtype).name}. Scale the values to 0..255, "
            'round them and call `.astype("uint8")`.'
        )
    rank = shape.rank if hasattr(shape, "rank") else len(shape)
    if rank not in ranks or shape[-1] not in (1, 3):
        raise ValueError(
            f"`{argument}` must have shape `(height, width, channels)`, or "
            "`(batch, height, width, channels)`, with 1 or 3 channels. "
            f"Received: shape={shape}. Reshape or convert the images."
        )


def check_images(images: Tensor, image_shape: tuple[int, int, int]) -> None:
    """Raises a named error unless the images fit the tokenizer.

    Args:
        images: what should be uint8 of shape `(batch, *image_shape)`.
        image_shape: tuple of three ints, height, width, channels.
    """
    import keras

    shape = tuple(getattr(images, "shape", ()))
    # In graphs a size may be unknown.
    fits = (a in (b, None) for a, b in zip(shape[1:], image_shape))
    if len(shape) != 4 or not all(fits):
        expected = ", ".join(str(size) for size in image_shape)
        raise ValueError(
            f"`images` must have shape `(batch, {expected})` to match the "
            f"tokenizer. Received: images.shape={shape}. "
            f"{_how_to_fit(shape, image_shape)}"
        )
    dtype = keras.backend.standardize_dtype(images.dtype)
    if dtype != "uint8":
        raise ValueError(
            "`images` must be uint8 with values from 0 to 255. "
            f"Received: images.dtype={dtype}. "
            "Scale the values to 0..255 if they are not so, round them and "
            'call `.astype("uint8")`.'
        )


def _how_to_fit(shape, image_shape):
    """What makes images of one shape fit another."""
    channels = image_shape[-1]
    if len(shape) < 4 and channels == 1 and 1 not in shape[-1:]:
        return "Grey images have a last axis of 1: `images[..., None]`."
    if len(shape) == 4 and shape[-1] in (1, 3) and shape[-1] != channels:
        return (
            f"Load them with `keras_igpt.data.load(…, channels={channels})`, "
            f"or make a tokenizer with `channels={shape[-1]}`."
        )
    return "Resize them with `keras_igpt.data.resize`."


def as_batch(images: ArrayLike) -> Array:
    """One image becomes a batch of one; a batch of images stays as it is."""
    images = np.asarray(images)
    is_image = images.ndim == 3 and images.shape[-1] in (1, 3)
    if images.ndim != 4 and not is_image:
        raise ValueError(
            "`images` must have shape `(height, width, channels)`, or "
            "`(batch, height, width, channels)`, with 1 or 3 channels. "
            f"Received: images.shape={images.shape}. Grey images have a last "
            "axis of 1: `images[..., None]`."
        )
    return images[None] if images.ndim == 3 else images


def most_images(count: int, image_shape: tuple[int, int, int]) -> int:
    """How many of `count` images fit into `MAX_BYTES`, at least 1.

    Args:
        count: int.
        image_shape: height, width and channels of uint8 images.
    """
    return min(count, max(1, MAX_BYTES // math.prod(image_shape)))


def slices(rows: int | Sized, size: int) -> list[slice]:
    """Slices that walk over a long array, so many rows each.

    Args:
        rows: the array, or how many rows it has.
        size: int. Rows of a slice; the last one may have fewer.
    """
    count = rows if is_whole(rows) else len(rows)
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]


def to_floats(images: Tensor, dtype: str = "float32") -> Tensor:
    """uint8 to floats from -1 to 1; a NumPy array of a NumPy array."""
    if isinstance(images, np.ndarray):
        return images.astype(dtype) / np.dtype(dtype).type(127.5) - 1
    from keras import ops

    return ops.cast(images, dtype) / 127.5 - 1.0


def to_pixels(floats: Tensor) -> Tensor:
    """uint8 tensor of the nearest levels of floats from -1 to 1."""
    from keras import ops

    levels = ops.round(127.5 * (floats + 1))
    return ops.cast(ops.clip(levels, 0, 255), "uint8")


def luma(pixels: Tensor) -> Tensor:
    """Luma of RGB pixels `(…, 3)` (ITU-R BT.601), from 0 to 255: `(…, 1)`.

    Whole numbers in and out, int32, so that every machine rounds alike.
    """
    red, green, blue = pixels[..., :1], pixels[..., 1:2], pixels[..., 2:]
    return (299 * red + 587 * green + 114 * blue + 500) // 1000


def on_white(pixels: Tensor) -> Tensor:
    """Puts RGBA pixels `(…, 4)`, int32 from 0 to 255, on white: `(…, 3)`."""
    color, alpha = pixels[..., :3], pixels[..., 3:]
    return (color * alpha + 255 * (255 - alpha) + 127) // 255


def to_8_bits(values: Tensor) -> Tensor:
    """int32 from 0 to 65535, to the nearest of 0 to 255."""
    return (values + 128) // 257


def masked(pixels: Tensor, any_of: Callable = np.any) -> Tensor:
    """Where a mask says that something is to be generated.

    Where it is white and opaque. On a layer with transparent parts and
    nothing white, strokes of any colour count.

    Args:
        pixels: int32 of shape `(height, width, 4)`, RGBA from 0 to 255.
        any_of: function of a bool array or tensor, as a graph's own.

    Returns:
        bool of shape `(height, width)`.
    """
    opaque = pixels[..., 3] > 127
    white = opaque & (luma(pixels[..., :3])[..., 0] > 127)
    is_layer = any_of(~opaque) & ~any_of(white)
    return white | (opaque & is_layer)


def middle_box(
    size: tuple[int, int],
    wanted: tuple[int, int],
    minimum: Callable = min,
    maximum: Callable = max,
) -> tuple[int, int, int, int]:
    """The largest middle part of an image that has an aspect ratio.

    Args:
        size: tuple of two ints or scalar tensors, height and width.
        wanted: tuple of two ints, whose ratio the part has.
        minimum, maximum: functions of two such, as a graph's own.

    Returns:
        Tuple of four such: top, left, height, width.
    """
    (rows, columns), (height, width) = size, wanted
    # Whole numbers, to the nearest; at most one of the two sides is cut.
    kept_rows = minimum(rows, (columns * height + width // 2) // width)
    kept_columns = minimum(columns, (rows * width + height // 2) // height)
    kept_rows, kept_columns = maximum(kept_rows, 1), maximum(kept_columns, 1)
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return top, left, kept_rows, kept_columns
