"""The callback that fills a training run's folder."""

import csv
import pathlib
import time
from typing import Any

import keras
import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.atomic_files import save_json, save_model
from keras_igpt.training.callbacks import (
    SampleImages,
    averaged_weights,
    check_finite,
    number_of,
    steps_done,
    update_variables,
    write_tensorboard,
)
from keras_igpt.training.interruptions import Interruption
from keras_igpt.training.losses import bits_per_pixel
from keras_igpt.training.run_folder import STATE
from keras_igpt.training.schedule import TrainingBudget

# What Keras passes to callbacks.
Logs = dict[str, float] | None


class Checkpoints(keras.callbacks.Callback):
    """Saves models, samples and figures each epoch, and within long ones.

    A model whose validation figure is no number is not saved: the error
    leaves the last good one where it is.

    Args:
        folder: the run's folder.
        validation: as `TokenBatches` holds its rows.
        budget: the run's.
        samples: generates a sheet at each checkpoint, rather than as one of
            `fit`'s callbacks.
        every_minutes: longest time without a checkpoint.
        state: as `read_state` returns it, when a run is resumed.
        interruption: tells that `fit` ends early. Then the model is saved as
            it is, with nothing measured, so that the run goes on as if
            nothing had been.
    """

    def __init__(
        self,
        folder: PathLike,
        validation: dict[str, Array],
        budget: TrainingBudget,
        samples: SampleImages | None = None,
        every_minutes: float = 5.0,
        state: dict[str, Any] | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.validation = validation
        self.budget = budget
        self.samples = samples
        self.every_minutes = every_minutes
        self.state = state or {"best_val_bits_per_pixel": np.inf}
        self.best = self.state["best_val_bits_per_pixel"]
        self.interruption = interruption
        self.rows = []

    def on_train_begin(self, logs: Logs = None) -> None:
        """Starts the clock."""
        self.begin = self.saved_at = time.monotonic()
        # Batches of the first epoch that an earlier process did.
        self.done = self.state.get("batch", 0)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Notes which epoch it is."""
        self.epoch, self.batch = epoch, self.done
        # Steps before the epoch. They are fewer than steps and batches tell
        # where half precision has left steps out.
        self.epoch_step = steps_done(self.model) - self.done
        if self.done:
            self.epoch_step = self.state.get("epoch_step", self.epoch_step)
        self.first, self.done = self.done, 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Saves within a long epoch."""
        self.batch = self.first + batch + 1
        late = time.monotonic() - self.saved_at > 60 * self.every_minutes
        if late and not self._epoch_is_over():
            self.checkpoint(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Saves after each epoch, and after a part of one if `fit` ends."""
        if self.interruption and self.interruption.received is not None:
            self.save()
        else:
            self.checkpoint(logs)

    def _epoch_is_over(self):
        return self.batch >= (self.params.get("steps") or self.batch)

    def checkpoint(self, logs: Logs) -> None:
        """Measures, generates and saves."""
        model, step = self.model, steps_done(self.model)
        with averaged_weights(model):
            validation = bits_per_pixel(
                model.score_tokens(self.validation), model.tokenizer.image_size
            )
            check_finite("the validation figure", validation)
            if validation < self.best:
                self.best = validation
                figure = {"best_val_bits_per_pixel": validation, "step": step}
                save_model(model, self.folder / "best.keras", {STATE: figure})
        row = self._row(step, logs, validation)
        self._log(row)
        if self.samples:
            self.samples.set_model(model)
            with averaged_weights(model):
                self.samples.sample(row)
        self.save()

    def save(self) -> None:
        """Saves the model, and how far the run has come."""
        update_variables(self.model)
        over, step = self._epoch_is_over(), steps_done(self.model)
        state = {
            "spent": min(self.budget.spent(self.batch - self.first), 1.0),
            "budget": self.budget.epochs or self.budget.minutes,
            "epoch": self.epoch + over,
            "batch": 0 if over else self.batch,
            "step": step,
            "epoch_step": step if over else self.epoch_step,
            "best_val_bits_per_pixel": (
                self.best if np.isfinite(self.best) else None
            ),
        }
        save_model(self.model, self.folder / "last.keras", {STATE: state})
        save_json(self.folder / "state.json", state)
        self.saved_at = time.monotonic()

    def _row(self, step, logs, validation):
        logs = logs or {}
        return {
            "epoch": self.epoch + 1,
            "step": step,
            "seconds": round(time.monotonic() - self.begin, 1),
            "learning_rate": number_of(self.model.optimizer.learning_rate),
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
