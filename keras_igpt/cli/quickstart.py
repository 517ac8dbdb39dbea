"""The first thing to run: real digits in, painted digits out.

Data: the 1,797 handwritten digits of 8x8 pixels that ship with scikit-learn.
"""

import pathlib

import keras
import numpy as np

from keras_igpt import data
from keras_igpt.atomic_files import replacing, save_model
from keras_igpt.evaluation import likelihood
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.tokenizers.palette import PaletteTokenizer
from keras_igpt.training.callbacks import ProgressBar, StopOnNaN
from keras_igpt.training.schedule import TrainingBudget

LEARNING_RATE = 2e-3

BATCH_SIZE = 16  # on two cores many small steps beat few large ones

DROPOUT = 0.05


def build_model():
    """A model of 0.5 M weights that reads and writes 8x8 digits exactly.

    The digits have 17 grey levels, so 17 palette entries lose nothing.
    """
    tokenizer = PaletteTokenizer((8, 8), num_colors=17, channels=1)
    model = ImageGPT(
        tokenizer,
        **ImageGPT.SIZES["tiny"],
        num_classes=10,
        dropout=DROPOUT,
    )
    model.compile()
    return model


def train(model, minutes, seed=0):
    """Fits the model on the training digits for some minutes."""
    keras.utils.set_random_seed(seed)
    budget = TrainingBudget(LEARNING_RATE, minutes=minutes)
    bar = ProgressBar(budget)
    try:
        model.fit(
            model.prepare(data.load("digits"), BATCH_SIZE, seed=seed),
            epochs=1_000_000,  # the budget ends it
            callbacks=[budget, StopOnNaN(), bar],
            verbose=0,
        )
    finally:
        bar.close()


def run(folder, minutes=2.0, seed=0):
    """Trains, paints, measures and saves.

    Args:
        folder: where `quickstart.png` and `quickstart.keras` go.
        minutes: float. Training time.
        seed: int.

    Returns:
        dict of figures, as `keras_igpt.evaluation.report`.
    """
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(seed)
    model = build_model()
    train(model, minutes, seed)
    save_model(model, folder / "quickstart.keras")
    test = data.load("digits", split="test")
    draw(model, test, folder / "quickstart.png", seed)
    return likelihood.report(model, data.load("digits"), test, seed)


def draw(model, test, path, seed=0, num_generated=8, num_completed=3):
    """Draws one row per class: generated, and completed from the top half.

    Args:
        model: an `ImageGPT` with classes.
        test: pictures to complete, as `keras_igpt.data.load` gives.
        path: of the PNG file.
        seed: int.
        num_generated: int. Generated pictures per class.
        num_completed: int. Pictures per class completed.
    """
    from matplotlib.figure import Figure

    classes = np.arange(model.num_classes)
    generated = model.generate(classes, num_images=num_generated, seed=seed)
    originals, labels = _some_per_class(test, classes, num_completed)
    rows = originals.shape[1] // 2
    completed = model.complete(originals, rows, labels=labels, seed=seed)
    given = originals.copy()
    given[:, rows:] = 160
    triples = np.stack([given, completed, originals], axis=1)

    figure = Figure(figsize=(11, 6.4), layout="constrained")
    left, right = figure.subplots(
        1, 2, width_ratios=[num_generated, 3 * num_completed]
    )
    for axes, images, columns, title in (
        (left, generated, num_generated, "Generated from the class"),
        (
            right,
            triples.reshape(-1, *originals.shape[1:]),
            3 * num_completed,
            "Upper half given · completed · original",
        ),
    ):
        _show(axes, images, columns, title)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight")


def _some_per_class(test, classes, count):
    batch = next(data.batches(test, batch_size=100_000))
    chosen = np.concatenate(
        [np.flatnonzero(batch["label"] == c)[:count] for c in classes]
    )
    return batch["image"][chosen], batch["label"][chosen]


def _show(axes, images, columns, title):
    from keras_igpt.images.files import contact_sheet

    sheet = contact_sheet(images, columns, height=32, gap=4)
    axes.imshow(
        sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
    )
    rows = len(images) // columns
    step = sheet.shape[0] / rows
    axes.set_yticks(np.arange(rows) * step + step / 2, range(rows))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    axes.set_title(title, fontsize=11)
