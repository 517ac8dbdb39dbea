"""Pictures on paper: contact sheets, and PNG files that say how they came."""

import json
import math
import pathlib

import numpy as np

from keras_igpt.files import replacing


def contact_sheet(images, columns=None, height=None, gap=2, background=255):
    """Lays pictures out in rows.

    Args:
        images: uint8 array of shape `(count, height, width, channels)`.
        columns: int. Default: as square as can be.
        height: int. Height in pixels that each picture is enlarged to by
            whole factors, without smoothing. Default: at least 64.
        gap: int. Pixels between pictures.
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


def save_png(path, image, parameters=None):
    """Writes a picture, whole or not at all.

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


def read_parameters(path):
    """The parameters that `save_png` put into a file, or {}."""
    from PIL import Image

    with Image.open(pathlib.Path(path)) as image:
        return json.loads(image.info.get("keras_igpt", "{}"))
