"""What an edit of the demo's page gives to the model, and to the command.

Whoever has the file that is given, and the command's options, can do the same
again without the page.

Axes: H and W height and width of an image, C channels.
"""

import dataclasses
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.cli import edit_inputs
from keras_igpt.images import arrays, crop

if TYPE_CHECKING:
    from keras_igpt.models.image_gpt import ImageGPT

# Images have at most so many pixels on a side.
MAX_SIDE = 1024

# Percent of a side that a border for "outpaint" may have.
MAX_BORDER = 100

# Grey of what is empty, where it is shown.
EMPTY = np.uint8(200)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """An image and a mask for `ImageGPT.edit`, and where they come from.

    Args:
        image: uint8 `(H, W, C)`.
        mask: bool `(H, W)`, True where to generate; or None.
        given: uint8 `(rows, columns, C or 4)`: the image that the command
            `edit` makes the same of; transparent where to generate.
        options: that the command needs for it.
    """

    image: Array
    mask: Array | None
    given: Array
    options: dict[str, Any]


def for_edit(
    model: "ImageGPT",
    image: Array,
    edit: str,
    layers: list[Array] | None = None,
    border: int = 25,
    paste_back: bool = False,
    box: str | None = None,
) -> Prepared:
    """Prepares an image for an edit.

    Args:
        model: will edit it.
        image, edit, layers, border, paste_back, box: as of `actions.edit`.
    """
    size = model.tokenizer.image_size
    name, _, detail = edit.partition("/")
    options = {"edit": name}
    if name == "outpaint":
        check_range("border", border, 1, MAX_BORDER)
        # Else the model's aspect ratio would cut two sides of the border.
        image = crop.middle(image, size)
        tall, wide = (-(-border * side // 100) for side in image.shape[:2])
        options["expand"] = [wide, tall, wide, tall]
        canvas, mask = crop.expand(image, options["expand"])
        return Prepared(canvas, mask, image, options)
    if name == "inpaint":
        mask = drawn_mask(layers, image.shape[:2], box)
        options["paste_back"] = bool(paste_back)
        if not paste_back:
            images, masks = crop.fit_around(image[None], mask[None], size)
            image, mask = np.asarray(images)[0], masks[0]
        return Prepared(image, mask, _with_holes(image, mask), options)
    if name == "upscale":
        options["factor"] = int(detail)
        image = edit_inputs.shrink(image, size, options["factor"])
    else:
        image = np.asarray(arrays.resize(image, size))
    if name == "restyle":
        options["style"] = detail or None
    return Prepared(image, None, image, options)


def for_compose(
    model: "ImageGPT",
    image: Array,
    left: int = 0,
    top: int = 0,
    size: float = 50,
    glyphs: bool = False,
    text: str | None = None,
) -> Prepared:
    """Puts an image onto the model's canvas, and a word if it is wanted.

    Args:
        model: says how large the canvas is.
        image, left, top, size, glyphs, text: as of `actions.place`.
    """
    canvas_size = model.tokenizer.image_size
    check_range("size", size, 1, 100)
    check_range("left", left, -MAX_SIDE, MAX_SIDE)
    check_range("top", top, -MAX_SIDE, MAX_SIDE)
    scale = size / 100 * canvas_size[0] / image.shape[0]
    at = (int(left), int(top))
    canvas, mask = edit_inputs.compose(
        image, canvas_size, at, scale, text, glyphs
    )
    options = {
        "edit": "compose",
        "at": list(at),
        "scale": scale,
        "glyphs": bool(glyphs),
    }
    return Prepared(canvas, mask, image, options)


def in_channels(model: "ImageGPT", image: Array) -> Array:
    """An image `(H, W, C)` in a model's colours or greys.

    Args:
        model: takes it.
        image: uint8 array of shape `(H, W, 1 or 3)`.
    """
    return arrays.set_channels(np.asarray(image), model.tokenizer.channels)


def before(model: "ImageGPT", found: Prepared) -> Array:
    """What was there before an edit, as large as its results.

    Args:
        model: edits.
        found: as `for_edit` returns it.

    Returns:
        uint8 array of shape `(H, W, C)`; what a border adds is grey.
    """
    size = model.tokenizer.image_size
    if found.options.get("paste_back"):
        return found.image
    if "factor" in found.options:
        factor = found.options["factor"]
        return found.image.repeat(factor, axis=0).repeat(factor, axis=1)
    image, mask = found.image, found.mask
    if "expand" not in found.options:
        return image
    images, masks = crop.fit_around(image[None], mask[None], size)
    return np.where(masks[0][..., None], EMPTY, np.asarray(images)[0])


def drawn_mask(
    layers: list[Array] | None, size: tuple[int, int], box: str | None = None
) -> Array:
    """What was drawn over an image, as a mask of its size.

    Args:
        layers: uint8 arrays of shape `(rows, columns, 4)`: what a drawing
            canvas of any size holds; opaque where something is drawn.
        size: height and width of the image.
        box: a part of the image beside what is drawn, "25 25 75 75": left,
            top, right and bottom, in percent. None and "" for none.

    Returns:
        bool array of shape `size`.

    Raises:
        ValueError: if nothing is drawn.
    """
    drawn = [layer[..., 3] > 127 for layer in layers or ()]
    masks = [crop.fit_masks(m[None], size)[0] for m in drawn if m.any()]
    if box and box.strip():
        masks.append(_box_mask(box, size))
    if not masks:
        raise ValueError(
            "The image must be drawn over where it is to be generated anew. "
            "Received: nothing drawn. Take the brush and draw, or name a box."
        )
    return np.any(masks, axis=0)


def _box_mask(box, size):
    words = box.replace(",", " ").replace("%", " ").split()
    try:
        left, top, right, bottom = map(float, words)
    except ValueError:
        left = right = 0
    if not (0 <= left < right <= 100 and 0 <= top < bottom <= 100):
        raise ValueError(
            "The box must be four numbers from 0 to 100, left, top, right and "
            f"bottom in percent, such as 25 25 75 75. Received: {box!r:.80}."
        )
    mask = np.zeros(size, bool)
    rows, columns = size
    mask[
        int(top * rows / 100) : -int(-bottom * rows // 100),
        int(left * columns / 100) : -int(-right * columns // 100),
    ] = True
    return mask


def check_range(name: str, value: Any, least: float, most: float) -> None:
    """Refuses what a browser can send, and its fields would not."""
    if not isinstance(value, numbers.Real) or not least <= value <= most:
        raise ValueError(
            f"`{name}` must be a number from {least} to {most}. "
            f"Received: {name}={value!r}."
        )


def _with_holes(image, mask):
    """`(H, W, 4)`, transparent where the mask is."""
    alpha = np.where(mask, 0, 255).astype("uint8")[..., None]
    return np.concatenate([arrays.set_channels(image, 3), alpha], axis=-1)
