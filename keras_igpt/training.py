"""What `fit` is fed with, what it lowers, and how long it runs."""

import math
import time

import keras
import numpy as np
from keras import ops

# Share of the cells that the objective "bert" hides.
MASKED_RATE = 0.15


@keras.saving.register_keras_serializable("keras_igpt")
class TokenCrossentropy(keras.losses.Loss):
    """Cross-entropy of the picture's tokens, in nats per token.

    A small penalty on the logarithm of the softmax's normaliser ("z-loss",
    Chowdhery et al. 2022, https://arxiv.org/abs/2204.02311, section 5) keeps
    logits from drifting.

    Args:
        z_loss: float. Weight of the penalty.
    """

    def __init__(self, z_loss=1e-4, name="token_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.z_loss = z_loss

    def call(self, y_true, y_pred):
        """Args: int32 tokens `(B, N)`; float32 logits `(B, N, V)`."""
        nats = token_nats(y_true, y_pred)
        if not self.z_loss:
            return nats
        return nats + self.z_loss * ops.logsumexp(y_pred, axis=-1) ** 2

    def get_config(self):
        return {**super().get_config(), "z_loss": self.z_loss}


def token_nats(tokens, logits):
    """Negative log-likelihood, float32 `(B, N)`, of tokens under logits."""
    return keras.losses.sparse_categorical_crossentropy(
        tokens, logits, from_logits=True
    )


@keras.saving.register_keras_serializable("keras_igpt")
class BitsPerPixel(keras.metrics.Mean):
    """Mean code length of a picture, in bits per pixel.

    The bits that an arithmetic coder driven by the model would spend on a
    picture's tokens, divided by its pixels (not by its channels).

    Args:
        pixels_per_token: float. 1 for a palette of pixel colours.
    """

    def __init__(self, pixels_per_token=1.0, name="bits_per_pixel", **kwargs):
        super().__init__(name=name, **kwargs)
        self.pixels_per_token = pixels_per_token

    def update_state(self, y_true, y_pred, sample_weight=None):
        bits = token_nats(y_true, y_pred) / math.log(2)
        super().update_state(bits / self.pixels_per_token, sample_weight)

    def get_config(self):
        return {
            **super().get_config(),
            "pixels_per_token": self.pixels_per_token,
        }


class TokenBatches(keras.utils.PyDataset):
    """Tokenised pictures in memory, in batches for `fit` or `evaluate`.

    Each batch is `({"tokens", "label"…}, tokens)`: the model is given the
    tokens it should paint, and shifts them itself so that no cell sees its
    own.

    Args:
        inputs: dict of int arrays of one length, `"tokens"` among them.
        batch_size: int.
        shuffle: bool. A new order every epoch. Batches then have one size,
            which compilers like; the few pictures left over differ by epoch.
        seed: int. Decides the orders.
        draw: function of a batch's inputs and a `numpy.random.Generator` to
            the inputs that the model is given, called anew every time; or
            None.
        target: str. What is to be told. If it is another input than
            `"tokens"`, the model is not given it; None for inputs alone.
    """

    def __init__(
        self,
        inputs,
        batch_size=64,
        shuffle=True,
        seed=0,
        draw=None,
        target="tokens",
        **kwargs,
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
    def num_images(self):
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

    def split(self, count):
        """Sets `count` pictures, chosen at random, aside.

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

    def on_epoch_end(self):
        if self.shuffle:
            self.generator.shuffle(self.order)


def draw_masked(inputs, generator):
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


def masked_weights(masked):
    """Weights `(B, N)` that make a mean over all one over hidden cells."""
    return (masked * (masked.size / max(masked.sum(), 1))).astype("float32")


class TrainingBudget(keras.callbacks.Callback):
    """Spends a budget of epochs or minutes: warm-up, cosine, then stop.

    The learning rate rises linearly over the first `warmup` share of the
    budget and falls along a half cosine to 5 % of its peak at the end
    (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983). Give `fit`
    a large number of epochs with a budget in minutes: it stops by itself.

    Args:
        peak: float. The highest learning rate.
        epochs: int, or None. The budget in epochs.
        minutes: float, or None. The budget in minutes of `fit`.
        warmup: float. Share of the budget spent on the rise.
        start: float. Share of a budget in minutes that an earlier run spent.
    """

    def __init__(
        self,
        peak=1e-3,
        epochs=None,
        minutes=None,
        warmup=0.03,
        start=0.0,
    ):
        super().__init__()
        if (epochs is None) == (minutes is None):
            raise ValueError(
                "Exactly one of `epochs` and `minutes` must be given. "
                f"Received: epochs={epochs}, minutes={minutes}."
            )
        if (epochs if minutes is None else minutes) <= 0:
            raise ValueError(
                "The budget must be positive. "
                f"Received: epochs={epochs}, minutes={minutes}."
            )
        self.peak = peak
        self.epochs = epochs
        self.minutes = minutes
        self.warmup = warmup
        self.start = start
        self.epoch = 0

    def on_train_begin(self, logs=None):
        self.begin = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.rate(self.spent(batch))

    def on_train_batch_end(self, batch, logs=None):
        if self.minutes and self.spent(batch) >= 1:
            self.model.stop_training = True

    def spent(self, batch):
        """Share of the budget that is spent, from 0 to 1 (or beyond)."""
        if self.minutes:
            elapsed = time.monotonic() - self.begin
            return self.start + elapsed / 60 / self.minutes
        steps = self.params["steps"] or 1
        return (self.epoch + batch / steps) / self.epochs

    def rate(self, spent):
        """Learning rate after a share of the budget."""
        if spent < self.warmup:
            # Not from 0: the first batch should teach something too.
            return self.peak * (0.05 + 0.95 * spent / self.warmup)
        fall = min((spent - self.warmup) / (1 - self.warmup), 1.0)
        return self.peak * (0.525 + 0.475 * math.cos(math.pi * fall))
