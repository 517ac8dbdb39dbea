"""Image files: decodes them, and reports those that cannot be."""

import json
import math
import os
import pathlib
import stat
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, ArrayLike, PathLike
from keras_igpt.atomic_files import replacing

OVERSAMPLING = 4

LARGE = 2**22

# No PostScript among them: Pillow would run Ghostscript.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM")
FORMATS += ("ICO", "TGA", "PCX", "SGI", "JPEG2000", "AVIF")


def open_image(file: Any) -> Any:
    """Opens an image of one of `FORMATS`; its pixels are not read yet.

    Args:
        file: path, or a binary file that is open.

    Returns:
        PIL.Image.Image, to be closed.

    Raises:
        OSError: if it is no regular file, so that no pipe is waited for, or
            no image of these formats.
    """
    from PIL import Image

    if isinstance(file, (str, os.PathLike)):
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise OSError("not a regular file")
    Image.init()
    return Image.open(file, formats=[x for x in FORMATS if x in Image.OPEN])


def decode(path: PathLike, image_size: tuple[int, int] | None = None) -> Array:
    """Decodes an image file as it is meant to be seen.

    EXIF rotation is applied, transparent parts become white, 16-bit grey is
    scaled to 8 bits, and of an animation the first frame is taken.

    Args:
        path: str or pathlib.Path.
        image_size: tuple `(height, width)` that the image will be resized
            to. JPEG files, and images of over 4 million pixels, are then
            reduced to no less than four times that size.

    Returns:
        uint8 array of shape `(height, width, 3)`.
    """
    from PIL import ImageOps

    with open_image(path) as image:
        _check_not_a_bomb(image)
        if image_size is not None:
            # Square, because EXIF may swap the sides.
            side = OVERSAMPLING * max(image_size)
            image.draft(None, (side, side))
        ImageOps.exif_transpose(image, in_place=True)
        image = _to_rgb(image)
        if image_size is not None and _num_pixels(image) > LARGE:
            rows, columns = image_size
            times = min(image.height // rows, image.width // columns)
            image = image.reduce(max(1, times // OVERSAMPLING))
        return np.array(image)


def read(path: PathLike, image_size: tuple[int, int] | None = None) -> Array:
    """As `decode`, with an error that says what is wrong with the file.

    Raises:
        ValueError: if it is no image.
    """
    try:
        return decode(path, image_size)
    except Exception as error:  # Pillow raises all kinds for broken files
        raise ValueError(
            "The file must be an image, such as PNG or JPEG. "
            f"Received: {path}: {reason(path, error)}."
        ) from error


def transparency(path: PathLike) -> Array | None:
    """Where an image is more transparent than not.

    Args:
        path: str or pathlib.Path.

    Returns:
        bool array of shape `(height, width)`, or None if nothing is.
    """
    from PIL import ImageOps

    with open_image(path) as image:
        _check_not_a_bomb(image)
        ImageOps.exif_transpose(image, in_place=True)
        alpha = np.array(image.convert("RGBA"))[..., 3]
    return alpha < 128 if (alpha < 128).any() else None


def _num_pixels(image):
    return image.width * image.height


def _to_rgb(image):
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        image = _scale_deep_grey(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _check_not_a_bomb(image):
    # Pillow only warns between once and twice the limit.
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and _num_pixels(image) > limit:
        raise Image.DecompressionBombError


def _scale_deep_grey(image):
    from PIL import Image

    values = np.array(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise OSError(f"pixels of unknown range (mode {image.mode})")
    # 65535 = 257 * 255, so this rounds exactly.
    grey = (values.astype("int64") + 128) // 257
    return Image.fromarray(grey.astype("uint8"))


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
    with replacing(path) as temporary:
        Image.fromarray(image).save(temporary, "PNG", pnginfo=chunks)


def read_parameters(path: PathLike) -> dict[str, Any]:
    """The parameters that `save_png` put into a file, or {}."""
    with open_image(pathlib.Path(path)) as image:
        return json.loads(image.info.get("keras_igpt", "{}"))
