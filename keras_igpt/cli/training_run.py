"""A training run: from options to a folder with a model.

Models and tokenizers are made here, for `training` knows models only as Keras
does.
"""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

import keras

from keras_igpt import data as datasets
from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import check_positive, check_share
from keras_igpt.cli.options import load_image_gpt
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.transfer import from_model
from keras_igpt.pretrained.loading import load
from keras_igpt.tokenizers.palette import PaletteTokenizer
from keras_igpt.tokenizers.vq import VQTokenizer
from keras_igpt.training import run_folder
from keras_igpt.training.callbacks import ProgressBar, SampleImages
from keras_igpt.training.run_folder import TrainingOptions
from keras_igpt.training.schedule import (
    TrainingBudget,
    default_optimizer,
    fit_within,
)

if TYPE_CHECKING:
    from rich.console import Console

# Images set aside from the training split to choose the best model by.
VALIDATION_IMAGES = 256

# Bytes of captions that a new model reads; longer ones are cut.
MAX_TEXT = 128


def run(
    options: TrainingOptions,
    folder: PathLike,
    resume: bool = False,
    console: "Console | None" = None,
) -> dict[str, Any] | None:
    """Trains a model on images.

    Args:
        options: what was asked for.
        folder: the run's folder.
        resume: whether to go on with the run that the folder holds, as it was
            begun; but `epochs` or `minutes`, if given, are its new budget, of
            which it has spent a part.
        console: where progress is shown; the standard one if None.

    Returns:
        The last checkpoint's row of figures; None if nothing was left to do.
    """
    folder = pathlib.Path(folder)
    state = run_folder.read_state(folder)
    if resume:
        options, state = run_folder.resumed(options, folder, state)
    elif (folder / "config.json").exists():
        raise FileExistsError(
            "`--out` must be a new folder. "
            f"Received: {folder}, which holds a run. Add --resume to go on "
            "with it."
        )
    if state["spent"] >= 1:
        return None
    _check_options(options)
    keras.utils.set_random_seed(options.seed)
    start = None
    if options.init_from and not resume:
        start = load_image_gpt(options.init_from)
        height, width, channels = start.tokenizer.image_shape
        options = dataclasses.replace(
            options, size=(height, width), channels=channels
        )
    images = datasets.load(
        options.data,
        split="train",
        image_size=options.size,
        channels=options.channels,
    )
    if resume:
        model = load(folder / "last.keras")
    else:
        model = _new_model(options, images, start)
        run_folder.save_new(model, options, folder)
    batches = model.prepare(
        images,
        options.batch_size,
        seed=options.seed,
        truncate=True,
        edit_share=options.edit_share,
    )
    aside = min(VALIDATION_IMAGES, max(1, batches.num_images // 10))
    batches, validation = batches.split(aside)
    return _fit(model, batches, validation, options, folder, state, console)


def _check_options(options):
    """Refuses what would fail only after minutes of work."""
    if options.data is None:
        raise ValueError(
            "`--data` must be given, but with --resume. Received: none."
        )
    check_positive("batch_size", options.batch_size)
    check_share("edit_share", options.edit_share)
    _new_budget(options)


def _new_model(options, images, start=None):
    """A model for the images, which goes on from `start` if there is one."""
    names = images.class_names if options.labels else []
    wanted = {
        "num_classes": len(names),
        "class_names": tuple(names),
        "edits": tuple(options.edits),
        "dropout": options.dropout,
        "dtype": options.precision,
    }
    # Places of a caption's bytes are counted from its end.
    known = start.text_length if start else 0
    if options.captions and "text" in images.element_spec:
        wanted["text_length"] = known or _text_length(images)
    else:
        wanted["text_length"] = 0
    if start:
        model = from_model(start, **wanted)
    else:
        tokenizer = _new_tokenizer(options, images.image_shape)
        model = ImageGPT(tokenizer, **ImageGPT.SIZES[options.model], **wanted)
    model.compile(default_optimizer(options.ema))
    # What data or options lack is found before the tokenizer's minutes.
    first = next(datasets.batches(images, 1))
    for column in model.edit_set.columns:
        model.edit_set.column(column, first)
    if not start:
        _adapt(tokenizer, options, images)
    return model


def _new_tokenizer(options, image_shape):
    height, width, channels = image_shape
    if options.tokenizer == "palette":
        colors = options.colors or (16 if channels == 1 else 512)
        return PaletteTokenizer((height, width), colors, channels)
    return VQTokenizer(
        (height, width),
        options.codes,
        channels,
        quantizer=options.tokenizer,
        cell_size=options.cell_size,
    )


def _adapt(tokenizer, options, images):
    if options.tokenizer == "palette":
        tokenizer.adapt(images)
    else:
        tokenizer.adapt(
            images, minutes=options.tokenizer_minutes, seed=options.seed
        )


def _text_length(images):
    """Bytes of the longest caption, at most 128."""
    texts = images.map(lambda image: image["text"])
    lengths = [len(text) for text in texts.as_numpy_iterator()]
    return min(max(lengths, default=0), MAX_TEXT)


def _fit(model, batches, validation, options, folder, state, console):
    budget = _new_budget(options, state["spent"])
    checkpoints = run_folder.Checkpoints(
        folder,
        validation.inputs,
        budget,
        samples=SampleImages(
            folder / "samples",
            log_dir=folder / "tensorboard",
            **_samples(model, validation.inputs),
        ),
        best=state["best_val_bits_per_pixel"],
    )
    fit_within(
        model,
        batches,
        budget,
        [checkpoints],
        ProgressBar(budget, console),
        initial_epoch=state["epoch"] if options.epochs else 0,
    )
    return checkpoints.rows[-1] if checkpoints.rows else None


def _new_budget(options, spent=0.0):
    return TrainingBudget(
        options.learning_rate,
        epochs=options.epochs,
        minutes=options.minutes,
        start=spent,
    )


def _samples(model, validation):
    """What to ask for at each checkpoint."""
    if model.text_length:
        captions = validation["text"][:16].astype("uint8")
        return {"text": [bytes(row).rstrip(b"\0") for row in captions]}
    if model.num_classes:
        return {"labels": range(min(model.num_classes, 16))}
    return {"num_images": 16}
