"""Generated images beside real ones, as papers compare them: set by set.

    figures = set_report(model, train, test, ["fid", "kid"], network, 1000)

Axes: B images, F features.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_igpt import data
from keras_igpt.annotations import Array, PathLike
from keras_igpt.argument_checks import check_one_of
from keras_igpt.evaluation import distances
from keras_igpt.evaluation.generated_sets import generate_set
from keras_igpt.evaluation.image_features import classification_accuracy
from keras_igpt.images.arrays import most_images
from keras_igpt.models.image_gpt import ImageGPT

if TYPE_CHECKING:
    from rich.table import Table

METRICS = ("fid", "kid", "precision-recall", "nearest", "cas")

# Training images that generated ones are compared with, or that a classifier
# learns from.
TRAIN_IMAGES = 20_000

Network = Callable[[Array], Array]


def set_report(
    model: ImageGPT,
    train: Any,
    test: Any,
    metrics: Sequence[str],
    features: Network | None,
    count: int = 1000,
    seed: int = 0,
    path: PathLike | None = None,
    **sampling: Any,
) -> dict[str, Any]:
    """Figures of a model's images beside test images.

    They are asked for as the test images are: by their classes and captions,
    in turn.

    Args:
        model: the model.
        train, test: what `keras_igpt.data.batches` takes, in the model's
            size and channels.
        metrics: some of `METRICS`.
        features: function of uint8 images to vectors `(B, F)`, such as an
            `ImageFeatures`; None where only "cas" is asked for.
        count: how many images to generate; at most so many test images are
            compared with.
        seed: of the first image, of subsets and of a classifier.
        path: see `generate_set`.
        sampling: further arguments of `ImageGPT.generate`.

    Returns:
        dict of what each metric gives: "fid" with its bounds of 95 percent
        as "fid_interval"; "kid"; "precision", "recall",
        "density" and "coverage"; "nearest_generated" and "nearest_real";
        "cas_generated" and "cas_real"; and "generated" and "real", the
        numbers of images.

    Raises:
        ValueError: before any image is generated, if a metric cannot be.
    """
    for name in metrics:
        check_one_of("metrics", name, METRICS)
    real = data.arrays(test, _compared, count)
    if "cas" in metrics and ("label" not in real or not model.num_classes):
        raise ValueError(
            "The metric cas must have classes, of the model and of the data. "
            "Received: none. Ask for other metrics."
        )
    by_features = [name for name in metrics if name != "cas"]
    seen = features(real["image"]) if by_features else None
    if "fid" in metrics:
        _check_more(min(count, len(seen)), seen.shape[1])
    learned = None
    if {"nearest", "cas"} & set(metrics):
        limit = most_images(TRAIN_IMAGES, real["image"].shape[1:])
        learned = data.arrays(train, _compared, limit)
    made = generate_set(model, real, count, seed, path, **sampling)
    figures = {"generated": count, "real": len(real["image"])}
    if by_features:
        vectors = features(made["image"])
        for name in by_features:
            known = features(learned["image"]) if name == "nearest" else None
            figures |= _FIGURES[name](vectors, seen, known, seed)
    if "cas" in metrics:
        figures |= _accuracy_scores(made, learned, real, seed)
    return figures


def _compared(batch):
    return {
        name: batch[name]
        for name in ("image", "label", "text")
        if name in batch
    }


def _check_more(count, num_features):
    if count <= num_features:
        raise ValueError(
            "The metric fid must have more images than features "
            f"({num_features}), generated and real. Received: {count}. Ask "
            "for more images, or for kid."
        )


def _frechet(made, real, known, seed):
    figure = distances.frechet_distance
    return {
        "fid": figure(made, real),
        "fid_interval": distances.confidence_interval(
            figure, made, real, seed=seed
        ),
    }


def _kernel(made, real, known, seed):
    # No bounds: an image that is drawn twice is nearer to itself than any
    # two are, so that a bootstrap says too much.
    return {"kid": distances.kernel_distance(made, real, seed)}


def _nearest(made, real, known, seed):
    return {
        "nearest_generated": distances.nearest_distance(made, known),
        "nearest_real": distances.nearest_distance(real, known),
    }


_FIGURES = {
    "fid": _frechet,
    "kid": _kernel,
    "precision-recall": lambda made, real, known, seed: (
        distances.precision_recall(made, real)
    ),
    "nearest": _nearest,
}


def _accuracy_scores(made, learned, real, seed):
    """The classification accuracy score, beside that of real images.

    A classifier learns from generated images and is asked about real ones
    (Ravuri and Vinyals 2019, https://arxiv.org/abs/1905.10887).
    """
    test = real["image"], real["label"]
    count = min(len(made["image"]), len(learned["image"]))
    some = np.random.default_rng(seed).permutation(len(learned["image"]))
    some = some[:count]
    return {
        "cas_generated": classification_accuracy(
            (made["image"][:count], made["label"][:count]), test, seed=seed
        ),
        "cas_real": classification_accuracy(
            (learned["image"][some], learned["label"][some]), test, seed=seed
        ),
    }


def table(figures: Mapping[str, Any]) -> "Table":
    """Shows what `set_report` returns, as a `rich.table.Table`."""
    from rich.table import Table

    rows = {
        "fid": ("Fréchet distance", "{:.3f}"),
        "kid": ("kernel distance", "{:.5f}"),
        "precision": ("precision", "{:.1%}"),
        "recall": ("recall", "{:.1%}"),
        "density": ("density", "{:.3f}"),
        "coverage": ("coverage", "{:.1%}"),
        "nearest_generated": ("to the nearest training image", "{:.3f}"),
        "nearest_real": ("  of test images", "{:.3f}"),
        "cas_generated": (
            "test images recognised after learning from generated ones",
            "{:.1%}",
        ),
        "cas_real": ("  after learning from as many real ones", "{:.1%}"),
    }
    title = "{generated} generated images and {real} real ones"
    shown = Table(title.format(**figures), "", "95 %")
    for name, (words, form) in rows.items():
        if name in figures:
            bounds = figures.get(f"{name}_interval", ())
            between = " to ".join(form.format(x) for x in bounds)
            shown.add_row(words, form.format(figures[name]), between)
    return shown
