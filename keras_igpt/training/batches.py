"""Batches of tokens for `fit`."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_seed
from keras_igpt.holding_out import shuffled_aside
from keras_igpt.training.callbacks import steps_done
from keras_igpt.training.distributed.replicas import RandomStates
from keras_igpt.training.losses import masked_weights
from keras_igpt.training.permutation import Permutation
from keras_igpt.training.reading_ahead import ReadingAhead
from keras_igpt.training.rows import ArrayRows, StoredRows, bounds

# Share of the cells that the objective "bert" hides.
MASKED_RATE = 0.15

# Images of a batch that share random numbers: so many more than its own, at
# each end, are read by one of several workers.
BLOCK = 32


class TokenBatches(keras.utils.PyDataset):
    """Tokenised images in batches for `fit` or `evaluate`.

    Each batch is `({"tokens", "label"…}, tokens)`: the model is given the
    tokens it should predict, and shifts them itself so that no cell sees its
    own.

    Which rows a batch has is a function of the seed, the epoch and the
    batch's number (`Permutation`), whether the rows are in memory or on a
    disk, and whatever came before. Batches of stored rows are read ahead, by
    threads.

    Args:
        rows: dict of int arrays of one length, `"tokens"` among them; or a
            `StoredRows` that reads such.
        batch_size: int. Of all workers together.
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

    # Batches of the first epoch of `fit` that are done already, and the steps
    # that the model had learned before it; None: as many less.
    done = 0
    epoch_step = None

    # How long `fit` goes on: its epochs, or a function that returns the share
    # that is over.
    epochs = None
    clock = None

    def __init__(
        self,
        rows: dict[str, Array] | ArrayRows | StoredRows,
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
        self.rows = ArrayRows(rows) if isinstance(rows, dict) else rows
        check_seed(seed)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.weights = weights
        self.draw_plans = draw_plans
        self.groups = groups
        self._worker, self._ahead = (0, 1), None
        if not self.rows.in_memory:
            self._ahead = ReadingAhead(self._batch)
        self.begin_epoch(0)

    @property
    def inputs(self) -> dict[str, Array]:
        """All rows as arrays in memory; those that are stored are read."""
        return self.rows.columns

    @property
    def num_images(self) -> int:
        """How many images there are."""
        return len(self.rows)

    @property
    def worker(self) -> tuple[int, int]:
        """Which part of each batch `batches[i]` is, and of how many."""
        return self._worker

    @worker.setter
    def worker(self, worker: tuple[int, int]) -> None:
        """Sets which part it is from now on."""
        self._worker = worker
        self._forget()

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
    def sizes(self) -> set[int]:
        """Of how many images the batches of an epoch are."""
        size = min(self.batch_size, self.num_images)
        rest = 0 if self.shuffle else self.num_images % size
        return {size, rest} - {0}

    @property
    def num_batches(self) -> int:
        """Batches that are left of this epoch."""
        return len(self) - self.first

    def __getitem__(self, index):
        index += self.first
        if self._ahead:
            return self._ahead.get(index, len(self))
        return self._batch(index)

    def numbers(self, index: int) -> Array:
        """The rows of a batch of this epoch, of all workers together.

        Args:
            index: int, the batch's number in the whole epoch.

        Returns:
            int64 array, numbers of rows.
        """
        start = index * self.batch_size
        places = np.arange(start, min(start + self.batch_size, len(self.rows)))
        return self.order[places] if self.shuffle else places

    def _batch(self, index):
        """A batch, or this worker's part of it, by its number."""
        chosen = self.numbers(index)
        first, last = bounds(len(chosen), *self.worker)
        if not (self.draw or self.draw_plans):
            return self._made(index, 0, chosen[first:last])
        # What is drawn depends on the block, whatever the number of workers.
        begin = first // BLOCK * BLOCK
        blocks = [
            self._made(index, i // BLOCK, chosen[i : i + BLOCK])
            for i in range(begin, last, BLOCK)
        ]
        return keras.tree.map_structure(
            lambda *rows: np.concatenate(rows)[first - begin : last - begin],
            *blocks,
        )

    def _made(self, index, block, chosen):
        inputs = self.rows.read(chosen)
        generator = self._draws(index, block)
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

    def _draws(self, index, block):
        """Random numbers of a block; the same ones if nothing is shuffled."""
        key = self.key if self.shuffle else (self.seed,)
        more = (block,) if block else ()
        return np.random.default_rng((*key, index, *more))

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
        self.order = Permutation(self.num_images, self.key)
        self._forget()

    def _forget(self):
        """What was read ahead is of another order, or of another part."""
        if self._ahead:
            self._ahead.forget()

    def part(
        self,
        chosen: Any = slice(None),
        shuffle: bool = False,
        weights: Array | None = None,
    ) -> "TokenBatches":
        """Batches of some of the images; default: of all, in order.

        Args:
            chosen: int array, or a slice; of stored rows also a
                `Permutation`.
            shuffle: bool, as the class takes it.
            weights: float array `(images,)` of all images; default: as here.
        """
        weights = self.weights if weights is None else weights
        return TokenBatches(
            self.rows.part(chosen),
            self.batch_size,
            shuffle,
            self.seed,
            self.draw,
            self.target,
            None if weights is None else weights[_as_index(chosen)],
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
        if not self.rows.in_memory:
            chosen = Permutation(self.num_images, (0,))
            rest = chosen.window(count, self.num_images - count)
            aside = chosen.window(0, count)
        else:
            # In order, as shards have them.
            rest, aside = map(
                np.sort, shuffled_aside(self.num_images, count, self.groups)
            )
        return self.part(rest, self.shuffle), self.part(aside)

    def on_epoch_end(self) -> None:
        """Goes on to the next epoch, if `fit` does not say which it is."""
        self.begin_epoch(self.epoch + 1)


def _as_index(chosen):
    """What arrays in memory take as an index."""
    whole = isinstance(chosen, slice | np.ndarray)
    return chosen if whole else chosen[np.arange(len(chosen))]


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
        self.epoch_step = batches.epoch_step

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Notes how long it goes on, and what dropout draws from."""
        self.batches.epochs = self.params["epochs"]
        self.states = RandomStates(self.model)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Orders the images."""
        step = self.epoch_step
        if step is None or not self.done:
            step = max(0, steps_done(self.model) - self.done)
        self.batches.begin_epoch(epoch, step, self.done)
        self.done = 0

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Seeds dropout."""
        self.states.seed((*self.batches.key, self.batches.first + batch))


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
