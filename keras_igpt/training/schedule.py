"""How long training lasts and how it steps."""

import contextlib
import math
import time
from collections.abc import Iterable
from typing import Any

import keras

from keras_igpt.allocation import keep_freed_memory
from keras_igpt.argument_checks import check_number, check_one_of
from keras_igpt.training.batches import TokenBatches
from keras_igpt.training.callbacks import (
    BudgetBar,
    StopOnNaN,
    inner_optimizer,
    update_variables,
)
from keras_igpt.training.feeding import fed

# Epochs of a budget in minutes, which ends `fit` long before.
ENDLESS = 1_000_000

# Ten years.
MOST_MINUTES = 5_256_000

# Of any optimizer: with more, weights are no numbers within a few steps.
MOST_RATE = 1000.0


# The highest learning rate that an optimizer is given, if none is said.
RATES = {"muon": 1e-2, "adamw": 2e-3}


def default_optimizer(
    ema: float | None = None, kind: str = "muon"
) -> keras.optimizers.Optimizer:
    """Muon or AdamW at 2e-3, the gradient's norm cut at 1.

    Muon makes each step of a matrix one of all directions alike (Jordan et
    al. 2024, https://kellerjordan.github.io/posts/muon/; scaled as in
    https://arxiv.org/abs/2502.16982), and is AdamW for embeddings, norms and
    the head. A small model learns more by it in as many minutes.

    Args:
        ema: float from 0 to 1: the momentum of averaged weights, such as
            0.999; None for none.
        kind: "muon" or "adamw".

    Returns:
        A `keras.optimizers.Muon` or `keras.optimizers.AdamW`.
    """
    if ema is not None and not 0 < ema < 1:
        raise ValueError(
            "`ema` must be above 0 and below 1, or None. "
            f"Received: ema={ema!r}. Take about 1 - 10 / steps, such as "
            "0.999 for 10,000 steps."
        )
    averaging = {} if ema is None else {"use_ema": True, "ema_momentum": ema}
    shared = {"weight_decay": 0.05, "global_clipnorm": 1.0, **averaging}
    check_one_of("optimizer", kind, tuple(RATES))
    if kind == "adamw":
        return keras.optimizers.AdamW(2e-3, beta_2=0.95, **shared)
    return keras.optimizers.Muon(
        2e-3,
        adam_beta_2=0.95,
        adam_weight_decay=0.05,
        exclude_layers=["/head/"],
        **shared,
    )


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
        first: int. Batches of the first epoch of `fit` that an earlier run
            has done.
        after_first: bool. Whether minutes count from the end of the first
            batch, most of whose time goes into compiling.
    """

    def __init__(
        self,
        peak: float = 1e-3,
        epochs: float | None = None,
        minutes: float | None = None,
        warmup: float = 0.03,
        start: float = 0.0,
        first: int = 0,
        after_first: bool = False,
    ):
        super().__init__()
        if (epochs is None) == (minutes is None):
            raise ValueError(
                "Exactly one of `epochs` and `minutes` must be given. "
                f"Received: epochs={epochs}, minutes={minutes}."
            )
        if minutes is None:
            check_number("epochs", epochs, ENDLESS)
        else:
            check_number("minutes", minutes, MOST_MINUTES)
        check_number("learning_rate", peak, MOST_RATE)
        self.peak = peak
        self.epochs = epochs
        self.minutes = minutes
        self.warmup = warmup
        self.start = start
        self.first = first
        self.after_first = after_first
        self.first_epoch = None
        self.epoch = 0
        self.begin = None
        self.last_rate = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Starts the clock."""
        self.begin = time.monotonic()
        self.compiled = not self.after_first
        self.first_epoch = None

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Notes the epoch."""
        self.epoch = epoch
        if self.first_epoch is None:
            self.first_epoch = epoch

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Sets the learning rate."""
        rate = self.rate(self.spent(batch))
        if keras.backend.backend() == "jax":
            if batch and rate == self.last_rate:
                return
            update_variables(self.model)
        self.model.optimizer.learning_rate = self.last_rate = rate

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Stops `fit` when the minutes are over."""
        if not self.compiled:
            self.begin, self.compiled = time.monotonic(), True
        if self.minutes and self.spent(batch) >= 1:
            self.model.stop_training = True

    def spent(self, batch: int) -> float:
        """Share of the budget that is spent, from 0 to 1 (or beyond)."""
        if self.minutes:
            now = time.monotonic()
            # Backends look at a batch before they begin.
            elapsed = 0 if self.begin is None else now - self.begin
            return self.start + elapsed / 60 / self.minutes
        steps = self.params["steps"] or 1
        done = self.first if self.epoch == self.first_epoch else 0
        return (self.epoch + (done + batch) / steps) / self.epochs

    def rate(self, spent: float) -> float:
        """Learning rate after a share of the budget, to three digits.

        So it stays the same for some steps: to set it takes time on JAX.
        """
        return float(f"{self.peak * self._share(spent):.2e}")

    def _share(self, spent):
        """Share of the highest rate."""
        if spent < self.warmup:
            # Not from 0: the first batch should teach something too.
            return 0.05 + 0.95 * spent / self.warmup
        fall = min((spent - self.warmup) / (1 - self.warmup), 1.0)
        return 0.525 + 0.475 * math.cos(math.pi * fall)


def build_optimizer(model: keras.Model) -> None:
    """Makes the variables of a model's optimizer, if they are not made yet.

    A first step that makes them is traced twice by TensorFlow, which takes
    as long as all else before it.

    Args:
        model: a `keras.Model`, built; nothing happens if it is not compiled.
    """
    if model.built and model.compiled and not model.optimizer.built:
        strategy = getattr(model, "distribute_strategy", None)
        with strategy.scope() if strategy else contextlib.nullcontext():
            model.optimizer.build(model.trainable_variables)


def part_averages(model: keras.Model) -> None:
    """Gives averages of weights memory of their own, for `fit` to go on.

    At its end `fit` puts them into the weights. On JAX each is one array with
    its weight then, and a step cannot be given an array twice.

    Args:
        model: a `keras.Model`; nothing happens if it averages no weights.
    """
    if not model.compiled or keras.backend.backend() != "jax":
        return
    optimizer = inner_optimizer(model)
    if getattr(optimizer, "use_ema", False):
        for average in optimizer._model_variables_moving_average:
            average.assign(keras.ops.copy(average))


def fit_within(
    model: keras.Model,
    batches: Any,
    budget: TrainingBudget,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    bar: BudgetBar | None = None,
    **arguments: Any,
) -> keras.callbacks.History:
    """Calls `fit` until a budget is spent.

    The budget sets the learning rate, a loss that is no number ends it with
    an error, and the bar's line ends whatever ends `fit`.

    Args:
        model: a compiled `keras.Model`.
        batches: what to fit it to, as `fit` takes it.
        budget: a `TrainingBudget`.
        callbacks: more of them, called after the budget, and in this order.
        bar: the `BudgetBar` that shows how far it is, called before these;
            or None.
        arguments: passed on to `fit`, such as `initial_epoch` and
            `validation_data`. `verbose` is 0 unless it is given.

    Returns:
        What `fit` returns, a `keras.callbacks.History`.

    Raises:
        FloatingPointError: if the loss is NaN or infinite.
    """
    epochs = ENDLESS if budget.epochs is None else math.ceil(budget.epochs)
    shown = [] if bar is None else [bar]
    keep_freed_memory()
    build_optimizer(model)
    if budget.minutes and hasattr(batches, "clock"):
        batches.clock = lambda: budget.spent(0)
    if not isinstance(batches, TokenBatches):  # Their models do it themselves.
        batches = fed(batches)
    try:
        return model.fit(
            batches,
            epochs=epochs,
            callbacks=[budget, StopOnNaN(), *shown, *callbacks],
            **{"verbose": 0, **arguments},
        )
    finally:
        for line in shown:
            line.close()
