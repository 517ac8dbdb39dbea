"""Images of any size, for a model of one size, and back again.

Axes: B images, C channels.
"""

from collections.abc import Sequence

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.images import arrays

# Pixels of an image with its border: 192 MiB of RGB.
MAX_CANVAS = 2**26

# Pixels that an image may be enlarged to, to be placed.
MAX_PLACED = 2**24


def crop_box(
    size: tuple[int, int], wanted: tuple[int, int], mask: Array | None = None
) -> tuple[int, int, int, int]:
    """The part of an image that a model sees.

    Without a mask it is the middle, as `keras_igpt.data.resize` keeps it; with
    one it lies as near to the middle of what is masked as the image allows.

    Args:
        size: tuple of two ints, height and width of the image.
        wanted: tuple of two ints, whose aspect ratio the part has.
        mask: bool array of shape `size`, or None.

    Returns:
        Tuple of four ints: top, left, height, width.
    """
    top, left, rows, columns = arrays.middle_box(size, wanted)
    if mask is not None and mask.any():
        top = _begin_around(mask.any(axis=1), rows)
        left = _begin_around(mask.any(axis=0), columns)
    return top, left, rows, columns


def _begin_around(masked, kept):
    """Where to begin to keep so many of a bool array `(length,)`."""
    places = np.flatnonzero(masked)
    begin = (places[0] + places[-1] + 1 - kept) // 2
    return int(np.clip(begin, 0, len(masked) - kept))


def middle(image: Array, wanted: tuple[int, int]) -> Array:
    """The largest middle part `(…, …, C)` that has an aspect ratio.

    Args:
        image: uint8 array of shape `(rows, columns, C)`.
        wanted: tuple of two ints, as for `crop_box`.
    """
    return image[_slices(crop_box(image.shape[:2], wanted))]


def fit_around(
    images: Array, masks: Array, size: tuple[int, int]
) -> tuple[Array, Array]:
    """Images and masks for a model: the parts around what is masked.

    Args:
        images: uint8 array of shape `(B, rows, columns, C)`.
        masks: bool array of shape `(B, rows, columns)`.
        size: tuple of two ints.

    Returns:
        Tuple of uint8 `(B, *size, C)` and bool `(B, *size)`.

    Raises:
        ValueError: if a part has nothing of what is masked.
    """
    boxes = [crop_box(mask.shape, size, mask) for mask in masks]
    parts = np.stack([x[_slices(box)] for x, box in zip(images, boxes)])
    fitted = np.stack([m[_slices(box)] for m, box in zip(masks, boxes)])
    fitted = fit_masks(fitted, size)
    for mask, kept in zip(masks, fitted):
        if mask.any() and not kept.any():
            rows, columns = mask.shape
            raise ValueError(
                "`masks` must hide something in the part of the image that "
                "the model sees, the largest around their middle with "
                f"{size[0]}:{size[1]} for its sides. Received: masks that "
                f"hide nothing there, of {rows} x {columns}. "
                "Cut the image around what is to be generated."
            )
    return arrays.resize(parts, size), fitted


def _slices(box):
    top, left, rows, columns = box
    return slice(top, top + rows), slice(left, left + columns)


def fit_masks(masks: Array, size: tuple[int, int]) -> Array:
    """Masks for resized images: whatever hides a part hides a pixel.

    Args:
        masks: bool array of shape `(B, rows, columns)`.
        size: tuple of two ints.

    Returns:
        bool array of shape `(B, *size)`.
    """
    rows, columns = _slices(crop_box(masks.shape[1:], size))
    masks = masks[:, rows, columns]
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


def paste_back(generated: Array, images: Array, masks: Array) -> Array:
    """Puts generated parts into images of another size.

    Args:
        generated: uint8 array of shape `(B, height, width, C)`, of the parts of
            the images around the masks, as `fit_around` cuts them.
        images: uint8 array of shape `(B, rows, columns, C)`.
        masks: bool array of shape `(B, rows, columns)`, True where to paste.

    Returns:
        uint8 array of the shape of `images`; pixels that are not masked, or
        not in those parts, are those of `images`.
    """
    size = generated.shape[1:3]
    pasted = images.copy()
    for result, patch, mask in zip(pasted, generated, masks):
        box = crop_box(mask.shape, size, mask)
        here = _slices(box)
        patch = arrays.resize(patch, box[2:])
        result[here] = np.where(mask[here][..., None], patch, result[here])
    return pasted


def check_seen(border: Array, size: tuple[int, int]) -> None:
    """Refuses a border that `fit_around` would cut.

    Args:
        border: bool array of shape `(rows, columns)`, as `expand` returns it.
        size: tuple of two ints, height and width of the model's images.
    """
    rows, columns = border.shape
    border = border.copy()
    border[_slices(crop_box(border.shape, size, border))] = False
    if border.any():
        raise ValueError(
            "`paste_back` must be False where the model does not see the "
            f"whole border. Received: an image of {rows} x {columns} with "
            f"its border, for a model of {size[0]} x {size[1]} (rows x "
            "columns). Expand it to that aspect ratio, or by less."
        )


def expand(image: Array, widths: Sequence[int]) -> tuple[Array, Array]:
    """Puts an empty border around an image, to be filled.

    Args:
        image: uint8 array of shape `(rows, columns, C)`.
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
    rows, columns = image.shape[:2]
    size = (top + rows + bottom, left + columns + right)
    if size[0] * size[1] > MAX_CANVAS:
        raise ValueError(
            "`expand` must make an image of at most "
            f"{MAX_CANVAS // 2**20} * 2**20 pixels. Received: "
            f"expand={widths}, which makes {size[0]} x {size[1]} (rows x "
            "columns). Expand it by less."
        )
    return place(image, size, top, left)


def place(
    image: Array, size: tuple[int, int], top: int, left: int, scale: float = 1.0
) -> tuple[Array, Array]:
    """Puts an image onto an empty canvas, to be filled around it.

    Args:
        image: uint8 array of shape `(rows, columns, C)`.
        size: tuple of two ints, height and width of the canvas.
        top, left: ints. Where the image's corner comes to lie; parts
            beyond the canvas are cut.
        scale: float. How much larger than the image it is placed.

    Returns:
        Tuple of the canvas, uint8 `(height, width, C)`, and a mask, bool
        `(height, width)`, True where nothing is.

    Raises:
        ValueError: if no pixel comes to lie on the canvas, or `scale` makes
            the image huge.
    """
    rows, columns = _scaled(image.shape[:2], scale)
    corner = (top, left)
    # Python's own ints: nothing that a user can write overflows them.
    begin = [max(c, 0) for c in corner]
    end = [min(c + n, s) for c, n, s in zip(corner, (rows, columns), size)]
    if any(b >= e for b, e in zip(begin, end)):
        raise ValueError(
            f"The image must lie on the canvas of {size[0]} x {size[1]}. "
            f"Received: top={top}, left={left}, scale={scale}, an image of "
            f"{rows} x {columns} then."
        )
    image = arrays.resize(image, (rows, columns))
    canvas = np.zeros((*size, image.shape[-1]), "uint8")
    mask = np.ones(size, bool)
    here = tuple(slice(b, e) for b, e in zip(begin, end))
    there = tuple(slice(b - c, e - c) for b, e, c in zip(begin, end, corner))
    canvas[here], mask[here] = image[there], False
    return canvas, mask


def _scaled(size, scale):
    if not 0 < scale < float("inf"):
        raise ValueError(
            f"`scale` must be above 0 and finite. Received: scale={scale}."
        )
    rows, columns = (max(1, round(scale * side)) for side in size)
    if rows * columns > max(MAX_PLACED, size[0] * size[1]):
        raise ValueError(
            f"`scale` must make an image of at most {MAX_PLACED // 2**20} * "
            f"2**20 pixels. Received: scale={scale}, which makes {size[0]} x "
            f"{size[1]} into {rows} x {columns} (rows x columns). Enlarge it "
            "by less."
        )
    return rows, columns
