"""Batches of tokens for `fit`."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.training.losses import masked_weights

# Share of the cells that the objective "bert" hides.
MASKED_RATE = 0.15


class TokenBatches(keras.utils.PyDataset):
    """Tokenised images in memory, in batches for `fit` or `evaluate`.

    Each batch is `({"tokens", "label"…}, tokens)`: the model is given the
    tokens it should predict, and shifts them itself so that no cell sees its
    own.

    Args:
        inputs: dict of int arrays of one length, `"tokens"` among them.
        batch_size: int.
        shuffle: bool. A new order every epoch. Batches then have one size,
            which compilers like; the few images left over differ by epoch.
        seed: int. Decides the orders.
        draw: function of a batch's inputs and a `numpy.random.Generator` to
            the inputs that the model is given, called anew every time; or
            None.
        target: str. What is to be told. If it is another input than
            `"tokens"`, the model is not given it; None for inputs alone.
    """

    def __init__(
        self,
        inputs: dict[str, Array],
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        draw: Callable | None = None,
        target: str | None = "tokens",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.draw = draw
        self.target = target
        self.inputs = inputs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.generator = np.random.default_rng(seed)
        self.order = np.arange(self.num_images)
        self.on_epoch_end()

    @property
    def num_images(self) -> int:
        """How many images there are."""
        return len(self.inputs["tokens"])

    def __len__(self):
        if self.shuffle and self.num_images >= self.batch_size:
            return self.num_images // self.batch_size
        return math.ceil(self.num_images / self.batch_size)

    def __getitem__(self, index):
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        inputs = {name: array[chosen] for name, array in self.inputs.items()}
        if self.draw:
            inputs = self.draw(inputs, self._draws(index))
        inputs = {
            name: array if name == "source" else array.astype("int32")
            for name, array in inputs.items()
        }
        if self.target is None:
            return (inputs,)
        if self.target != "tokens":
            return inputs, inputs.pop(self.target)
        if "masked" in inputs:
            return inputs, inputs["tokens"], masked_weights(inputs["masked"])
        return inputs, inputs["tokens"]

    def _draws(self, index):
        """Random numbers for a batch; the same ones if nothing is shuffled."""
        if self.shuffle:
            return self.generator
        return np.random.default_rng((self.seed, index))

    def split(self, count: int) -> "tuple[TokenBatches, TokenBatches]":
        """Sets `count` images, chosen at random, aside.

        Returns:
            Tuple of two `TokenBatches`: the rest, and those set aside, which
            are not shuffled.
        """
        chosen = np.random.default_rng(0).permutation(self.num_images)

        def part(indices, shuffle):
            inputs = {k: array[indices] for k, array in self.inputs.items()}
            return TokenBatches(
                inputs,
                self.batch_size,
                shuffle,
                self.seed,
                self.draw,
                self.target,
            )

        return part(chosen[count:], self.shuffle), part(chosen[:count], False)

    def on_epoch_end(self) -> None:
        """Chooses a new order, if there is to be one."""
        if self.shuffle:
            self.generator.shuffle(self.order)


def draw_masked(
    inputs: dict[str, Array], generator: np.random.Generator
) -> dict[str, Array]:
    """Hides cells, as the objective "bert" does (Chen et al. 2020, 2.2).

    Args:
        inputs: dict of arrays, `"tokens"` `(B, N)` among them.
        generator: a `numpy.random.Generator`.

    Returns:
        `inputs` with `"masked"`, bool `(B, N)`, each True with a chance of
        15 %.
    """
    masked = generator.random(inputs["tokens"].shape) < MASKED_RATE
    return {**inputs, "masked": masked}
