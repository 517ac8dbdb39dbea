"""Small real models and pictures, made by functions."""

import contextlib
import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import keras_igpt
from keras_igpt import operations
from keras_igpt.cli import app
from keras_igpt.cli.training import training_run
from keras_igpt.data.football import canvas
from keras_igpt.prompts.captions import encode_text
from keras_igpt.training.run_options import TrainingOptions

# What `keras-igpt train` has options for, for the smallest of runs.
TRAIN_OPTIONS = TrainingOptions(
    data=None,
    size=None,
    channels=None,
    tokenizer="palette",
    colors=4,
    codes=8,
    cell_size=4,
    tokenizer_minutes=0.05,
    labels=True,
    captions=True,
    edits=[],
    edit_share=0.5,
    init_from=None,
    model="tiny",
    epochs=1,
    minutes=None,
    batch_size=8,
    learning_rate=1e-3,
    dropout=0.0,
    ema=None,
    precision="float32",
    seed=0,
)


# Whether `jit_compile=True` means XLA, on TensorFlow.
XLA = {"on": False}


def _compile_little():
    import tensorflow as tf

    function = tf.function

    def compiled(*args, jit_compile=None, **kwargs):
        if not XLA["on"]:
            jit_compile = False if jit_compile else jit_compile
        return function(*args, jit_compile=jit_compile, **kwargs)

    tf.function = compiled
    barrier = operations.barrier
    operations.barrier = lambda tensors: (
        barrier(tensors) if XLA["on"] else tensors
    )


if keras.backend.backend() == "tensorflow":
    _compile_little()


def train(folder, resume=False, given=(), **options):
    """The smallest of runs; returns its last row of figures."""
    if resume:  # The command leaves the budget to the run.
        options = {"epochs": None, **options}
    asked = dataclasses.replace(TRAIN_OPTIONS, **options)
    return training_run.run(asked, folder, resume, given=given)


def invoke(*words):
    """Runs a command of `keras-igpt` in this process; errors are raised."""
    words = [str(word) for word in words]
    return CliRunner().invoke(app, words, catch_exceptions=False)


# What "tiny" is where `smallest` is in force.
SMALLEST = {"num_layers": 1, "num_heads": 1, "hidden_dim": 16}


@contextlib.contextmanager
def smallest(steps_per_epoch=None, eagerly=True):
    """Within, sizes called tiny are smaller, and nothing is compiled long.

    For tests of what stands around models: without XLA, and with `fit` step
    by step, they take seconds, where compiling would take ten. `fit` takes no
    more than `steps_per_epoch`.
    """
    import tensorflow as tf

    function = tf.function

    def plain(*args, **kwargs):
        return function(*args, **{**kwargs, "jit_compile": False})

    fit = keras.Model.fit

    def short(model, *args, **kwargs):
        steps = {"steps_per_epoch": steps_per_epoch, "validation_steps": 1}
        return fit(model, *args, **{**kwargs, **steps})

    eager = property(lambda model: True, lambda model, value: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf, "function", plain)
        # JAX's steps one by one take long.
        if eagerly and keras.backend.backend() != "jax":
            patch.setattr(keras.Model, "run_eagerly", eager)
        if steps_per_epoch:
            patch.setattr(keras.Model, "fit", short)
        patch.setitem(keras_igpt.ImageGPT.SIZES, "tiny", SMALLEST)
        yield


# What makes a small model write row by row, or in any order, several cells at
# once.
ORDERS = {"raster": {}, "any": {"order": "any", "steps": 4}}


def make_model(
    image_size=(4, 4), num_colors=5, num_classes=3, trained=True, **kwargs
):
    """2 layers of width 16; `trained` gives zeros random weights."""
    keras.utils.set_random_seed(7)
    tokenizer = keras_igpt.PaletteTokenizer(image_size, num_colors, channels=1)
    kwargs = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, **kwargs}
    model = keras_igpt.ImageGPT(tokenizer, num_classes=num_classes, **kwargs)
    if trained:
        generator = np.random.default_rng(7)
        model.head.kernel.assign(
            generator.normal(size=model.head.kernel.shape, scale=0.5)
        )
        if getattr(model, "prompt_summary", None):
            kernel = model.prompt_summary.output_projection.kernel
            kernel.assign(generator.normal(size=kernel.shape, scale=0.2))
    return model


def make_caption_model():
    """An untrained model of colours, with captions and edits."""
    keras.utils.set_random_seed(0)
    colors = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), "uint8")
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 5).adapt(colors)
    model = keras_igpt.ImageGPT(
        tokenizer,
        num_layers=1,
        num_heads=1,
        hidden_dim=16,
        text_length=40,
        edits=("inpaint", "upscale"),
    )
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    return model


def some_inputs(model, count=3, seed=0):
    """Random tokens, labels and captions of 6 bytes, at most 3 of these."""
    generator = np.random.default_rng(seed)
    shape = (count, model.num_cells)
    inputs = {
        "tokens": generator.integers(0, model.vocabulary_size, shape, "int32")
    }
    if model.num_classes:
        inputs["label"] = generator.integers(
            0, model.num_classes, count, "int32"
        )
    if model.text_length:
        inputs["text"] = encode_text(["", "ab", "五x"][:count], 6)
    return inputs


def save_picture(path, color=(255, 0, 0), size=(8, 6), mode="RGB", **kwargs):
    """Writes a picture of one colour; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **kwargs)
    return path


def read_all(dataset):
    """All examples of a data set."""
    return list(dataset.as_numpy_iterator())


def random_images(*shape):
    """uint8 array of a shape, always the same."""
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


def shows(layout, label):
    """Where a map of labels has a label, bool `(height, width)`."""
    return (layout == canvas.LABELS[label]).all(-1)
