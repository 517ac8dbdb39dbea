"""Sheets of images with words beside their rows and above their columns."""

import functools
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_igpt.annotations import Array

# Pixels: of letters, between images, and the width of what is beside a row.
LETTERS = 14
GAP = 2
BESIDE = 150

# Names of fonts that have Chinese, as systems ship them.
CHINESE = ("CJK", "WenQuanYi", "SimHei", "PingFang", "YaHei", "Droid Sans F")


def labelled_sheet(
    images: Sequence[Sequence[Array]],
    rows: Sequence[str],
    columns: Sequence[str],
    height: int = 64,
) -> Array:
    """Lays images out as a table whose rows and columns have labels.

    Args:
        images: rows of uint8 arrays `(height, width, 1 or 3)`, of any sizes.
        rows, columns: str each, which are broken into lines. Characters that
            no font of this machine has are drawn as boxes.
        height: int. Images are enlarged by whole factors to at least this.

    Returns:
        uint8 array `(rows, columns, 3)`.
    """
    from PIL import Image, ImageDraw

    cells = [[_enlarged(image, height) for image in row] for row in images]
    tall = max(cell.shape[0] for row in cells for cell in row)
    wide = max(cell.shape[1] for row in cells for cell in row)
    above = [_broken(text, wide) for text in columns]
    beside = [_broken(text, BESIDE) for text in rows]
    left = BESIDE + GAP if any(beside) else 0
    top = max(_height(text) for text in above)
    size = (left + len(columns) * (wide + GAP), top + len(rows) * (tall + GAP))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for i, text in enumerate(above):
        at = (left + i * (wide + GAP), top - _height(text))
        _write(draw, at, text)
    for i, text in enumerate(beside):
        middle = top + i * (tall + GAP) + (tall - _height(text)) // 2
        _write(draw, (0, max(middle, 0)), text)
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            place = (left + j * (wide + GAP), top + i * (tall + GAP))
            sheet.paste(Image.fromarray(cell), place)
    return np.asarray(sheet)


def _enlarged(image, height):
    factor = max(1, -(-height // image.shape[0]))
    image = image.repeat(factor, axis=0).repeat(factor, axis=1)
    return image.repeat(3, axis=-1) if image.shape[-1] == 1 else image


def _broken(text, width):
    """Lines of about so many pixels; a Chinese character counts as two."""
    most = max(2 * width // LETTERS, 1)
    if any(ord(mark) > 0x2E7F for mark in text):
        most = max(most // 2, 1)
    return "\n".join(textwrap.wrap(text, most))


def _height(text):
    return (text.count("\n") + 1) * (LETTERS + 4) + GAP if text else 0


def _write(draw, at, text):
    if text:
        font = _font(all(ord(mark) < 0x250 for mark in text))
        draw.multiline_text(at, text, fill="black", font=font, spacing=3)


@functools.cache
def _font(latin: bool) -> Any:
    """Pillow's own font, or one of this machine that has Chinese."""
    from PIL import ImageFont

    if not latin:
        from matplotlib.font_manager import fontManager

        for font in fontManager.ttflist:
            if any(name in font.name for name in CHINESE):
                return ImageFont.truetype(font.fname, LETTERS)
    return ImageFont.load_default(LETTERS)
