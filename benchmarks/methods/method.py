"""What all methods have in common."""

import keras
import numpy as np

from keras_igpt.progress import steps
from keras_igpt.training.callbacks import BudgetBar
from keras_igpt.training.schedule import TrainingBudget, fit_within

# Images of a step; of long sequences fewer, for the steps to be many.
BATCH = 64

TOKENS = 2048


class Method:
    """A way to generate images of a class.

    Args:
        data: `datasets.Images`.
        rate: the highest learning rate, one of `RATES`.
        size: about how many weights.
        seed: of first weights and orders.
    """

    NAME = ""
    # Settings that are tried; None for methods that do not learn by steps.
    RATES: tuple = (None,)
    # What it cannot do by itself.
    CANNOT = ""

    def __init__(self, data, rate, size, seed):
        self.data, self.rate, self.size, self.seed = data, rate, size, seed

    @classmethod
    def rates(cls, data):
        """The settings that are tried for some images."""
        return cls.RATES

    def fit(self, minutes):
        """Learns for so long."""
        raise NotImplementedError

    def generate(self, labels, seed):
        """Images of classes, uint8."""
        raise NotImplementedError

    def bits_per_pixel(self, images, labels):
        """Code length of images, or a bound of it; None if it has none."""

    @property
    def num_weights(self):
        """Weights that generating takes, or 0."""
        return 0


def within(budget_minutes, rate, model, batches, name):
    """Fits a compiled Keras model for some minutes after its compilation."""
    budget = TrainingBudget(rate, minutes=budget_minutes, after_first=True)
    bar = BudgetBar(f"training {name}", budget)
    fit_within(model, batches, budget, bar=bar)


def batch_size(cells):
    """Images of a step, if each is so many tokens."""
    return min(BATCH, max(TOKENS // cells, 8))


class Batches(keras.utils.PyDataset):
    """Rows of arrays in an order of their own each epoch, without end.

    Args:
        make: function of row numbers to what `fit` takes.
        count: how many rows there are.
        seed: of the order.
        size: rows of a batch.
    """

    def __init__(self, make, count, seed, size=BATCH):
        super().__init__()
        self.make, self.count, self.seed, self.epoch = make, count, seed, 0
        self.size = size
        self.order = self._order()

    def _order(self):
        generator = np.random.default_rng((self.seed, self.epoch))
        return generator.permutation(self.count)

    def __len__(self):
        return max(self.count // self.size, 1)

    def __getitem__(self, index):
        return self.make(self.order[index * self.size :][: self.size])

    def on_epoch_end(self):
        self.epoch += 1
        self.order = self._order()


def sized(make, target, widths):
    """The model whose number of weights is nearest to `target`.

    Args:
        make: function of a width to a built model.
        target: int.
        widths: rising ints.
    """
    low, high = 0, len(widths) - 1
    while low < high:
        middle = (low + high) // 2
        if make(widths[middle]).count_params() < target:
            low = middle + 1
        else:
            high = middle
    near = widths[max(low - 1, 0) : low + 1]
    models = [make(width) for width in near]
    return min(models, key=lambda m: abs(m.count_params() - target))


def in_batches(function, *columns, name="generating"):
    """Calls a function on rows of arrays, 256 at once; joined."""
    starts = range(0, len(columns[0]), 256)
    return np.concatenate(
        [
            np.asarray(function(*(c[i : i + 256] for c in columns)))
            for i in steps(name, starts)
        ]
    )
