"""Capital letters, digits and a dash, drawn by hand for small pictures.

Each sits in a cell of 8x8 pixels, with upright strokes of two pixels, and
keeps the cell's last column and last row free. So a word is a row of cells,
and a letter looks the same wherever it stands.
"""

import functools

import numpy as np

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
def glyph(character):
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


def ink_of(word):
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
