import csv
import json

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import make_model

import keras_igpt
from keras_igpt.training import callbacks, run_folder
from keras_igpt.training.batches import TokenBatches
from keras_igpt.training.checkpoints import Checkpoints
from keras_igpt.training.schedule import TrainingBudget, default_optimizer

pytestmark = pytest.mark.usefixtures("smallest")


def some_inputs(count=6):
    generator = np.random.default_rng(0)
    return {
        "tokens": generator.integers(0, 5, (count, 16), "int32"),
        "label": np.arange(count, dtype="int32") % 3,
    }


def fit(model, folder, epochs=2, learning_rate=1e-3, ema=None, **kwargs):
    budget = TrainingBudget(learning_rate, epochs=epochs)
    samples = keras_igpt.SampleImages(folder / "samples", labels=[0, 1])
    checkpoints = Checkpoints(folder, some_inputs(), budget, samples, **kwargs)
    model.compile(default_optimizer(ema))
    model.fit(
        TokenBatches(some_inputs(), 3),
        epochs=epochs,
        verbose=0,
        callbacks=[budget, callbacks.StopOnNaN(), checkpoints],
    )
    return checkpoints


@pytest.fixture(scope="module")
def run(smallest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    model = make_model()
    return model, folder, fit(model, folder)


@pytest.mark.backends
def test_last_model_is_the_one_after_the_last_epoch(run):
    model, folder, _ = run
    saved = keras.saving.load_model(folder / "last.keras")
    for a, b in zip(saved.weights, model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.backends
def test_best_model_has_the_best_figure(run):
    model, folder, checkpoints = run
    saved = keras_igpt.load(folder / "best.keras")
    nats = saved.score_tokens(some_inputs())
    best = min(row["val_bits_per_pixel"] for row in checkpoints.rows)
    assert nats.mean() / 16 / np.log(2) == pytest.approx(best, rel=1e-5)


@pytest.mark.backends
def test_log_has_a_row_per_epoch(run):
    with open(run[1] / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["step"] for row in rows] == ["2", "4"]
    assert all(np.isfinite(float(row["val_bits_per_pixel"])) for row in rows)


def test_samples_are_generated_every_epoch(run):
    names = sorted(path.name for path in (run[1] / "samples").iterdir())
    assert names == ["step-0000002.png", "step-0000004.png"]
    with Image.open(run[1] / "samples" / names[0]) as sheet:
        assert sheet.size == (64 + 2 + 64, 64)


def test_state_says_how_far_the_run_came(run):
    state = run_folder.read_state(run[1])
    assert state["epoch"] == 2 and state["spent"] == pytest.approx(1.0)


@pytest.mark.backends
def test_long_epochs_are_saved_within(fresh_model, tmp_path):
    checkpoints = fit(fresh_model, tmp_path, epochs=1, every_minutes=0.0)
    assert [row["step"] for row in checkpoints.rows] == [1, 2]


def test_epoch_that_is_not_over_does_not_count(fresh_model, tmp_path):
    class Killed(Exception):
        pass

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise Killed

    fresh_model.compile()
    budget = TrainingBudget(1e-3, epochs=5)
    checkpoints = Checkpoints(
        tmp_path, some_inputs(), budget, every_minutes=0.0
    )
    with pytest.raises(Killed):
        fresh_model.fit(
            TokenBatches(some_inputs(), 3),
            initial_epoch=1,
            epochs=5,
            verbose=0,
            callbacks=[budget, checkpoints, Kill()],
        )
    state = run_folder.read_state(tmp_path)
    assert state["epoch"] == 1 and state["batch"] == 1


@pytest.mark.backends
def test_nan_stops_and_keeps_the_last_good_model(fresh_model, tmp_path):
    fit(fresh_model, tmp_path, epochs=1)
    good = (tmp_path / "last.keras").read_bytes()
    kernel = fresh_model.head.kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(FloatingPointError, match="the loss is no number"):
        fit(fresh_model, tmp_path, epochs=1)
    assert (tmp_path / "last.keras").read_bytes() == good


def test_nan_of_the_last_step_is_not_saved(fresh_model, tmp_path):
    fit(fresh_model, tmp_path, epochs=1)
    good = (tmp_path / "last.keras").read_bytes()
    checkpoints = Checkpoints(
        tmp_path, some_inputs(), TrainingBudget(1e-3, epochs=1)
    )
    checkpoints.set_model(fresh_model)
    checkpoints.on_train_begin()
    checkpoints.on_epoch_begin(0)
    kernel = fresh_model.head.kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(FloatingPointError, match="validation figure"):
        checkpoints.on_epoch_end(0, {"loss": 1.0})
    assert (tmp_path / "last.keras").read_bytes() == good


# === Averaged weights ===


@pytest.fixture(scope="module")
def averaged_run(smallest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("averaged")
    model = make_model()
    fit(model, folder, epochs=1, learning_rate=3e-2, ema=0.5)
    return model, folder


def weights_of(model):
    return [keras.ops.convert_to_numpy(w) for w in model.trainable_variables]


@pytest.mark.backends
def test_best_model_is_the_average(averaged_run):
    model, folder = averaged_run
    best = keras_igpt.load(folder / "best.keras")
    # At its end `fit` itself puts the average into the model.
    for a, b in zip(weights_of(best), weights_of(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.backends
def test_last_model_is_as_trained_and_has_the_average_beside(averaged_run):
    model, folder = averaged_run
    last = keras_igpt.load(folder / "last.keras")
    trained = weights_of(last)
    assert any(
        abs(a - b).max() > 1e-3 for a, b in zip(trained, weights_of(model))
    )
    with keras_igpt.averaged_weights(last):
        for a, b in zip(weights_of(last), weights_of(model), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.backends
def test_averaging_goes_on_where_it_ended(averaged_run):
    """A step of the resumed average, by its formula."""
    last = keras_igpt.load(averaged_run[1] / "last.keras")
    with keras_igpt.averaged_weights(last):
        before = weights_of(last)
    last.train_on_batch(*TokenBatches(some_inputs(), 3)[0])
    trained = weights_of(last)
    with keras_igpt.averaged_weights(last):
        for old, new, now in zip(before, trained, weights_of(last)):
            np.testing.assert_allclose(
                now, 0.5 * old + 0.5 * new, rtol=1e-4, atol=1e-6
            )


# === Progress ===


@pytest.mark.backends
def test_progress_bar_shows_step_and_figure(fresh_model, capsys):
    from rich.console import Console

    budget = TrainingBudget(1e-3, epochs=1)
    console = Console(force_terminal=True, width=120)
    fresh_model.compile()
    fresh_model.fit(
        TokenBatches(some_inputs(), 3),
        verbose=0,
        callbacks=[budget, callbacks.ProgressBar(budget, console)],
    )
    shown = capsys.readouterr().out
    assert "step 2" in shown and "bits/pixel" in shown and "100%" in shown


def test_config_of_a_sheet_is_in_its_file(run):
    from keras_igpt.images.files import read_parameters

    parameters = read_parameters(run[1] / "samples" / "step-0000002.png")
    assert parameters["step"] == 2
    assert json.dumps(parameters)
