"""Tests of how long training lasts."""

import io

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_igpt.progress import Bar
from keras_igpt.training import schedule
from keras_igpt.training.callbacks import BudgetBar
from keras_igpt.training.schedule import (
    TrainingBudget,
    default_optimizer,
    fit_within,
)


class Interrupted(keras.callbacks.Callback):
    """Ends `fit` after a batch, as Ctrl-C would."""

    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


@pytest.fixture
def line():
    """A model of a line, ready for `fit`."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    return model


class Points(keras.utils.PyDataset):
    """Eight batches of points of a line."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        x = np.linspace(-1, 1, 2, dtype="float32")[:, None]
        return x, 2 * x


def bar_on_a_screen(what):
    """A bar that is shown at once, and what it is drawn on."""
    screen = Console(force_terminal=True, width=120, file=io.StringIO())
    return BudgetBar(what, console=screen, patience=0.0), screen.file


def budget_rates(budget, shares):
    return [budget.rate(share) for share in shares]


def test_budget_rises_then_falls():
    rates = budget_rates(TrainingBudget(1.0, epochs=1), [0, 0.03, 0.5, 1.0])
    assert rates[0] == pytest.approx(0.05)
    assert rates[1] == pytest.approx(1.0)
    assert 0.05 < rates[2] < 1.0
    assert rates[3] == pytest.approx(0.05)


def test_budget_does_not_fall_on_when_overspent():
    budget = TrainingBudget(1.0, epochs=1)
    assert budget.rate(1.5) == budget.rate(1.0)


@pytest.mark.backends
def test_budget_of_epochs_ends_at_the_low_rate(line):
    budget = TrainingBudget(1e-3, epochs=2)
    history = fit_within(line, Points(), budget)
    assert history.epoch == [0, 1]
    rate = float(line.optimizer.learning_rate)
    assert rate == pytest.approx(budget.rate(15 / 16), rel=1e-5)


def test_budget_of_minutes_stops_in_time(line):
    history = fit_within(line, Points(), TrainingBudget(1e-3, minutes=0.001))
    assert len(history.epoch) < 10_000


def test_budget_begins_where_an_earlier_run_ended():
    budget = TrainingBudget(1.0, minutes=10, start=0.5)
    budget.on_train_begin()
    assert budget.spent(0) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"epochs": 1, "minutes": 1}, {"epochs": 0}, {"minutes": -1.0}],
)
def test_bad_budget_is_named(kwargs):
    with pytest.raises(ValueError, match="Received"):
        TrainingBudget(**kwargs)


@pytest.mark.parametrize("ema", [0, 1, 1.5, -0.1])
def test_bad_share_of_an_average_is_named(ema):
    with pytest.raises(ValueError, match=f"`ema` must be.*ema={ema}"):
        default_optimizer(ema)


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_optimizer_is_the_one_asked_for(kind):
    assert type(default_optimizer(kind=kind)).__name__.lower() == kind


def test_other_optimizers_are_refused():
    with pytest.raises(ValueError, match="`optimizer` must be.*sgd"):
        default_optimizer(kind="sgd")


def test_muon_is_for_the_matrices_between_embedding_and_head(tiny_model):
    optimizer = default_optimizer()
    weights = tiny_model.trainable_variables
    optimizer.build(weights)
    matrices = {
        weight.path.partition("/")[2]
        for weight, velocity in zip(weights, optimizer.adam_velocities)
        if velocity is None
    }
    assert all("kernel" in path for path in matrices)
    assert any("attention/query_key_value" in path for path in matrices)
    assert not any(path.startswith("head/") for path in matrices)


# === `fit_within` ===


def test_epochs_are_counted_from_where_a_run_goes_on(line):
    budget = TrainingBudget(1e-3, epochs=3)
    history = fit_within(line, Points(), budget, initial_epoch=1)
    assert history.epoch == [1, 2]


def test_part_of_an_epoch_is_rounded_up(line):
    budget = TrainingBudget(1e-3, epochs=1.2)
    assert len(fit_within(line, Points(), budget).epoch) == 2


@pytest.mark.backends
def test_callbacks_follow_the_budget_and_the_bar(line):
    called = []

    class Told(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            called.append(float(line.optimizer.learning_rate))

        def on_train_end(self, logs=None):
            called.append(bar.bar.done)

    budget = TrainingBudget(1.0, epochs=1)
    bar, _ = bar_on_a_screen("training")
    fit_within(line, Points(), budget, [Told()], bar)
    assert called[0] == pytest.approx(budget.rate(0))
    assert called[-1] == 1.0


def test_first_step_is_traced_once(line, monkeypatch):
    line.compile("adam", "mse", jit_compile=False)
    traces, step = [], line.train_step
    monkeypatch.setattr(
        line, "train_step", lambda data: traces.append(data) or step(data)
    )
    fit_within(line, Points(), TrainingBudget(1e-3, epochs=1))
    assert len(traces) == 1


@pytest.mark.backends
def test_loss_that_is_no_number_is_an_error(line):
    line.layers[0].kernel.assign([[np.nan]])
    with pytest.raises(FloatingPointError, match="nan"):
        fit_within(line, Points(), TrainingBudget(1e-3, epochs=1))


def test_bar_is_shown_after_a_fit_that_was_interrupted(line):
    first, screen = bar_on_a_screen("first")
    with pytest.raises(KeyboardInterrupt) as error:
        budget = TrainingBudget(1e-3, epochs=1)
        fit_within(line, Points(), budget, [Interrupted()], first)
    assert error and first.bar and "first" in screen.getvalue()
    second, screen = bar_on_a_screen("second")
    fit_within(line, Points(), TrainingBudget(1e-3, epochs=1), bar=second)
    assert "second" in screen.getvalue()


def test_bar_of_other_work_is_shown_after_an_interrupted_fit(line):
    bar, _ = bar_on_a_screen("training")
    with pytest.raises(KeyboardInterrupt) as error:
        budget = TrainingBudget(1e-3, epochs=1)
        fit_within(line, Points(), budget, [Interrupted()], bar)
    screen = Console(force_terminal=True, width=120, file=io.StringIO())
    later = Bar("scoring", console=screen)
    later.update(0.5)
    later.close()
    assert error and "scoring" in screen.file.getvalue()


def test_bar_is_shown_after_a_plain_fit_that_was_interrupted(line):
    first, screen = bar_on_a_screen("first")
    with pytest.raises(KeyboardInterrupt) as error:
        line.fit(Points(), verbose=0, callbacks=[first, Interrupted()])
    assert error and "first" in screen.getvalue()
    second, screen = bar_on_a_screen("second")
    line.fit(Points(), verbose=0, callbacks=[second])
    assert "second" in screen.getvalue()


def test_one_bar_is_shown_in_every_fit(line):
    bar, screen = bar_on_a_screen("training")
    for _ in range(2):
        line.fit(Points(), verbose=0, callbacks=[bar])
    assert screen.getvalue().count("100%") >= 2


def test_minutes_can_count_from_the_end_of_the_first_batch(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(schedule.time, "monotonic", lambda: now[0])
    budget = schedule.TrainingBudget(minutes=1, after_first=True)
    budget.set_model(keras.Sequential())
    budget.model.stop_training = False
    budget.on_train_begin()
    now[0] = 100.0
    budget.on_train_batch_end(0)
    assert not budget.model.stop_training
    now[0] = 161.0
    budget.on_train_batch_end(1)
    assert budget.model.stop_training
