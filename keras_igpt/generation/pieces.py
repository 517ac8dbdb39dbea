"""Long decoding in pieces, between which it is watched and can be stopped.

Axes: B images, N cells.
"""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor

# Seconds of a piece that nobody watches: each copies the caches once.
UNWATCHED = 2.0

# Steps of the first piece, from which the pace is known.
FIRST = 8


class Stopped(Exception):
    """Nobody waits for what is being decoded."""


class Pieces:
    """Cuts the steps of a decoder into pieces that take about as long.

    Args:
        seconds: float, about how long a piece takes; one step at least.
        report: function of `(tokens, written)` after each piece, an int32
            array `(B, N)` and a function that gives a bool array of its
            shape: which cells hold what they will hold.
        stop: threading.Event. When it is set, decoding ends with `Stopped`.
    """

    def __init__(
        self,
        seconds: float = UNWATCHED,
        report: Callable[[Array, Callable[[], Array]], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.seconds = seconds
        self.report = report
        self.stop = stop
        # Steps per second; of other programs, as for longer caches, too.
        self.pace = None

    def __call__(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Pieces of the steps from `first` up to `last`, its end left out."""
        while first < last:
            if self.stop is not None and self.stop.is_set():
                raise Stopped
            count = FIRST
            if self.pace is not None:
                count = max(1, round(self.seconds * self.pace))
            end = min(first + count, last)
            begin = time.monotonic()
            yield first, end
            seconds = max(time.monotonic() - begin, 1e-6)
            self.pace = (end - first) / seconds
            first = end

    def done(self, tokens: Tensor, written: Callable[[], Array]) -> None:
        """Tells of the tokens after a piece; waits until they are there."""
        tokens = ops.convert_to_numpy(tokens)
        if self.report is not None:
            self.report(tokens, written)


class Canvas:
    """All images of a request while they are generated.

    Args:
        tokens: int32 array `(B, N)`, what is known.
        known: bool array `(B, N)`.
        decode: function of tokens that gives uint8 images
            `(B, height, width, C)`.
        grid_size: tuple of two ints, rows and columns of cells.
    """

    # What is not there yet: a grey in the middle.
    EMPTY = 127

    def __init__(
        self,
        tokens: Array,
        known: Array,
        decode: Callable[[Array], Array],
        grid_size: tuple[int, int],
    ) -> None:
        self.tokens = tokens.copy()
        self.written = known.copy()
        self.decode = decode
        self.grid_size = grid_size

    @property
    def done(self) -> int:
        """How many cells are known or written."""
        return int(self.written.sum())

    def put(self, rows: slice, tokens: Array, written: Array) -> None:
        """Keeps what some of the images are by now."""
        self.tokens[rows], self.written[rows] = tokens, written

    def preview(self) -> Array:
        """The images as they are, uint8, grey where nothing is yet."""
        images = self.decode(np.where(self.written, self.tokens, 0))
        (rows, columns), size = self.grid_size, images.shape[1:3]
        shown = self.written.reshape(-1, rows, columns)
        shown = shown.repeat(size[0] // rows, 1).repeat(size[1] // columns, 2)
        return np.where(shown[..., None], images, np.uint8(self.EMPTY))
