"""Rows that batches are made of: in memory, or read when they are asked for.

Both have a length, and `read` gives the rows of some numbers as a dictionary
of arrays.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_igpt.annotations import Array

# Rows that are read at once where all are asked for.
AT_ONCE = 1024


class ArrayRows:
    """Rows of arrays in memory.

    Args:
        columns: dict of arrays of one length, `"tokens"` among them.
    """

    in_memory = True

    def __init__(self, columns: dict[str, Array]) -> None:
        self.columns = columns

    def __len__(self):
        return len(self.columns["tokens"])

    def read(self, numbers: Array) -> dict[str, Array]:
        """Rows by number, a dict of arrays."""
        return {name: array[numbers] for name, array in self.columns.items()}

    def part(self, chosen: Array | slice) -> "ArrayRows":
        """Some of the rows."""
        return ArrayRows(self.read(chosen))


class StoredRows:
    """Rows that are read when they are asked for.

    Args:
        count: int, how many there are.
        read_rows: function of an int64 array of numbers to a dict of arrays
            with these rows, in this order; called from several threads.
        chosen: the rows that count, by number: what has a length and, for an
            array of places, an int64 array of numbers, as a `Permutation`
            does. None for all.
    """

    in_memory = False

    def __init__(
        self,
        count: int,
        read_rows: Callable[[Array], dict[str, Array]],
        chosen: Any = None,
    ) -> None:
        self.count = count
        self.read_rows = read_rows
        self.chosen = chosen

    def __len__(self):
        return self.count if self.chosen is None else len(self.chosen)

    @property
    def columns(self) -> dict[str, Array]:
        """All rows, read into memory."""
        parts = [
            self.read(np.arange(first, min(first + AT_ONCE, len(self))))
            for first in range(0, len(self), AT_ONCE)
        ]
        return {
            name: np.concatenate([part[name] for part in parts])
            for name in parts[0]
        }

    def read(self, numbers: Array) -> dict[str, Array]:
        """Rows by number, a dict of arrays."""
        if self.chosen is not None:
            numbers = self.chosen[numbers]
        return self.read_rows(numbers)

    def part(self, chosen: Any) -> "StoredRows":
        """Some of the rows: a slice, an array, or as `chosen` of the class."""
        if isinstance(chosen, slice):
            if chosen == slice(None):
                return self
            chosen = np.arange(len(self))[chosen]
        if self.chosen is not None:
            chosen = self.chosen[np.asarray(chosen[np.arange(len(chosen))])]
        return StoredRows(self.count, self.read_rows, chosen)


def bounds(num_rows: int, index: int, count: int) -> tuple[int, int]:
    """The first row, and that behind the last, of one of `count` even parts.

    Args:
        num_rows: int, how many rows are parted.
        index: int. Which part.
        count: int.
    """
    return num_rows * index // count, num_rows * (index + 1) // count
