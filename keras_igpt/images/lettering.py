"""Capital letters, digits and a dash, drawn by hand for small images.

Each sits in a cell of 8x8 pixels, with upright strokes of two pixels, and
keeps the cell's last column and last row free. So a word is a row of cells,
and a letter looks the same wherever it stands.
"""

import functools

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.images import arrays

CELL = 8

# One glyph is 7 rows; '#' is ink. Six columns start at the cell's second
# column, seven (M and W, which need them) at its first.
_GLYPHS = """
A ..##.. .####. ##..## ##..## ###### ##..## ##..##
B #####. ##..## ##..## #####. ##..## ##..## #####.
C .####. ##..## ##.... ##.... ##.... ##..## .####.
D ####.. ##.##. ##..## ##..## ##..## ##.##. ####..
E ###### ##.... ##.... #####. ##.... ##.... ######
F ###### ##.... ##.... #####. ##.... ##.... ##....
G .####. ##..## ##.... ##.### ##..## ##..## .#####
H ##..## ##..## ##..## ###### ##..## ##..## ##..##
I ###### ..##.. ..##.. ..##.. ..##.. ..##.. ######
J ..#### ....## ....## ....## ....## ##..## .####.
K ##..## ##.##. ####.. ###... ####.. ##.##. ##..##
L ##.... ##.... ##.... ##.... ##.... ##.... ######
M ##...## ###.### ####### ##.#.## ##...## ##...## ##...##
N ##..## ###.## ###### ###### ##.### ##..## ##..##
O .####. ##..## ##..## ##..## ##..## ##..## .####.
P #####. ##..## ##..## #####. ##.... ##.... ##....
Q .####. ##..## ##..## ##..## ##.### ##.##. .###.#
R #####. ##..## ##..## #####. ####.. ##.##. ##..##
S .##### ##.... ##.... .####. ....## ....## #####.
T ###### ..##.. ..##.. ..##.. ..##.. ..##.. ..##..
U ##..## ##..## ##..## ##..## ##..## ##..## .####.
V ##..## ##..## ##..## ##..## ##..## .####. ..##..
W ##...## ##...## ##...## ##.#.## ####### ###.### ##...##
X ##..## ##..## .####. ..##.. .####. ##..## ##..##
Y ##..## ##..## ##..## .####. ..##.. ..##.. ..##..
Z ###### ....## ...##. ..##.. .##... ##.... ######
0 .####. ##..## ##.### ###### ###.## ##..## .####.
1 ..##.. .###.. ####.. ..##.. ..##.. ..##.. ######
2 .####. ##..## ....## ..###. .##... ##.... ######
3 .####. ##..## ....## ..###. ....## ##..## .####.
4 ...##. ..###. .####. ##.##. ###### ...##. ...##.
5 ###### ##.... #####. ....## ....## ##..## .####.
6 ..###. .##... ##.... #####. ##..## ##..## .####.
7 ###### ....## ...##. ...##. ..##.. ..##.. ..##..
8 .####. ##..## ##..## .####. ##..## ##..## .####.
9 .####. ##..## ##..## .##### ....## ...##. .###..
- ...... ...... ...... ###### ###### ...... ......
"""

_ROWS = {row[0]: row[2:].split() for row in _GLYPHS.strip().splitlines()}

CHARACTERS = "".join(_ROWS)


@functools.cache
def glyph(character: str) -> Array:
    """One character as ink.

    Args:
        character: str, one of `CHARACTERS`.

    Returns:
        bool array of shape `(8, 8)`, True where there is ink.
    """
    ink = np.zeros((CELL, CELL), bool)
    for row, text in enumerate(_ROWS[character]):
        start = 1 if len(text) == 6 else 0
        ink[row, start : start + len(text)] = [mark == "#" for mark in text]
    ink.flags.writeable = False  # the cache hands out this very array
    return ink


def ink_of(word: str) -> Array:
    """A word as ink, its letters 8 pixels apart.

    Args:
        word: str of `CHARACTERS`, at least one.

    Returns:
        bool array of shape `(8, 8 * len(word))`.

    Raises:
        ValueError: if a character has no glyph.
    """
    if not word or not set(word) <= set(CHARACTERS):
        raise ValueError(
            f"`word` must be made of the characters {CHARACTERS!r}. "
            f"Received: word={word!r}."
        )
    return np.concatenate([glyph(character) for character in word], axis=1)


# Colours of letters and frame, and of the board (football's light banner).
INK, BOARD = (18, 26, 70), (250, 250, 244)

# Of images of 64 rows: the upper rows of letters, the favourite first.
ROWS = (8, 4, 12)

SIDE = 64

# Pixels of board and frame around the letters' cells.
ABOVE, BELOW, BESIDE = 2, 1, 3


def sign(word: str) -> Array:
    """Draws a word on a board.

    Args:
        word: str of `CHARACTERS`; small letters become
            capitals.

    Returns:
        uint8 array of shape `(11, 8 * letters + 6, 3)`.
    """
    ink = ink_of(word.upper())
    ink = np.pad(ink, ((ABOVE, BELOW), (BESIDE, BESIDE)))
    ink[[0, -1]] = ink[:, [0, -1]] = True  # the frame
    return np.where(ink[..., None], INK, BOARD).astype("uint8")


def with_sign(canvas: Array, mask: Array, word: str) -> tuple[Array, Array]:
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
    board = arrays.resize(
        board, tuple(round(scale * s) for s in board.shape[:2])
    )
    board = arrays.set_channels(board, canvas.shape[-1])
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
            f"{mask.shape[1]}. Received: {word!r}. Take a shorter word, "
            "or place the image lower."
        )
    canvas, mask = canvas.copy(), mask.copy()
    canvas[free[0]], mask[free[0]] = board, False
    return canvas, mask
