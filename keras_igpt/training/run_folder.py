"""A training run's folder: models, log, samples; and its progress bar.

config.json     what was asked for, class names, versions
last.keras      the model as of the last checkpoint, to resume from
best.keras      the model with the best validation figure
state.json      how far the run has come
log.csv         a row per checkpoint
samples/        a sheet of generated pictures per checkpoint

If the optimizer averages weights, `best.keras`, its figure and the samples
are those of the average; `last.keras` holds the weights as they are trained,
and the average beside them, in the optimizer's state.
"""

import csv
import json
import pathlib
import time

import keras
import numpy as np

from keras_igpt.atomic_files import save_json, save_model
from keras_igpt.training.callbacks import (
    averaged_weights,
    check_finite,
    write_tensorboard,
)
from keras_igpt.training.losses import bits_per_pixel


class Checkpoints(keras.callbacks.Callback):
    """Saves models, samples and figures each epoch, and within long ones.

    A model whose validation figure is no number is not saved: the error
    leaves the last good one where it is.

    Args:
        folder: the run's folder.
        validation: dict of arrays, as `TokenBatches` holds them.
        budget: the run's `TrainingBudget`.
        samples: a `keras_igpt.SampleImages` that paints at each checkpoint,
            rather than as one of `fit`'s callbacks; or None.
        every_minutes: float. Longest time without a checkpoint.
        best: float. Figure to beat, when a run is resumed.
    """

    def __init__(
        self,
        folder,
        validation,
        budget,
        samples=None,
        every_minutes=5.0,
        best=np.inf,
    ):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.validation = validation
        self.budget = budget
        self.samples = samples
        self.every_minutes = every_minutes
        self.best = best
        self.rows = []

    def on_train_begin(self, logs=None):
        self.begin = self.saved_at = time.monotonic()
        self.batch = self.saved_step = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.batch = batch + 1
        if time.monotonic() - self.saved_at > 60 * self.every_minutes:
            self.checkpoint(logs, epochs=self.epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoint(logs, epochs=epoch + 1)

    def checkpoint(self, logs, epochs):
        """Measures, saves and paints, after so many whole epochs."""
        model, step = self.model, int(self.model.optimizer.iterations)
        with averaged_weights(model):
            validation = bits_per_pixel(
                model.score_tokens(self.validation), model.tokenizer.image_size
            )
            check_finite("the validation figure", validation)
            if validation < self.best:
                self.best = validation
                save_model(model, self.folder / "best.keras")
        save_model(model, self.folder / "last.keras")
        row = self._row(step, logs, validation)
        self._log(row)
        if self.samples:
            self.samples.set_model(model)
            with averaged_weights(model):
                self.samples.sample(row)
        state = {
            "spent": min(self.budget.spent(self.batch), 1.0),
            "epoch": epochs,
            "step": step,
            "best_val_bits_per_pixel": self.best,
        }
        save_json(self.folder / "state.json", state)
        self.saved_at = time.monotonic()

    def _row(self, step, logs, validation):
        logs = logs or {}
        return {
            "epoch": self.epoch + 1,
            "step": step,
            "seconds": round(time.monotonic() - self.begin, 1),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "loss": float(logs.get("loss", np.nan)),
            "bits_per_pixel": float(logs.get("bits_per_pixel", np.nan)),
            "val_bits_per_pixel": validation,
        }

    def _log(self, row):
        self.rows.append(row)
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, row)
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        figures = ("loss", "bits_per_pixel", "val_bits_per_pixel")
        write_tensorboard(
            self.folder / "tensorboard",
            row["step"],
            {name: row[name] for name in figures},
        )


def read_state(folder):
    """What `state.json` says, or the state of a run that did not begin."""
    path = pathlib.Path(folder) / "state.json"
    if not path.exists():
        return {"spent": 0.0, "epoch": 0, "best_val_bits_per_pixel": np.inf}
    return json.loads(path.read_text("utf-8"))


def resumed(asked, folder, state):
    """Options and state of a run that goes on, perhaps for longer."""
    config = read_config(folder)
    options = config["options"]
    for name in ("epochs", "minutes"):
        budget = options[name]
        if asked[name] is None or asked[name] == budget:
            continue
        if budget is None:
            raise ValueError(
                "`--resume` must have a budget in the run's own unit. "
                f"Received: --{name} {asked[name]}, for a run with "
                f"epochs={options['epochs']}, minutes={options['minutes']}."
            )
        state = {**state, "spent": state["spent"] * budget / asked[name]}
        options = {**options, name: asked[name]}
        save_json(folder / "config.json", {**config, "options": options})
        save_json(folder / "state.json", state)
    return {**asked, **options}, state


def read_config(folder):
    path = folder / "config.json"
    if not path.exists() or not (folder / "last.keras").exists():
        raise FileNotFoundError(
            "`--resume` must find a run with a saved model. "
            f"Received: --out {folder}, which has none. "
            "Do leave --resume out."
        )
    return json.loads(path.read_text("utf-8"))


def save_new(model, options, class_names, folder):
    """Begins a run's folder: with the model untrained, and what was asked."""
    save_model(model, folder / "last.keras")
    save_json(
        folder / "config.json",
        {
            "options": options,
            "class_names": class_names,
            "versions": versions(),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        },
    )


def versions():
    from importlib.metadata import version

    names = ("keras_igpt", "keras", "tensorflow", "numpy")
    return {name: version(name) for name in names}
