"""A training run's folder: models, log, samples; and its progress bar.

config.json     what was asked for, class names, versions
last.keras      the model as of the last checkpoint, to resume from
best.keras      the model with the best validation figure
state.json      how far the run has come
log.csv         a row per checkpoint
samples/        a sheet of generated pictures per checkpoint
"""

import csv
import json
import pathlib
import time

import keras
import numpy as np

from keras_igpt.evaluation import bits_per_pixel
from keras_igpt.files import save_json, save_model
from keras_igpt.sheets import contact_sheet, save_png


class Checkpoints(keras.callbacks.Callback):
    """Saves models, samples and figures each epoch, and within long ones.

    A model whose validation figure is no number is not saved: the error
    leaves the last good one where it is.

    Args:
        folder: the run's folder.
        validation: dict of arrays, as `TokenBatches` holds them.
        budget: the run's `TrainingBudget`.
        samples: dict of arguments of `ImageGPT.generate`: what to paint at
            each checkpoint.
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
        self.samples = samples or {"num_images": 16}
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
            self.checkpoint(logs)

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoint(logs)

    def checkpoint(self, logs):
        """Measures, saves and paints."""
        model, step = self.model, int(self.model.optimizer.iterations)
        validation = bits_per_pixel(
            model.score_tokens(self.validation), model.tokenizer.image_size
        )
        check_finite("the validation figure", validation)
        save_model(model, self.folder / "last.keras")
        if validation < self.best:
            self.best = validation
            save_model(model, self.folder / "best.keras")
        row = {
            "epoch": self.epoch + 1,
            "step": step,
            "seconds": round(time.monotonic() - self.begin, 1),
            "learning_rate": float(model.optimizer.learning_rate),
            "loss": float((logs or {}).get("loss", np.nan)),
            "bits_per_pixel": float((logs or {}).get("bits_per_pixel", np.nan)),
            "val_bits_per_pixel": validation,
        }
        self._log(row)
        self._paint(row)
        state = {
            "spent": min(self.budget.spent(self.batch), 1.0),
            "epoch": self.epoch + 1,
            "step": step,
            "best_val_bits_per_pixel": self.best,
        }
        save_json(self.folder / "state.json", state)
        self.saved_at = time.monotonic()

    def _log(self, row):
        self.rows.append(row)
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, row)
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def _paint(self, row):
        images = self.model.generate(**self.samples, seed=0)
        sheet = contact_sheet(images)
        name = f"step-{row['step']:07d}.png"
        save_png(self.folder / "samples" / name, sheet, row)
        write_tensorboard(self.folder / "tensorboard", row, sheet)


def write_tensorboard(folder, row, sheet):
    """Adds figures and samples for TensorBoard, if it is installed."""
    try:
        import tensorboard  # noqa: F401
        import tensorflow as tf
    except ImportError:
        return
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=row["step"]):
        for name in ("loss", "bits_per_pixel", "val_bits_per_pixel"):
            tf.summary.scalar(name, row[name])
        tf.summary.image("samples", sheet[None])
    writer.close()


class StopOnNaN(keras.callbacks.Callback):
    """Ends training with an error when the loss is no number.

    Keras's `TerminateOnNaN` stops without a word to the caller, who then
    saves the ruined weights.
    """

    def on_train_batch_end(self, batch, logs=None):
        check_finite("the loss", (logs or {}).get("loss", 0.0))


def check_finite(what, value):
    """Raises `FloatingPointError` for NaN or infinity."""
    if not np.isfinite(value):
        raise FloatingPointError(
            f"Training must stop: {what} is no number. Received: {value}. "
            "The last saved model is untouched. Do lower the learning rate."
        )


class ProgressBar(keras.callbacks.Callback):
    """One line: how much of the budget is spent, time left, figures.

    Args:
        budget: the run's `TrainingBudget`.
        console: a `rich.console.Console`, or None for the standard one.
    """

    def __init__(self, budget, console=None):
        super().__init__()
        self.budget = budget
        self.console = console

    def on_train_begin(self, logs=None):
        from rich import progress

        self.bar = progress.Progress(
            progress.TextColumn("training"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.description}"),
            console=self.console,
        )
        self.task = self.bar.add_task("", total=1.0)
        self.bar.start()

    def on_train_batch_end(self, batch, logs=None):
        logs = logs or {}
        self.bar.update(
            self.task,
            completed=min(self.budget.spent(batch + 1), 1.0),
            description=(
                f"step {int(self.model.optimizer.iterations)}  "
                f"bits/pixel {logs.get('bits_per_pixel', np.nan):.3f}"
            ),
        )

    def on_train_end(self, logs=None):
        self.bar.update(self.task, completed=1.0)
        self.close()

    def close(self):
        """Ends the line; also for a run that an error or Ctrl-C ended."""
        if hasattr(self, "bar"):
            self.bar.stop()


def read_state(folder):
    """What `state.json` says, or the state of a run that did not begin."""
    path = pathlib.Path(folder) / "state.json"
    if not path.exists():
        return {"spent": 0.0, "epoch": 0, "best_val_bits_per_pixel": np.inf}
    return json.loads(path.read_text("utf-8"))
