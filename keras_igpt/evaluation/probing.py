"""How much a model has understood: classifiers on its features.

Linear probes (Chen et al. 2020, section 4.2): logistic regression on the
features of each layer, beside the same on raw pixels and on how often each
token occurs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_igpt import data
from keras_igpt.annotations import Array, PathLike
from keras_igpt.atomic_files import replacing
from keras_igpt.data.batches import (
    check_columns,
    check_tokenizer,
    some_of,
    tokens,
)
from keras_igpt.models.classifier import MOST_PROBED
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.linear_probe import fit


def probe(
    model: ImageGPT,
    train: Any,
    test: Any,
    layers: Sequence[int] | None = None,
    seed: int = 0,
    report: Callable[[str], Any] = print,
) -> list[dict[str, Any]]:
    """Accuracies of logistic regression, for each layer and two baselines.

    Args:
        model: a trained model.
        train, test: images with labels, as `keras_igpt.data.batches` takes
            them; of shards at most 50,000.
        layers: numbers from 0 to the model's depth. Default: all.
        seed: chooses the training images that are set aside.
        report: called with a line of text for each result.

    Returns:
        list of dicts with "features", a str; "layer", int or None; and
        "validation" and "test", accuracies from 0 to 1. The layer to take is
        that of the best "validation".

    Raises:
        ValueError: if the images have no labels.
    """
    if layers is None:
        layers = range(len(model.blocks) + 1)
    train, test = _labelled(model, train), _labelled(model, test)
    rows = []
    for features, layer, (learned, tried) in _described(
        model, train, test, list(layers)
    ):
        validation, accuracy = fit(
            learned, train["label"], tried, test["label"], seed
        )
        report(f"{features}: validation {validation:.1%}, test {accuracy:.1%}")
        rows.append(
            {
                "features": features,
                "layer": layer,
                "validation": validation,
                "test": accuracy,
            }
        )
    return rows


def _labelled(model, dataset):
    """Tokens, labels and pixels of labelled images, in memory."""

    def columns(batch):
        if "label" not in batch:
            raise ValueError(
                "The images must have labels to be probed. "
                f"Received: images with {', '.join(batch)}."
            )
        images = batch["image"]
        return {
            "tokens": tokens(batch, model.tokenizer),
            "label": batch["label"],
            "pixels": images.reshape(len(images), -1).astype("float32") / 255,
        }

    check_tokenizer(dataset, model.tokenizer)
    check_columns(dataset, ["label", "image"])  # Pixels are a baseline.
    return data.arrays(some_of(dataset, MOST_PROBED), columns)


def _described(model, train, test, layers):
    """Names of features, their layer, and those of both sets, one by one."""
    both = (train, test)
    yield "raw pixels", None, [part["pixels"] for part in both]
    counts = [histograms(x["tokens"], model.vocabulary_size) for x in both]
    yield "token histograms", None, counts
    states = [model.token_features(part["tokens"], layers) for part in both]
    for i, layer in enumerate(layers):
        yield f"layer {layer}", layer, [state[:, i] for state in states]


def histograms(tokens: Array, vocabulary_size: int) -> Array:
    """Shares of each token, float32 `(images, vocabulary_size)`."""
    counts = np.zeros((len(tokens), vocabulary_size), "float32")
    np.add.at(counts, (np.arange(len(tokens))[:, None], tokens), 1)
    return counts / tokens.shape[1]


def plot(rows: Sequence[dict[str, Any]], path: PathLike) -> None:
    """Draws accuracy over depth, with the baselines as lines.

    Args:
        rows: as `probe` returns them.
        path: name of the `.png` file.
    """
    from matplotlib.figure import Figure

    figure = Figure((6, 4), layout="constrained")
    axes = figure.subplots()
    layers = [row for row in rows if row["layer"] is not None]
    axes.plot(
        [row["layer"] for row in layers],
        [100 * row["test"] for row in layers],
        marker="o",
        label="features",
    )
    baselines = [row for row in rows if row["layer"] is None]
    for row, style in zip(baselines, ("--", ":")):
        axes.axhline(
            100 * row["test"], color="grey", ls=style, label=row["features"]
        )
    axes.set_xlabel("layer")
    axes.set_ylabel("test accuracy of logistic regression, %")
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=100)
