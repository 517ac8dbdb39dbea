"""Callbacks for `fit`: sample sheets, TensorBoard images, averaged weights.

Keras's own work as well: `CSVLogger`, `TensorBoard`, `ModelCheckpoint`.
"""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import check_positive, is_whole
from keras_igpt.images.files import contact_sheet, save_png
from keras_igpt.progress import PATIENCE, Bar

if TYPE_CHECKING:
    from rich.console import Console


def update_variables(model: keras.Model) -> None:
    """Gives variables their values, for callbacks to read or to assign.

    During an epoch of `fit` JAX holds the values aside, and variables are
    empty. Other backends have them at hand at any time.

    Args:
        model: a compiled `keras.Model`.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


def steps_done(model: keras.Model) -> int:
    """Steps that a compiled model has learned."""
    update_variables(model)
    return int(number_of(model.optimizer.iterations))


def inner_optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    """The optimizer of a compiled model that has its rules.

    Half precision wraps it in one that scales the loss.
    """
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def number_of(variable: keras.Variable) -> float:
    """A variable's number, on any device."""
    # Python cannot read a variable with copies on several devices.
    tensor = keras.ops.convert_to_tensor(variable)
    return keras.ops.convert_to_numpy(tensor).item()


class SampleImages(keras.callbacks.Callback):
    """Generates the same images after every epoch, to see a model learn.

    If the optimizer averages weights (`use_ema=True`), it is the average that
    generates, as it is the average that `fit` leaves in the model.

    Args:
        folder: where to put the sheets, `step-0000120.png` and so on; each
            holds the figures of its epoch, for `keras_igpt.images.files.
            read_parameters`.
        every: int. Generate after every so many epochs.
        log_dir: folder to put the sheets into for TensorBoard as well; or
            None. Nothing happens if tensorboard is not installed.
        columns: int. Images per row; default: as square as can be.
        asked: arguments of `ImageGPT.generate`, such as `text`, `labels` and
            `num_images`. Default: 16 images of anything. `seed` is 0 unless
            it is given.

    Example:

    >>> samples = keras_igpt.SampleImages("samples", text=["a cat", "a dog"])
    >>> model.fit(model.prepare(train), epochs=5, callbacks=[samples])
    """

    def __init__(
        self,
        folder: PathLike,
        every: int = 1,
        log_dir: PathLike | None = None,
        columns: int | None = None,
        **asked: Any,
    ):
        super().__init__()
        check_positive("every", every)
        self.folder = pathlib.Path(folder)
        self.every = every
        self.log_dir = log_dir
        self.columns = columns
        if not {"text", "labels", "num_images"} & set(asked):
            asked["num_images"] = 16
        self.asked = {"seed": 0, **asked}

    def on_epoch_end(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Generates, if this epoch is one of `every`."""
        if (epoch + 1) % self.every == 0:
            with averaged_weights(self.model):
                self.sample({"epoch": epoch + 1, **(logs or {})})

    def sample(self, figures: dict[str, Any]) -> pathlib.Path:
        """Generates now.

        Args:
            figures: dict of numbers, kept in the file.

        Returns:
            pathlib.Path of the sheet.
        """
        step = steps_done(self.model)
        figures = {"step": step} | {k: _plain(v) for k, v in figures.items()}
        images = self.model.generate(**self.asked)
        sheet = contact_sheet(images, self.columns)
        path = self.folder / f"step-{step:07d}.png"
        save_png(path, sheet, figures)
        if self.log_dir is not None:
            write_tensorboard(self.log_dir, step, {"samples": sheet})
        return path


def _plain(number):
    """A number that JSON can hold."""
    if isinstance(number, (bool, str)):
        return number
    return int(number) if is_whole(number) else float(number)


def write_tensorboard(
    folder: PathLike, step: int, values: dict[str, Any]
) -> None:
    """Adds to what TensorBoard shows, if it is installed.

    Args:
        folder: TensorBoard's `--logdir`.
        step: int.
        values: dict of figures, float, and of images, uint8 arrays of
            shape `(height, width, channels)`.
    """
    try:
        import tensorboard  # noqa: F401
        import tensorflow as tf
    except ImportError:
        return
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=step):
        for name, value in values.items():
            if np.ndim(value):
                tf.summary.image(name, value[None])
            else:
                tf.summary.scalar(name, value)
    writer.close()


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[bool]:
    """Within, a model has the averages of its weights; then its own again.

    Without `use_ema=True` in its optimizer, or before the first step, it
    keeps its own.

    Args:
        model: a compiled `keras.Model`.

    Yields:
        Whether these are averages.
    """
    update_variables(model)
    optimizer = inner_optimizer(model)
    averages = []
    if getattr(optimizer, "use_ema", False) and steps_done(model):
        averages = optimizer._model_variables_moving_average
    weights = model.trainable_variables if averages else []
    own = [keras.ops.convert_to_tensor(weight) for weight in weights]
    own = [keras.ops.convert_to_numpy(value) for value in own]
    try:
        for weight, average in zip(weights, averages):
            weight.assign(average)
        yield bool(averages)
    finally:
        for weight, value in zip(weights, own):
            weight.assign(value)


class BudgetBar(keras.callbacks.Callback):
    """A bar during `fit`, of what is spent of a budget.

    Args:
        what: str, what is being done.
        budget: the `TrainingBudget` among the callbacks, before this one; or
            None: the epochs of `fit`.
        console: a `rich.console.Console`, or None for the standard one.
        patience: float, seconds of work before it is shown.
    """

    def __init__(
        self,
        what: str,
        budget: keras.callbacks.Callback | None = None,
        console: "Console | None" = None,
        patience: float = PATIENCE,
    ):
        super().__init__()
        self.what = what
        self.budget = budget
        self.console = console
        self.patience = patience
        self.bar = None

    def spent(self, batch: int) -> float:
        """Share that is done, from 0 to 1."""
        if self.budget:
            return min(self.budget.spent(batch), 1.0)
        steps = self.params["steps"] or 1
        return (self.epoch + batch / steps) / self.params["epochs"]

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        # Of a fit before, which may have ended in an error.
        """Forgets the bar of a `fit` before."""
        self.close()
        self.bar = None

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Begins the bar, at the first epoch."""
        self.epoch = epoch
        if self.bar is None:
            spent = self.spent(0)
            self.bar = Bar(self.what, 1.0, self.console, self.patience, spent)
            # Keras does not tell callbacks of an error: another fit's bar may
            # still hold the turn.
            self.bar.take_turn()
            self.bar.update(spent)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Moves the bar on."""
        self.bar.update(self.spent(batch + 1), self.words(logs))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Ends the bar."""
        if self.bar:
            self.bar.update(1.0, self.bar.words)
        self.close()

    def words(self, logs: dict[str, float] | None) -> str:
        """What to say beside the time."""
        return ""

    def close(self) -> None:
        """Ends the line; also for a run that an error or Ctrl-C ended."""
        if self.bar:
            self.bar.close()


class StopOnNaN(keras.callbacks.Callback):
    """Ends training with an error when the loss is no number.

    Keras's `TerminateOnNaN` stops without a word to the caller, who then
    saves the ruined weights.
    """

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Checks the loss."""
        check_finite("the loss", (logs or {}).get("loss", 0.0))


def check_finite(what: str, value: float) -> None:
    """Raises `FloatingPointError` for NaN or infinity."""
    if not np.isfinite(value):
        raise FloatingPointError(
            f"Training must stop: {what} is no number. Received: {value}. "
            "The last saved model is untouched. Lower the learning rate."
        )


class ProgressBar(BudgetBar):
    """One line: how much of the budget is spent, time left, figures.

    Args:
        budget: the run's `TrainingBudget`.
        console: a `rich.console.Console`, or None for the standard one.
    """

    def __init__(
        self, budget: keras.callbacks.Callback, console: "Console | None" = None
    ):
        super().__init__("training", budget, console, patience=0.0)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Notes the step, which takes time on JAX in an epoch."""
        super().on_epoch_begin(epoch, logs)
        self.first_step = self.step = steps_done(self.model)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Counts on."""
        self.step = self.first_step + batch + 1
        super().on_train_batch_end(batch, logs)

    def words(self, logs: dict[str, float] | None) -> str:
        """Step and bits per pixel."""
        figure = (logs or {}).get("bits_per_pixel", np.nan)
        return f"step {self.step}  bits/pixel {figure:.3f}"
