"""Pictures of any size, for a model of one size, and back again.

Axes: B pictures, C channels.
"""

import numpy as np

from keras_igpt import data


def crop_box(size, wanted):
    """The part of a picture that `keras_igpt.data.resize` keeps.

    Args:
        size: tuple of two ints, height and width of the picture.
        wanted: tuple of two ints, whose aspect ratio the part has.

    Returns:
        Tuple of four ints: top, left, height, width.
    """
    (rows, columns), (height, width) = size, wanted
    keep_rows = max(1, min(rows, (columns * height + width // 2) // width))
    keep_columns = max(1, min(columns, (rows * width + height // 2) // height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    return top, left, keep_rows, keep_columns


def fit_masks(masks, size):
    """Masks for resized pictures: whatever hides a part hides a pixel.

    Args:
        masks: bool array of shape `(B, rows, columns)`.
        size: tuple of two ints.

    Returns:
        bool array of shape `(B, *size)`.
    """
    top, left, rows, columns = crop_box(masks.shape[1:], size)
    masks = masks[:, top : top + rows, left : left + columns]
    for axis in (1, 2):
        masks = _any_of_parts(masks.swapaxes(1, axis), size[axis - 1])
        masks = masks.swapaxes(1, axis)
    return masks


def _any_of_parts(masks, count):
    """`(B, rows, columns)` to `(B, count, columns)`, parts of equal length."""
    bounds = np.arange(count + 1) * masks.shape[1]
    begins, ends = bounds[:-1] // count, -(-bounds[1:] // count)
    sums = np.pad(masks.cumsum(axis=1), ((0, 0), (1, 0), (0, 0)))
    return sums[:, ends] > sums[:, begins]


def paste_back(painted, images, masks):
    """Puts painted parts into pictures of another size.

    Args:
        painted: uint8 array of shape `(B, height, width, C)`, of the middle
            of the pictures.
        images: uint8 array of shape `(B, rows, columns, C)`.
        masks: bool array of shape `(B, rows, columns)`, True where to paste.

    Returns:
        uint8 array of the shape of `images`; pixels that are not masked, or
        not in the middle, are those of `images`.
    """
    top, left, rows, columns = crop_box(images.shape[1:3], painted.shape[1:3])
    middle = (slice(None), slice(top, top + rows), slice(left, left + columns))
    pasted = images.copy()
    pasted[middle] = np.where(
        masks[middle][..., None],
        data.resize(painted, (rows, columns)),
        images[middle],
    )
    return pasted


def expand(picture, widths):
    """Puts an empty border around a picture, to be painted.

    Args:
        picture: uint8 array of shape `(rows, columns, C)`.
        widths: four ints, of the border to the left, above, to the right
            and below, in pixels.

    Returns:
        Tuple of the canvas, a uint8 array, and a mask, bool, True where the
        border is.
    """
    if len(widths) != 4 or min(widths) < 0 or not any(widths):
        raise ValueError(
            "`expand` must be four numbers of pixels, left, top, right and "
            f"bottom, one of them above 0. Received: expand={widths}."
        )
    left, top, right, bottom = widths
    rows, columns = picture.shape[:2]
    size = (top + rows + bottom, left + columns + right)
    return place(picture, size, top, left)


def place(picture, size, top, left, scale=1.0):
    """Puts a picture onto an empty canvas, to be painted around.

    Args:
        picture: uint8 array of shape `(rows, columns, C)`.
        size: tuple of two ints, height and width of the canvas.
        top, left: ints. Where the picture's corner comes to lie; parts
            beyond the canvas are cut.
        scale: float. How much larger than the picture it is placed.

    Returns:
        Tuple of the canvas, uint8 `(height, width, C)`, and a mask, bool
        `(height, width)`, True where nothing is.

    Raises:
        ValueError: if no pixel comes to lie on the canvas.
    """
    rows, columns = (max(1, round(scale * s)) for s in picture.shape[:2])
    picture = data.resize(picture, (rows, columns))
    canvas = np.zeros((*size, picture.shape[-1]), "uint8")
    mask = np.ones(size, bool)
    begin = np.clip([top, left], 0, size)
    end = np.clip([top + rows, left + columns], 0, size)
    here = (slice(begin[0], end[0]), slice(begin[1], end[1]))
    there = tuple(
        slice(b - corner, e - corner)
        for b, e, corner in zip(begin, end, (top, left))
    )
    canvas[here], mask[here] = picture[there], False
    if mask.all():
        raise ValueError(
            f"The picture must lie on the canvas of {size[0]} x {size[1]}. "
            f"Received: top={top}, left={left}, scale={scale}, a picture of "
            f"{rows} x {columns} then."
        )
    return canvas, mask
