"""The command `quickstart`: real digits in, generated digits out.

Data: the 1,797 handwritten digits of 8x8 pixels that ship with scikit-learn.
"""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

import keras_igpt
from keras_igpt.cli.options import SeedOption, new_console, print_figures

if TYPE_CHECKING:
    from tensorflow.data import Dataset

    from keras_igpt.annotations import PathLike

LEARNING_RATE = 2e-3

BATCH_SIZE = 16  # on two cores many small steps beat few large ones

DROPOUT = 0.05


def quickstart(
    out: Annotated[
        pathlib.Path, typer.Option(help="Folder for the results.")
    ] = pathlib.Path("runs/quickstart"),
    minutes: Annotated[float, typer.Option(help="Training time.")] = 2.0,
    seed: SeedOption = 0,
) -> None:
    """Trains on real 8x8 digits for two minutes and generates new ones."""
    console = new_console()
    console.print("Loading TensorFlow …", style="dim")
    print_figures(run(out, minutes, seed))
    console.print(f"\nImages: [bold]{out / 'quickstart.png'}[/]")
    console.print(f"Model:  [bold]{out / 'quickstart.keras'}[/]")
    console.print(
        "\nTry next:\n"
        f"  keras-igpt generate --model {out / 'quickstart.keras'} "
        "--label 7 --n 16\n"
        "  keras-igpt train --data path/to/images --size 32 "
        "--out runs/mine --minutes 30",
        highlight=False,
        soft_wrap=True,  # commands are copied
    )


def run(
    folder: "PathLike",
    minutes: float | None = 2.0,
    seed: int = 0,
    epochs: float | None = None,
) -> dict[str, float]:
    """Trains, generates, measures and saves.

    Args:
        folder: where `quickstart.png` and `quickstart.keras` go.
        minutes: training time; None for `epochs`.
        seed: of all that is random.
        epochs: how often the digits are seen, on any machine.

    Returns:
        dict of figures, as `keras_igpt.evaluation.likelihood.report`.
    """
    import keras

    from keras_igpt.atomic_files import check_writable, save_model
    from keras_igpt.evaluation import likelihood

    folder = pathlib.Path(folder)
    check_writable("--out", folder)
    budget = keras_igpt.TrainingBudget(
        LEARNING_RATE, epochs=epochs, minutes=minutes
    )
    keras.utils.set_random_seed(seed)
    model = build_model()
    train(model, budget, seed)
    save_model(model, folder / "quickstart.keras")
    test = keras_igpt.data.load("digits", split="test")
    draw(model, test, folder / "quickstart.png", seed)
    return likelihood.report(model, keras_igpt.data.load("digits"), test, seed)


def build_model() -> "keras_igpt.ImageGPT":
    """A model of 0.5 M weights that reads and writes 8x8 digits exactly.

    The digits have 17 grey levels, so 17 palette entries lose nothing.
    """
    from keras_igpt.training.schedule import default_optimizer

    tokenizer = keras_igpt.PaletteTokenizer((8, 8), num_colors=17, channels=1)
    model = keras_igpt.ImageGPT(
        tokenizer,
        **keras_igpt.ImageGPT.SIZES["tiny"],
        num_classes=10,
        dropout=DROPOUT,
    )
    # Muon would soon know so few images by heart.
    model.compile(default_optimizer(kind="adamw"))
    return model


def train(
    model: "keras_igpt.ImageGPT",
    budget: "keras_igpt.TrainingBudget",
    seed: int = 0,
) -> None:
    """Fits the model on the training digits until a budget is spent."""
    import keras

    from keras_igpt.training.callbacks import ProgressBar
    from keras_igpt.training.schedule import fit_within

    keras.utils.set_random_seed(seed)
    digits = keras_igpt.data.load("digits")
    batches = model.prepare(digits, BATCH_SIZE, seed=seed)
    fit_within(model, batches, budget, bar=ProgressBar(budget))


def draw(
    model: "keras_igpt.ImageGPT",
    test: "Dataset",
    path: "PathLike",
    seed: int = 0,
    num_generated: int = 8,
    num_completed: int = 3,
) -> None:
    """Draws one row per class: generated, and completed from the top half.

    Args:
        model: with classes.
        test: images to complete, as `keras_igpt.data.load` gives.
        path: of the PNG file.
        seed: of all that is random.
        num_generated: generated images per class.
        num_completed: images per class completed.
    """
    import numpy as np
    from matplotlib.figure import Figure

    from keras_igpt.atomic_files import replacing

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
    import numpy as np

    batch = next(keras_igpt.data.batches(test, batch_size=100_000))
    chosen = np.concatenate(
        [np.flatnonzero(batch["label"] == c)[:count] for c in classes]
    )
    return batch["image"][chosen], batch["label"][chosen]


def _show(axes, images, columns, title):
    import numpy as np

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
