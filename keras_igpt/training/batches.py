"""Batches of tokens for `fit`."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_seed
from keras_igpt.training.callbacks import steps_done, update_variables
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
            `evaluate` and `predict` take all images in order all the same.
        seed: int. Decides the orders and what is drawn: both are functions
            of it, the epoch and the batch, whatever came before.
        draw: function of a batch's inputs and a `numpy.random.Generator` to
            the inputs that the model is given, called anew every time; or
            None.
        target: str. What is to be told. If it is another input than
            `"tokens"`, the model is not given it; None for inputs alone.
        weights: float array, how much each image counts; or None.
        draw_plans: function of a number of images B, the share of the
            training that is over and a `numpy.random.Generator` to an int32
            array `(B, N)`, the step that asks each cell, for a model of any
            order. None for row by row.
        groups: array of ints or str: images of one group stay together where
            some are set aside. None: each image is one of its own.
    """

    # Batches of the first epoch of `fit` that are done already.
    done = 0

    # How long `fit` goes on: its epochs, or a function that returns the share
    # that is over.
    epochs = None
    clock = None

    def __init__(
        self,
        inputs: dict[str, Array],
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        draw: Callable | None = None,
        target: str | None = "tokens",
        weights: Array | None = None,
        draw_plans: Callable | None = None,
        groups: Array | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.draw = draw
        self.target = target
        self.inputs = inputs
        check_seed(seed)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.weights = weights
        self.draw_plans = draw_plans
        self.groups = groups
        self.begin_epoch(0)

    @property
    def num_images(self) -> int:
        """How many images there are."""
        return len(self.inputs["tokens"])

    @property
    def num_groups(self) -> int:
        """How many groups of images there are, which `split` keeps whole."""
        if self.groups is None:
            return self.num_images
        return len(np.unique(self.groups))

    def __len__(self):
        if self.shuffle and self.num_images >= self.batch_size:
            return self.num_images // self.batch_size
        return math.ceil(self.num_images / self.batch_size)

    @property
    def num_batches(self) -> int:
        """Batches that are left of this epoch."""
        return len(self) - self.first

    def __getitem__(self, index):
        index += self.first
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        inputs = {name: array[chosen] for name, array in self.inputs.items()}
        generator = self._draws(index)
        if self.draw:
            inputs = self.draw(inputs, generator)
        if self.draw_plans is not None:
            spent = self.spent(index)
            inputs["plan"] = self.draw_plans(len(chosen), spent, generator)
        inputs = {
            name: array if name == "source" else array.astype("int32")
            for name, array in inputs.items()
        }
        if self.target is None:
            return (inputs,)
        name = self.target
        target = inputs["tokens"] if name == "tokens" else inputs.pop(name)
        weights = self._weights(chosen, inputs)
        return (
            (inputs, target) if weights is None else (inputs, target, weights)
        )

    def _weights(self, chosen, inputs):
        """How much images or their cells count; None if all alike."""
        weights = None if self.weights is None else self.weights[chosen]
        if self.target != "tokens":
            return weights
        if "masked" in inputs:
            masked = masked_weights(inputs["masked"])
            return masked if weights is None else masked * weights[:, None]
        if weights is not None:  # Keras wants a weight for each token.
            cells = inputs["tokens"].shape[1]
            weights = np.repeat(weights[:, None], cells, axis=1)
        return weights

    def _draws(self, index):
        """Random numbers for a batch; the same ones if nothing is shuffled."""
        if self.shuffle:
            return np.random.default_rng((*self.key, index))
        return np.random.default_rng((self.seed, index))

    def spent(self, index: int) -> float:
        """Share of the training that is over at a batch, from 0 to 1.

        All of it where nothing is shuffled: what is evaluated is the end.
        """
        if not self.shuffle:
            return 1.0
        if self.clock is not None:
            return min(self.clock(), 1.0)
        if not self.epochs:
            return 0.0
        return min((self.epoch + index / len(self)) / self.epochs, 1.0)

    def begin_epoch(self, epoch: int, step: int = 0, first: int = 0) -> None:
        """Puts the images into the order of an epoch.

        Args:
            epoch: int, counted from 0.
            step: int. Steps that the model had learned before this epoch:
                another `fit` of it takes other orders.
            first: int. The batch to begin with.
        """
        self.epoch, self.first = epoch, first
        self.key = (self.seed, epoch, step)
        self.order = np.arange(self.num_images)
        if self.shuffle:
            generator = np.random.default_rng(self.key)
            self.order = generator.permutation(self.num_images)

    def part(
        self,
        chosen: Array | slice = slice(None),
        shuffle: bool = False,
        weights: Array | None = None,
    ) -> "TokenBatches":
        """Batches of some of the images; default: of all, in order.

        Args:
            chosen: int array, or a slice.
            shuffle: bool, as the class takes it.
            weights: float array `(images,)` of all images; default: as here.
        """
        weights = self.weights if weights is None else weights
        return TokenBatches(
            {name: array[chosen] for name, array in self.inputs.items()},
            self.batch_size,
            shuffle,
            self.seed,
            self.draw,
            self.target,
            None if weights is None else weights[chosen],
            self.draw_plans,
            None if self.groups is None else self.groups[chosen],
        )

    def split(self, count: int) -> "tuple[TokenBatches, TokenBatches]":
        """Sets `count` images, chosen at random, aside.

        Groups stay whole, so that it may be fewer images; or more, if the
        smallest group is larger.

        Returns:
            Tuple of two `TokenBatches`: the rest, and those set aside, which
            are not shuffled.

        Raises:
            ValueError: if all images are of one group.
        """
        chosen = np.random.default_rng(0).permutation(self.num_images)
        groups = chosen if self.groups is None else self.groups[chosen]
        aside = _whole_groups(groups, count)
        rest = self.part(chosen[~aside], self.shuffle)
        return rest, self.part(chosen[aside])

    def on_epoch_end(self) -> None:
        """Goes on to the next epoch, if `fit` does not say which it is."""
        self.begin_epoch(self.epoch + 1)


def _whole_groups(groups, count):
    """Which of the images to set aside, a bool array: first groups first."""
    _, first, number, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    if len(sizes) < 2:
        raise ValueError(
            "The images must be of two groups at least, so that one can be "
            f"set aside. Received: {len(groups)} images of one group. Add "
            "images of other groups, or leave `group` out."
        )
    order = np.argsort(first)
    taken, total = [], 0
    for group in order:
        if total + sizes[group] <= count:
            taken.append(group)
            total += sizes[group]
        if total == count:
            break
    if not taken:
        taken = [order[np.argmin(sizes[order])]]
    return np.isin(number, taken)


class ExactEpochs(keras.callbacks.Callback):
    """Makes what a step draws a function of seed, epoch and batch.

    That is the order of the images, their edits and all dropout, so that a
    `fit` that goes on with `initial_epoch` ends as one that was not
    interrupted.

    Args:
        batches: the `TokenBatches` that are fitted to. Their `done` batches
            of the first epoch are left out.
    """

    def __init__(self, batches: TokenBatches) -> None:
        super().__init__()
        self.batches = batches
        self.done = batches.done

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Notes how long it goes on, and what dropout draws from."""
        self.batches.epochs = self.params["epochs"]
        # What dropout draws from, looked for once: a model is large.
        self.states = [
            variable
            for variable in self.model.non_trainable_variables
            if variable.name == "seed_generator_state"
        ]

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Orders the images."""
        step = max(0, steps_done(self.model) - self.done)
        self.batches.begin_epoch(epoch, step, self.done)
        self.done = 0

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Seeds dropout."""
        key = (*self.batches.key, self.batches.first + batch)
        seeds = np.random.SeedSequence(key).generate_state(len(self.states))
        if self.states:
            update_variables(self.model)
        for state, seed in zip(self.states, seeds):
            state.assign([int(seed) >> 1, 0])
        if self.states and keras.backend.backend() == "torch":
            import torch

            # Its dropout looks at no state, but draws from all there is.
            torch.manual_seed(int(seeds[0]))


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
