"""The commands `evaluate`, `evaluate-edits` and `probe`."""

import enum
import pathlib
from typing import Annotated

import typer

from keras_igpt.cli.options import (
    DataOption,
    LimitOption,
    ModelOption,
    SeedOption,
    SplitOption,
    checked_limit,
    load_data,
    load_image_gpt,
    new_console,
    print_figures,
)


class Features(enum.StrEnum):
    """Networks whose features Fréchet distances compare."""

    classifier = "classifier"
    judge = "judge"


def evaluate(
    model: ModelOption,
    data: DataOption,
    split: SplitOption = "test",
    limit: Annotated[
        int | None,
        typer.Option(
            help="Score only the first images.", callback=checked_limit
        ),
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Prints how likely test images are, beside counting baselines."""
    from keras_igpt.evaluation import likelihood

    image_gpt = load_image_gpt(model)
    names = list(image_gpt.class_names)
    test = load_data(image_gpt, data, split)
    if names and names != test.class_names:
        raise ValueError(
            "`--data` must have the classes that the model was trained on "
            f"({', '.join(names)}). Received: --data {data} with "
            f"{', '.join(test.class_names) or 'none'}."
        )
    if limit is not None:
        test = test.take(limit)
    train = load_data(image_gpt, data, "train")
    print_figures(likelihood.report(image_gpt, train, test, seed))


def evaluate_edits(
    model: ModelOption,
    data: DataOption,
    n: Annotated[int, typer.Option(help="How many images.")] = 200,
    split: SplitOption = "test",
    features: Annotated[
        Features,
        typer.Option(
            help="What Fréchet distances compare: features of a classifier "
            "trained now on the data's classes, if it has any; or of the "
            "judge of football images."
        ),
    ] = Features.classifier,
    seed: SeedOption = 0,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="A .png file: input, best baseline, the model at temperature "
            "0 and 1, truth."
        ),
    ] = None,
) -> None:
    """Restores test images, beside OpenCV and the nearest in training."""
    from keras_igpt.atomic_files import check_output_file
    from keras_igpt.evaluation import restoration
    from keras_igpt.evaluation.baselines import check_packages
    from keras_igpt.images.files import save_png

    check_output_file("--out", out, ".png")
    check_packages()
    image_gpt = load_image_gpt(model)
    network = None  # `report` trains the classifier itself
    if features == Features.judge:
        from keras_igpt.evaluation.football.judge import Judge

        network = Judge.train(seed=seed).features
    figures = restoration.report(image_gpt, data, split, n, seed, network)
    if out is not None:
        asked = {"model": str(model), "data": data, "seed": seed}
        save_png(out, restoration.sheet(figures), asked)
    new_console().print(restoration.table(figures))


def probe(
    model: ModelOption,
    data: DataOption,
    layer: Annotated[
        str, typer.Option(help="all, middle, or numbers with commas between.")
    ] = "all",
    limit: LimitOption = None,
    split: SplitOption = "test",
    seed: SeedOption = 0,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="A .png file: accuracy over depth."),
    ] = None,
) -> None:
    """Classifies images by the model's features: logistic regression."""
    from keras_igpt.atomic_files import check_output_file
    from keras_igpt.evaluation import probing

    check_output_file("--out", out, ".png")
    report = new_console().print
    image_gpt = load_image_gpt(model)
    layers = _layers(layer, len(image_gpt.blocks))
    train, test = (
        load_data(image_gpt, data, part) for part in ("train", split)
    )
    if limit is not None:
        train = train.take(limit)
    rows = probing.probe(image_gpt, train, test, layers, seed, report)
    best = max(
        (row for row in rows if row["layer"] is not None),
        key=lambda row: row["validation"],
    )
    report(f"Best layer by validation: {best['layer']}, {best['test']:.1%}")
    if out:
        probing.plot(rows, out)


def _layers(layer: str, depth: int) -> list[int] | None:
    """Layers that the option names; None for all."""
    if layer == "all":
        return None
    if layer == "middle":
        return [depth // 2]
    parts = layer.split(",")
    if not all(part.isdecimal() and int(part) <= depth for part in parts):
        raise ValueError(
            f"`--layer` must be all, middle, or numbers from 0 to {depth} "
            f"with commas between. Received: --layer {layer}."
        )
    return [int(part) for part in parts]
