"""Words as signs to be kept: always spelled right, and painted around.

A sign is a word in capitals, dark on light in a frame, as on the banners of
the football pictures.
"""

import re

import numpy as np

from keras_igpt import data, glyphs
from keras_igpt.captions import MARKS

# Colours of letters and frame, and of the board (football's light banner).
INK, BOARD = (18, 26, 70), (250, 250, 244)
# Of pictures of 64 rows: the upper rows of letters, the favourite first.
ROWS = (8, 4, 12)
SIDE = 64
# Pixels of board and frame around the letters' cells.
ABOVE, BELOW, BESIDE = 2, 1, 3


def sign(word):
    """Draws a word on a board.

    Args:
        word: str of `keras_igpt.glyphs.CHARACTERS`; small letters become
            capitals.

    Returns:
        uint8 array of shape `(11, 8 * letters + 6, 3)`.
    """
    ink = glyphs.ink_of(word.upper())
    ink = np.pad(ink, ((ABOVE, BELOW), (BESIDE, BESIDE)))
    ink[[0, -1]] = ink[:, [0, -1]] = True  # the frame
    return np.where(ink[..., None], INK, BOARD).astype("uint8")


def quoted_word(text):
    """The word between quotation marks in a caption.

    Raises:
        ValueError: unless there is exactly one.
    """
    words = re.findall('"([^"]+)"', (text or "").translate(MARKS))
    if len(words) != 1:
        raise ValueError(
            "`text` must have one word between quotation marks, to be drawn. "
            f"Received: text={text!r}."
        )
    return words[0]


def with_sign(canvas, mask, word):
    """Puts a word's sign onto a free place in the upper middle of a canvas.

    Args:
        canvas: uint8 array of shape `(height, width, C)`.
        mask: bool array of shape `(height, width)`, True where nothing is.
        word: str, as `sign` takes it.

    Returns:
        Tuple of both, with the sign.

    Raises:
        ValueError: if the word is too long, or the place is taken.
    """
    scale = canvas.shape[0] / SIDE
    board = sign(word)
    board = data.resize(board, tuple(round(scale * s) for s in board.shape[:2]))
    board = data.set_channels(board, canvas.shape[-1])
    rows, columns = board.shape[:2]
    left = (canvas.shape[1] - columns) // 2
    tops = [round(scale * (row - ABOVE)) for row in ROWS]
    places = [
        (slice(top, top + rows), slice(left, left + columns)) for top in tops
    ]
    free = [place for place in places if mask[place].all()]
    if left < 0 or not free:
        raise ValueError(
            f"The word must find room for {rows} x {columns} pixels in the "
            f"upper middle of the canvas of {mask.shape[0]} x "
            f"{mask.shape[1]}. Received: {word!r}. Do take a shorter word, "
            "or place the picture lower."
        )
    canvas, mask = canvas.copy(), mask.copy()
    canvas[free[0]], mask[free[0]] = board, False
    return canvas, mask
