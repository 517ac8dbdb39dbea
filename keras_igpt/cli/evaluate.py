"""The commands `evaluate`, `evaluate-edits` and `probe`."""

import enum
import pathlib
from typing import Annotated, Any

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
    with_sampling,
)


class Features(enum.StrEnum):
    """Networks whose features Fréchet distances compare."""

    classifier = "classifier"
    judge = "judge"


@with_sampling
def evaluate(
    model: ModelOption,
    data: DataOption,
    sampling: dict[str, Any],
    split: SplitOption = "test",
    limit: Annotated[
        int | None,
        typer.Option(
            help="Score only the first images.", callback=checked_limit
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Compare generated images with real ones as sets, instead: "
            "fid, kid, precision-recall, nearest, cas, with commas between."
        ),
    ] = None,
    n: Annotated[
        int, typer.Option(help="How many images `--metrics` compare.")
    ] = 1000,
    features: Annotated[
        str,
        typer.Option(
            help="What `--metrics` compare: features of a classifier trained "
            "now on the data's classes; of the judge of football images; of "
            "inception, as papers have; or of a .keras file from images to "
            "vectors."
        ),
    ] = "classifier",
    save_features: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="A .keras file to write the features' network to, for "
            "`--features` of another run."
        ),
    ] = None,
    npz: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="A .npz file to write the generated images to, as other "
            "evaluations read it; the same command goes on with it."
        ),
    ] = None,
) -> None:
    """Prints how likely test images are, or how alike generated ones."""
    from keras_igpt.atomic_files import check_output_file

    check_output_file("--npz", npz, ".npz")
    check_output_file("--save-features", save_features, ".keras")
    # Nobody who asks for figures wants others the next time.
    seed = 0 if sampling["seed"] is None else sampling["seed"]
    sampling = {k: v for k, v in sampling.items() if k != "seed"}
    asked = _metrics(metrics, n, (npz, save_features))
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
    if not asked:
        from keras_igpt.evaluation import likelihood

        figures = likelihood.report(image_gpt, train, test, seed, **sampling)
        print_figures(figures)
        return
    from keras_igpt.evaluation import set_figures

    network = None
    if asked != ["cas"]:
        network = _network(features, train, seed, save_features)
    figures = set_figures.set_report(
        image_gpt, train, test, asked, network, n, seed, npz, **sampling
    )
    new_console().print(set_figures.table(figures))


def _metrics(metrics, n, files):
    """The metrics that the option names; [] for none."""
    from keras_igpt.argument_checks import check_positive

    check_positive("--n", n)
    if metrics is None:
        if any(files):
            raise ValueError(
                "`--npz` and `--save-features` must come with `--metrics`. "
                "Received: no --metrics. Name some, as --metrics fid,kid."
            )
        return []
    from keras_igpt.evaluation.set_figures import METRICS

    asked = [name.strip() for name in metrics.split(",")]
    if not set(asked) <= set(METRICS):
        raise ValueError(
            f"`--metrics` must be some of {', '.join(METRICS)}, with commas "
            f"between. Received: --metrics {metrics}."
        )
    return asked


def _network(features, train, seed, path):
    """The features that sets are compared by, saved where that is asked."""
    import keras_igpt
    from keras_igpt.evaluation.image_features import ImageFeatures
    from keras_igpt.evaluation.set_figures import TRAIN_IMAGES

    if features == "inception":
        from keras_igpt.evaluation.inception import InceptionFeatures

        if path is not None:
            raise ValueError(
                "`--save-features` must come with features that are learned "
                "here; Inception's are the same for all. Received: "
                f"--features inception --save-features {path}."
            )
        return InceptionFeatures()
    if features == Features.judge:
        from keras_igpt.evaluation.football.judge import Judge

        judge = Judge.train(seed=seed)
        network, found = judge.features, ImageFeatures(judge.feature_network)
    elif features == Features.classifier:
        images = keras_igpt.data.arrays(train, limit=TRAIN_IMAGES)
        if "label" not in images:
            raise ValueError(
                "`--features classifier` must have data with classes. "
                "Received: data without. Name a .keras file of a network, or "
                "judge for football images."
            )
        network = ImageFeatures.train(
            images["image"], images["label"], seed=seed
        )
        found = network
    else:
        if not features.endswith(".keras"):
            raise ValueError(
                "`--features` must be classifier, judge, inception or a "
                ".keras file. "
                f"Received: --features {features}."
            )
        network = found = ImageFeatures.load(features)
    if path is not None:
        found.save(path)
    return network


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
    best_of: Annotated[
        int,
        typer.Option(
            help="At temperature 1, so many candidates of each image, of "
            "which the model keeps the one it finds likeliest."
        ),
    ] = 1,
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
    figures = restoration.report(
        image_gpt, data, split, n, seed, network, best_of
    )
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
