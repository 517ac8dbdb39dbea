"""Callbacks for `fit`: sample sheets, TensorBoard pictures, averaged weights.

Keras's own work as well: `CSVLogger`, `TensorBoard`, `ModelCheckpoint`.
"""

import contextlib
import pathlib

import keras
import numpy as np

from keras_igpt.checks import check_positive
from keras_igpt.sheets import contact_sheet, save_png


class SampleImages(keras.callbacks.Callback):
    """Paints the same pictures after every epoch, to see a model learn.

    If the optimizer averages weights (`use_ema=True`), it is the average that
    paints, as it is the average that `fit` leaves in the model.

    Args:
        folder: where to put the sheets, `step-0000120.png` and so on; each
            holds the figures of its epoch (`keras_igpt.sheets.
            read_parameters`).
        every: int. Paint after every so many epochs.
        log_dir: folder to put the sheets into for TensorBoard as well; or
            None. Nothing happens if tensorboard is not installed.
        columns: int. Pictures per row; default: as square as can be.
        asked: arguments of `ImageGPT.generate`, such as `text`, `labels` and
            `num_images`. Default: 16 pictures of anything. `seed` is 0 unless
            it is given.

    Example:

    >>> samples = keras_igpt.SampleImages("samples", text=["a cat", "a dog"])
    >>> model.fit(model.prepare(train), epochs=5, callbacks=[samples])
    """

    def __init__(self, folder, every=1, log_dir=None, columns=None, **asked):
        super().__init__()
        check_positive("every", every)
        self.folder = pathlib.Path(folder)
        self.every = every
        self.log_dir = log_dir
        self.columns = columns
        if not {"text", "labels", "num_images"} & set(asked):
            asked["num_images"] = 16
        self.asked = {"seed": 0, **asked}

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            with averaged_weights(self.model):
                self.paint({"epoch": epoch + 1, **(logs or {})})

    def paint(self, figures):
        """Paints now.

        Args:
            figures: dict of numbers, kept in the file.

        Returns:
            pathlib.Path of the sheet.
        """
        step = int(self.model.optimizer.iterations)
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
    return number if isinstance(number, (int, str)) else float(number)


def write_tensorboard(folder, step, values):
    """Adds to what TensorBoard shows, if it is installed.

    Args:
        folder: TensorBoard's `--logdir`.
        step: int.
        values: dict of figures, float, and of pictures, uint8 arrays of
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
def averaged_weights(model):
    """Within, a model has the averages of its weights; then its own again.

    Without `use_ema=True` in its optimizer, or before the first step, it
    keeps its own.

    Args:
        model: a compiled `keras.Model`.

    Yields:
        Whether these are averages.
    """
    optimizer = model.optimizer
    averages = []
    if getattr(optimizer, "use_ema", False) and int(optimizer.iterations):
        averages = optimizer._model_variables_moving_average
    weights = model.trainable_variables if averages else []
    own = [keras.ops.convert_to_numpy(weight) for weight in weights]
    try:
        for weight, average in zip(weights, averages):
            weight.assign(average)
        yield bool(averages)
    finally:
        for weight, value in zip(weights, own):
            weight.assign(value)
