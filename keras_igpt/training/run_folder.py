"""A training run's folder: options, models, log, samples.

config.json     what was asked for, versions
last.keras      the model as of the last checkpoint, to resume from
best.keras      the model with the best validation figure
state.json      how far the run has come
log.csv         a row per checkpoint
samples/        a sheet of generated images per checkpoint

If the optimizer averages weights, `best.keras`, its figure and the samples
are those of the average; `last.keras` holds the weights as they are trained,
and the average beside them, in the optimizer's state.
"""

import csv
import dataclasses
import json
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
    write_tensorboard,
)
from keras_igpt.training.losses import bits_per_pixel
from keras_igpt.training.schedule import TrainingBudget

# What Keras passes to callbacks.
Logs = dict[str, float] | None


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """What is asked of a run: the options of `keras-igpt train`.

    `config.json` holds them by these names.

    Args:
        data: as `keras_igpt.data.load` takes it; None for a run that goes on.
        size: height and width in pixels; None for the data's own.
        channels: 1 or 3; None for the data's own.
        tokenizer: "palette", "vq" or "fsq".
        colors: size of the palette; None for the channels' default.
        codes, cell_size: as `VQTokenizer` takes them.
        tokenizer_minutes: how long a learned tokenizer learns.
        labels, captions: whether to use the data's.
        edits: names of edits to learn.
        edit_share: share of the training images that are edited.
        init_from: model to go on from, as `keras_igpt.load` takes it.
        model: key of `ImageGPT.SIZES`.
        epochs, minutes: the budget; one of them.
        batch_size: images per step.
        learning_rate: the highest.
        dropout: as `ImageGPT` takes it.
        ema: momentum of averaged weights; None for none.
        precision: name of a Keras dtype policy.
        seed: of all that is random.
    """

    data: str | None
    size: int | tuple[int, int] | None
    channels: int | None
    tokenizer: str
    colors: int | None
    codes: int
    cell_size: int
    tokenizer_minutes: float
    labels: bool
    captions: bool
    edits: list[str]
    edit_share: float
    init_from: str | None
    model: str
    epochs: int | None
    minutes: float | None
    batch_size: int
    learning_rate: float
    dropout: float
    ema: float | None
    precision: str
    seed: int


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
        best: figure to beat, when a run is resumed.
    """

    def __init__(
        self,
        folder: PathLike,
        validation: dict[str, Array],
        budget: TrainingBudget,
        samples: SampleImages | None = None,
        every_minutes: float = 5.0,
        best: float = np.inf,
    ) -> None:
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.validation = validation
        self.budget = budget
        self.samples = samples
        self.every_minutes = every_minutes
        self.best = best
        self.rows = []

    def on_train_begin(self, logs: Logs = None) -> None:
        """Starts the clock."""
        self.begin = self.saved_at = time.monotonic()
        self.batch = self.saved_step = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Notes which epoch it is."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Saves within a long epoch."""
        self.batch = batch + 1
        if time.monotonic() - self.saved_at > 60 * self.every_minutes:
            self.checkpoint(logs, epochs=self.epoch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Saves after each epoch."""
        self.checkpoint(logs, epochs=epoch + 1)

    def checkpoint(self, logs: Logs, epochs: int) -> None:
        """Measures, saves and generates, after so many whole epochs."""
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


def read_state(folder: PathLike) -> dict[str, Any]:
    """What `state.json` says, or the state of a run that did not begin."""
    path = pathlib.Path(folder) / "state.json"
    if not path.exists():
        return {"spent": 0.0, "epoch": 0, "best_val_bits_per_pixel": np.inf}
    return json.loads(path.read_text("utf-8"))


def resumed(
    asked: TrainingOptions, folder: PathLike, state: dict[str, Any]
) -> tuple[TrainingOptions, dict[str, Any]]:
    """Options and state of a run that goes on, perhaps for longer."""
    folder = pathlib.Path(folder)
    config = read_config(folder)
    options = config["options"]
    for name in ("epochs", "minutes"):
        wanted, budget = getattr(asked, name), options[name]
        if wanted is None or wanted == budget:
            continue
        if budget is None:
            raise ValueError(
                "`--resume` must have a budget in the run's own unit. "
                f"Received: --{name} {wanted}, for a run with "
                f"epochs={options['epochs']}, minutes={options['minutes']}."
            )
        state = {**state, "spent": state["spent"] * budget / wanted}
        options = {**options, name: wanted}
        save_json(folder / "config.json", {**config, "options": options})
        save_json(folder / "state.json", state)
    # Earlier versions knew fewer options, later ones may know more.
    names = {field.name for field in dataclasses.fields(asked)}
    known = {n: value for n, value in options.items() if n in names}
    return dataclasses.replace(asked, **known), state


def read_config(folder: PathLike) -> dict[str, Any]:
    """What `config.json` of a run with a saved model says."""
    path = pathlib.Path(folder) / "config.json"
    if not path.exists() or not path.with_name("last.keras").exists():
        raise FileNotFoundError(
            "`--resume` must find a run with a saved model. "
            f"Received: --out {folder}, which has none. "
            "Leave --resume out to begin one."
        )
    return json.loads(path.read_text("utf-8"))


def class_names(folder: PathLike) -> list[str]:
    """Names that earlier versions wrote into `config.json`; [] if none."""
    try:
        found = json.loads(
            (pathlib.Path(folder) / "config.json").read_text("utf-8")
        )
    except (OSError, ValueError, RecursionError):
        return []
    # It may be another program's.
    names = found.get("class_names") if isinstance(found, dict) else None
    if names is None:
        return []
    if not isinstance(names, list) or not all(
        isinstance(name, str) for name in names
    ):
        raise ValueError(
            "`class_names` in config.json must be a list of names. "
            f"Received: class_names={names!r} in {folder}. Mend the file."
        )
    return names


def save_new(
    model: keras.Model, options: TrainingOptions, folder: PathLike
) -> None:
    """Begins a run's folder: with the model untrained, and what was asked."""
    folder = pathlib.Path(folder)
    save_model(model, folder / "last.keras")
    save_json(
        folder / "config.json",
        {
            "options": dataclasses.asdict(options),
            "versions": versions(),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        },
    )


def versions() -> dict[str, str]:
    """Versions of the packages that a run depends on."""
    from importlib.metadata import version

    names = ("keras_igpt", "keras", "tensorflow", "numpy")
    return {name: version(name) for name in names}
