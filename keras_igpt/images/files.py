"""Image files: decodes them, and reports those that cannot be."""

import contextlib
import json
import math
import os
import pathlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, ArrayLike, PathLike
from keras_igpt.atomic_files import replacing
from keras_igpt.images import arrays
from keras_igpt.images.opening import check_not_a_bomb, open_image

OVERSAMPLING = 4

# Pixels of an image that is decoded alone, not beside others.
LARGE = 2**22

# Pixels that are converted at once.
STRIP = 2**20

# Text that Pillow, but no browser, looks through for an orientation.
_LESSER_EXIF = ("xmp", "XML:com.adobe.xmp", "Raw profile type exif")

_one_large = threading.Lock()


def decode(path: PathLike, image_size: tuple[int, int] | None = None) -> Array:
    """Decodes an image file as it is meant to be seen.

    EXIF rotation is applied, transparent parts become white, 16-bit grey is
    scaled to 8 bits, and of an animation the first frame is taken. Images of
    over 4 million pixels are decoded one at a time in this process.

    Args:
        path: str or pathlib.Path.
        image_size: tuple `(height, width)` that the image will be resized
            to. JPEG files, and images of over 4 million pixels, are then
            reduced to no less than four times that size.

    Returns:
        uint8 array of shape `(height, width, 3)`.
    """
    return _decoded(path, image_size, _rgb)


def decode_mask(path: PathLike) -> Array:
    """Where a mask's file says that something is to be generated.

    Args:
        path: str or pathlib.Path.

    Returns:
        bool array of shape `(height, width)`, as `arrays.masked` tells.
    """
    return arrays.masked(_decoded(path, None, _rgba).astype("int32"))


def pixels_of(image: Any) -> Array:
    """Pixels of a PIL image, as `decode` gives those of a file.

    Args:
        image: PIL.Image.Image of any mode; it stays as it is.

    Returns:
        uint8 array of shape `(height, width, 3)`.
    """
    return _of_image(image, _rgb)


def mask_of(image: Any) -> Array:
    """A mask that is a PIL image, as `decode_mask` gives that of a file.

    Args:
        image: PIL.Image.Image of any mode; it stays as it is.

    Returns:
        bool array of shape `(height, width)`.
    """
    return arrays.masked(_of_image(image, _rgba).astype("int32"))


def _of_image(image, convert):
    if hasattr(image, "tile"):  # of a file, which may not have been read
        _load(image)
    image = image.copy()
    return _turned(_converted(image, 1, convert), _orientation(image))


def transparency(path: PathLike) -> Array | None:
    """Where an image is more transparent than not.

    Args:
        path: str or pathlib.Path.

    Returns:
        bool array of shape `(height, width)`, or None if nothing is.
    """
    alpha = _decoded(path, None, _rgba)[..., 3]
    return alpha < 128 if (alpha < 128).any() else None


def read(
    path: PathLike,
    image_size: tuple[int, int] | None = None,
    decode: Callable[..., Array] = decode,
) -> Array:
    """As `decode`, with an error that says what is wrong with the file.

    Raises:
        ValueError: if it is no image.
    """
    more = () if image_size is None else (image_size,)
    try:
        return decode(path, *more)
    except Exception as error:  # Pillow raises all kinds for broken files
        raise ValueError(
            "The file must be an image, such as PNG or JPEG. "
            f"Received: {path}: {reason(path, error)}."
        ) from error


def read_mask(path: PathLike) -> Array:
    """Reads a mask for `ImageGPT.edit`, as the commands and a server do.

    Args:
        path: str or pathlib.Path of an image that is white where to
            generate. Transparent parts are kept. What is drawn on a
            transparent layer counts in any colour, if nothing there is white.

    Returns:
        bool array of shape `(height, width)`.

    Raises:
        ValueError: if it is no image.
    """
    return read(path, decode=decode_mask)


def upright_size(image: Any) -> tuple[int, int]:
    """Width and height of an open image once it is turned as EXIF says."""
    # Pillow decodes a whole PNG file to look for late EXIF, and turns the
    # size of a TIFF file itself.
    is_quick = image.format != "PNG" or "exif" in image.info
    turned = is_quick and image.format != "TIFF" and _orientation(image) >= 5
    return image.size[::-1] if turned else image.size


def _orientation(image):
    """From 1 to 8; 1 if the EXIF block is rubbish."""
    for name in _LESSER_EXIF:
        image.info.pop(name, None)
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # whatever a parser of rubbish raises
        return 1
    return orientation if orientation in arrays.TURNS else 1


def _decoded(path, image_size, convert):
    with open_image(path) as image:
        is_large = _num_pixels(image) > LARGE
        with _one_large if is_large else contextlib.nullcontext():
            if image_size is not None:
                # Square, because EXIF may swap the sides.
                side = OVERSAMPLING * max(image_size)
                image.draft(None, (side, side))
            _load(image)
            orientation, factor = _orientation(image), 1
            if image_size is not None and _num_pixels(image) > LARGE:
                wide, tall = upright_size(image)
                times = min(tall // image_size[0], wide // image_size[1])
                factor = max(1, times // OVERSAMPLING)
            pixels = _converted(image, factor, convert)
    return _turned(pixels, orientation)


def _turned(pixels, orientation):
    swap, *flips = arrays.TURNS[orientation]
    rows, columns = (slice(None, None, -1 if flip else 1) for flip in flips)
    pixels = pixels.swapaxes(0, 1) if swap else pixels
    return np.ascontiguousarray(pixels[rows, columns])


def _load(image):
    # An icon says here only how large the image in it is.
    depth = image.tile[0].args if image.tile else None
    image.load()
    check_not_a_bomb(image)
    _scale_transparent_colour(image, depth)


def _scale_transparent_colour(image, raw_mode):
    """Pillow keeps the number of PNG files, whatever their pixels have."""
    raw_mode = raw_mode if isinstance(raw_mode, str) else ""
    clear = image.info.get("transparency")
    if image.format != "PNG" or isinstance(clear, (bytes, type(None))):
        return
    if raw_mode == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    times = {"L;2": 85, "L;4": 17}.get(raw_mode, 1)
    if times > 1:
        image.info["transparency"] = times * clear


def _converted(image, factor, convert):
    """Strip by strip: a copy of the whole in every step would be too much."""
    from PIL import Image

    # Multiples of the factor, so that no cell is cut.
    rows = factor * max(1, STRIP // (image.width * factor))
    strips = []
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        strip = convert(image.crop((0, top, image.width, bottom)))
        if factor > 1:
            strip = np.asarray(Image.fromarray(strip).reduce(factor))
        strips.append(strip)
    return np.concatenate(strips)


def _num_pixels(image):
    return image.width * image.height


def _rgb(image):
    if image.has_transparency_data:
        return arrays.on_white(_rgba(image).astype("int32")).astype("uint8")
    if _is_deep(image):
        return _deep_grey(image)[..., None].repeat(3, axis=-1)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _rgba(image):
    if not _is_deep(image):
        return np.array(image.convert("RGBA"))
    grey, clear = _deep_grey(image), image.info.get("transparency")
    alpha = np.where(np.array(image) == clear, 0, 255).astype("uint8")
    return np.stack([grey, grey, grey, alpha], axis=-1)


def _is_deep(image):
    return image.mode.startswith("I") or image.mode == "F"


def _deep_grey(image):
    values = np.array(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise OSError(f"pixels of unknown range (mode {image.mode})")
    return arrays.to_8_bits(values.astype("int32")).astype("uint8")


def reason(path: PathLike, error: Exception) -> str:
    """Says in a few words why an image file cannot be used."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, FileNotFoundError):
        return "no such file"
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        return "empty file"
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow can read"
    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    if isinstance(error, bombs):
        return "more pixels than PIL.Image.MAX_IMAGE_PIXELS"
    return str(error) or type(error).__name__


def contact_sheet(
    images: ArrayLike,
    columns: int | None = None,
    height: int | None = None,
    gap: int = 2,
    background: int = 255,
) -> Array:
    """Lays images out in rows.

    Args:
        images: uint8 array of shape `(count, height, width, channels)`.
        columns: int. Default: as square as can be.
        height: int. Height in pixels that each image is enlarged to by
            whole factors, without smoothing. Default: at least 64.
        gap: int. Pixels between images.
        background: int from 0 to 255. Grey of the gaps.

    Returns:
        uint8 array of shape `(rows, columns, channels)`.
    """
    images = np.asarray(images)
    count = len(images)
    columns = columns or math.ceil(math.sqrt(count))
    factor = max(1, math.ceil((height or 64) / images.shape[1]))
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    rows = math.ceil(count / columns)
    _, tall, wide, channels = images.shape
    sheet = np.full(
        (rows * (tall + gap) - gap, columns * (wide + gap) - gap, channels),
        background,
        "uint8",
    )
    for i, image in enumerate(images):
        top, left = (i // columns) * (tall + gap), (i % columns) * (wide + gap)
        sheet[top : top + tall, left : left + wide] = image
    return sheet


def save_png(
    path: PathLike, image: ArrayLike, parameters: dict[str, Any] | None = None
) -> None:
    """Writes an image, whole or not at all.

    Args:
        path: where to; the folder is made if it is missing.
        image: uint8 array of shape `(height, width, 1 or 3)`.
        parameters: dict that JSON can hold. Kept in the file, in the text
            chunk `keras_igpt`.
    """
    from PIL import Image, PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Software", "keras_igpt")
    if parameters:
        chunks.add_itxt("keras_igpt", json.dumps(parameters))
    image = np.asarray(image)
    if image.shape[-1] == 1:
        image = image[..., 0]
    # One of many, perhaps: to look through their folder for each is too much.
    with replacing(path, clear=False) as temporary:
        Image.fromarray(image).save(temporary, "PNG", pnginfo=chunks)


def read_parameters(path: PathLike) -> dict[str, Any]:
    """The parameters that `save_png` put into a file, or {}."""
    with open_image(pathlib.Path(path)) as image:
        return json.loads(image.info.get("keras_igpt", "{}"))
