"""What `keras-igpt train` does, callable from Python too."""

import json
import pathlib
import time

import keras
import numpy as np

from keras_igpt import data as datasets
from keras_igpt.callbacks import SampleImages
from keras_igpt.checks import check_positive, check_share
from keras_igpt.files import load, save_json, save_model
from keras_igpt.jobs import load_painter
from keras_igpt.learning import default_optimizer
from keras_igpt.model import ImageGPT
from keras_igpt.palette import PaletteTokenizer
from keras_igpt.runs import (
    Checkpoints,
    ProgressBar,
    StopOnNaN,
    read_state,
)
from keras_igpt.training import TrainingBudget
from keras_igpt.transfer import from_model
from keras_igpt.vq import VQTokenizer

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
        options, state = _resumed(options, folder, state)
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
        _save_new(model, options, pictures.class_names, folder)
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


def _resumed(asked, folder, state):
    """Options and state of a run that goes on, perhaps for longer."""
    config = _read_config(folder)
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


def _read_config(folder):
    path = folder / "config.json"
    if not path.exists() or not (folder / "last.keras").exists():
        raise FileNotFoundError(
            "`--resume` must find a run with a saved model. "
            f"Received: --out {folder}, which has none. "
            "Do leave --resume out."
        )
    return json.loads(path.read_text("utf-8"))


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
    for column in model.tasks.columns:
        model.tasks.column(column, first)
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


def _save_new(model, options, class_names, folder):
    """Begins a run's folder: with the model untrained, and what was asked."""
    save_model(model, folder / "last.keras")
    save_json(
        folder / "config.json",
        {
            "options": options,
            "class_names": class_names,
            "versions": _versions(),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        },
    )


def _versions():
    from importlib.metadata import version

    names = ("keras_igpt", "keras", "tensorflow", "numpy")
    return {name: version(name) for name in names}


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
