"""What a model is given to edit: a canvas, and where it is to generate.

For the command `edit` and for the page of the demo.
"""

import pathlib

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.edits.edit_set import ALIASES
from keras_igpt.edits.kinds import Upscale
from keras_igpt.images import arrays, crop, files, lettering
from keras_igpt.prompts import captions

WITH_MASKS = {"inpaint", *ALIASES}


def check_options(
    edit: str,
    mask: str | tuple[int, ...] | None,
    expand: tuple[int, ...] | None,
    at: tuple[int, ...] | None,
    scale: float,
    factor: int,
    glyphs: bool,
) -> None:
    """Refuses options that an edit cannot do without, or cannot use."""
    if factor not in Upscale.factors:
        raise ValueError(
            f"`--factor` must be one of {Upscale.factors}. "
            f"Received: --factor {factor}."
        )
    if (edit == "compose") != (at is not None):
        raise ValueError(
            "`--at` must be given for compose, and only for it. "
            f"Received: --edit {edit}, --at {at}. Say where the image's left "
            "upper corner is to lie, as --at 10,20."
        )
    if scale <= 0:
        raise ValueError(
            f"`--scale` must be above 0. Received: --scale {scale}."
        )
    if mask is not None and (edit == "compose" or expand is not None):
        raise ValueError(
            "`--mask` must be left out for compose and with --expand, which "
            "say themselves where to generate. "
            f"Received: --edit {edit}, --mask {mask}."
        )
    if glyphs and edit != "compose":
        raise ValueError(
            "`--glyphs` must be left out but for compose. "
            f"Received: --edit {edit}, --glyphs."
        )
    if edit == "outpaint" and expand is None and mask is None:
        raise ValueError(
            "`--expand` must be given for outpaint. Received: none. "
            "Say how many pixels to add, as --expand 0,0,32,0 for left, "
            "top, right and bottom."
        )
    if expand is not None and edit not in WITH_MASKS:
        raise ValueError(
            "`--expand` must be left out but for outpaint. "
            f"Received: --edit {edit}, --expand {expand}."
        )


def read_image(file: PathLike, channels: int) -> Array:
    """An image file, uint8 `(rows, columns, channels)`."""
    return arrays.set_channels(files.read(file), channels)


def read_mask(
    mask: PathLike | tuple[int, ...] | None,
    file: PathLike,
    size: tuple[int, int],
) -> Array:
    """Where to generate, as a user says it.

    Args:
        mask: file of an image that is white there; or left, top, right and
            bottom of a box in pixels; or None: where `file` is transparent.
        file: the image to be edited.
        size: its height and width.

    Returns:
        bool array of shape `size`, or of a mask's file.
    """
    if mask is None:
        hidden = files.read(file, decode=files.transparency)
        if hidden is None:
            raise ValueError(
                "`--mask` must say where to generate: a file that is white "
                "there, or LEFT,TOP,RIGHT,BOTTOM. Received: none, and an "
                f"image without transparent parts: {file}."
            )
        return hidden
    if isinstance(mask, str | pathlib.Path):
        return files.read_mask(mask)
    box = np.zeros(size, bool)
    # Below 0 a slice would count from the other end.
    left, top, right, bottom = (max(side, 0) for side in mask)
    box[top:bottom, left:right] = True
    if not box.any():
        raise ValueError(
            "`--mask` must be a box within the image of "
            f"{size[1]} x {size[0]}. Received: {mask}."
        )
    return box


def compose(
    image: Array,
    size: tuple[int, int],
    at: tuple[int, int],
    scale: float = 1.0,
    text: str | None = None,
    glyphs: bool = False,
) -> tuple[Array, Array]:
    """Places an image on an empty canvas, and a word if it is wanted.

    Args:
        image: uint8 array of shape `(rows, columns, C)`.
        size: height and width of the canvas.
        at: where the image's left upper corner comes to lie, x first.
        scale: how much the image is enlarged.
        text: the caption.
        glyphs: whether to draw the word between quotation marks in it.

    Returns:
        Tuple of the canvas, uint8 `(height, width, C)`, and a mask, bool
        `(height, width)`, True where the model is to generate.
    """
    canvas, mask = crop.place(image, size, at[1], at[0], scale)
    if glyphs:
        word = captions.quoted_word(text)
        canvas, mask = lettering.with_sign(canvas, mask, word)
    return canvas, mask


def shrink(image: Array, size: tuple[int, int], factor: int) -> Array:
    """The small image that "upscale" enlarges to the model's size."""
    small = (size[0] // factor, size[1] // factor)
    return np.asarray(arrays.resize(image, small))
