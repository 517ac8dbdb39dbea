"""An order of rows that is computed, not kept.

A Feistel network scrambles the numbers of a domain of `a * b` one to one,
whatever its rounds do (the generalised Feistel cipher of Black & Rogaway
2002, "Ciphers with Arbitrary Finite Domains"); `a` and `b` are about the
square root of the number of rows. The few numbers that fall outside the rows
are scrambled again until they are inside ("cycle walking"). So the row at any
place is known at once, and no order, nor a part of one, lies in memory.

`grain` shuffles in a like way. It is not used here: its datasets yield row by
row, while files are read fastest by the rows of a whole batch; its iterators
would stand beside Keras's `PyDataset`, which asks for batches by number
already; its seeds have 32 bits, fewer than seed, epoch and step together; and
arrays in memory, on every backend and system, must not need it.
"""

import math

import numpy as np

from keras_igpt.annotations import Array

ROUNDS = 8


class Permutation:
    """The numbers below a length in an order of their own, or some of them.

    Args:
        length: int, how many numbers there are.
        key: tuple of ints from 0; each has its own order.
        first, count: the places that it has; default: all.
    """

    def __init__(
        self,
        length: int,
        key: tuple[int, ...],
        first: int = 0,
        count: int | None = None,
    ) -> None:
        self.length = length
        self.key = key
        self.first = first
        self.count = length - first if count is None else count
        tall = math.isqrt(max(length - 1, 0)) + 1
        self._tall = np.uint64(tall)
        self._wide = np.uint64(-(-length // tall))
        self._keys = np.random.SeedSequence(key).generate_state(2 * ROUNDS)

    def __len__(self):
        return self.count

    def window(self, first: int, count: int) -> "Permutation":
        """The same order, of `count` places from `first` on."""
        return Permutation(self.length, self.key, self.first + first, count)

    def __getitem__(self, places: Array) -> Array:
        """The numbers at places, int64 of the shape of `places`."""
        numbers = (np.asarray(places) + self.first).astype("uint64")
        outside = np.ones(numbers.shape, bool)
        while outside.any():
            numbers[outside] = self._scramble(numbers[outside])
            outside = numbers >= self.length
        return numbers.astype("int64")

    def _scramble(self, numbers):
        """One to one within the domain."""
        left, right = numbers // self._wide, numbers % self._wide
        for a, b in self._keys.reshape(ROUNDS, 2):
            left = (left + _mixed(right, a)) % self._tall
            right = (right + _mixed(left, b)) % self._wide
        return left * self._wide + right


def _mixed(numbers, key):
    """Of 32 bits, from numbers and a round's key."""
    return _hash(_hash(numbers.astype("uint32")) ^ key).astype("uint64")


def _hash(x):
    """The finaliser "lowbias32" of Chris Wellons, as sampling has it.

    https://nullprogram.com/blog/2018/07/31/; uint32, products wrap around.
    """
    x = (x ^ x >> np.uint32(16)) * np.uint32(0x7FEB352D)
    x = (x ^ x >> np.uint32(15)) * np.uint32(0x846CA68B)
    return x ^ x >> np.uint32(16)
