"""What `keras-igpt train` does, callable from Python too."""

import pathlib

import keras
import numpy as np

from keras_igpt import data as datasets
from keras_igpt.argument_checks import check_positive, check_share
from keras_igpt.cli.jobs import load_painter
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.transfer import from_model
from keras_igpt.pretrained.loading import load
from keras_igpt.tokenizers.palette import PaletteTokenizer
from keras_igpt.tokenizers.vq import VQTokenizer
from keras_igpt.training.callbacks import ProgressBar, SampleImages, StopOnNaN
from keras_igpt.training.run_folder import (
    Checkpoints,
    read_state,
    resumed,
    save_new,
)
from keras_igpt.training.schedule import TrainingBudget, default_optimizer

# Pictures set aside from the training split to choose the best model by.
VALIDATION_PICTURES = 256

# Bytes of captions that a new model reads; longer ones are cut.
MAX_TEXT = 128


def train(options, folder, resume=False, console=None):
    """Trains a model on pictures.

    Args:
        options: dict with the keys that `keras-igpt train` has options for.
        folder: the run's folder.
        resume: bool. Go on with the run that the folder holds, as it was
            begun; but `"epochs"` or `"minutes"`, if given, are its new
            budget, of which it has spent a part.
        console: a `rich.console.Console`, or None.

    Returns:
        The last checkpoint's row of figures; None if nothing was left to do.
    """
    folder = pathlib.Path(folder)
    state = read_state(folder)
    if resume:
        options, state = resumed(options, folder, state)
    elif (folder / "config.json").exists():
        raise FileExistsError(
            "`--out` must be a new folder. "
            f"Received: {folder}, which holds a run. Do add --resume."
        )
    if state["spent"] >= 1:
        return None
    _check_options(options)
    keras.utils.set_random_seed(options["seed"])
    start = None
    if options["init_from"] and not resume:
        start = load_painter(options["init_from"])
        height, width, channels = start.tokenizer.image_shape
        options = {**options, "size": (height, width), "channels": channels}
    pictures = datasets.load(
        options["data"],
        split="train",
        image_size=options["size"],
        channels=options["channels"],
    )
    if resume:
        model = load(folder / "last.keras")
    else:
        model = _new_model(options, pictures, start)
        save_new(model, options, pictures.class_names, folder)
    batches = model.prepare(
        pictures,
        options["batch_size"],
        seed=options["seed"],
        truncate=True,
        edit_share=options["edit_share"],
    )
    aside = min(VALIDATION_PICTURES, max(1, batches.num_images // 10))
    batches, validation = batches.split(aside)
    return _fit(model, batches, validation, options, folder, state, console)


def _check_options(options):
    """Refuses what would fail only after minutes of work."""
    if options["data"] is None:
        raise ValueError(
            "`--data` must be given, but with --resume. Received: none."
        )
    check_positive("batch_size", options["batch_size"])
    check_share("edit_share", options["edit_share"])
    _new_budget(options)


def _new_model(options, pictures, start=None):
    """A model for the pictures, which goes on from `start` if there is one."""
    wanted = {
        "num_classes": len(pictures.class_names) if options["labels"] else 0,
        "edits": tuple(options["edits"]),
        "dropout": options["dropout"],
        "dtype": options["precision"],
    }
    # Places of a caption's bytes are counted from its end.
    known = start.text_length if start else 0
    if options["captions"] and "text" in pictures.element_spec:
        wanted["text_length"] = known or _text_length(pictures)
    else:
        wanted["text_length"] = 0
    if start:
        model = from_model(start, **wanted)
    else:
        tokenizer = _new_tokenizer(options, pictures.image_shape)
        model = ImageGPT(
            tokenizer, **ImageGPT.SIZES[options["model"]], **wanted
        )
    model.compile(default_optimizer(options.get("ema")))
    # What data or options lack is found before the tokenizer's minutes.
    first = next(datasets.batches(pictures, 1))
    for column in model.edit_set.columns:
        model.edit_set.column(column, first)
    if not start:
        _adapt(tokenizer, options, pictures)
    return model


def _new_tokenizer(options, image_shape):
    height, width, channels = image_shape
    if options["tokenizer"] == "palette":
        colors = options["colors"] or (16 if channels == 1 else 512)
        return PaletteTokenizer((height, width), colors, channels)
    return VQTokenizer(
        (height, width),
        options["codes"],
        channels,
        quantizer=options["tokenizer"],
        cell_size=options["cell_size"],
    )


def _adapt(tokenizer, options, pictures):
    if options["tokenizer"] == "palette":
        tokenizer.adapt(pictures)
    else:
        tokenizer.adapt(
            pictures, minutes=options["tokenizer_minutes"], seed=options["seed"]
        )


def _text_length(pictures):
    """Bytes of the longest caption, at most 128."""
    texts = pictures.map(lambda picture: picture["text"])
    lengths = [len(text) for text in texts.as_numpy_iterator()]
    return min(max(lengths, default=0), MAX_TEXT)


def _fit(model, batches, validation, options, folder, state, console):
    budget = _new_budget(options, state["spent"])
    checkpoints = Checkpoints(
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
    bar = ProgressBar(budget, console)
    try:
        model.fit(
            batches,
            initial_epoch=state["epoch"] if options["epochs"] else 0,
            epochs=options["epochs"] or 1_000_000,  # the budget ends it
            callbacks=[budget, StopOnNaN(), bar, checkpoints],
            verbose=0,
        )
    finally:
        bar.close()
    return checkpoints.rows[-1] if checkpoints.rows else None


def _new_budget(options, spent=0.0):
    return TrainingBudget(
        options["learning_rate"],
        epochs=options["epochs"],
        minutes=options["minutes"],
        start=spent,
    )


def _samples(model, validation):
    """What to ask for at each checkpoint."""
    if model.text_length:
        captions = validation["text"][:16].astype("uint8")
        return {"text": [bytes(row).rstrip(b"\0") for row in captions]}
    if model.num_classes:
        return {"labels": np.arange(min(model.num_classes, 16))}
    return {"num_images": 16}
