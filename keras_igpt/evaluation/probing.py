"""How much a model has understood: classifiers on its features.

Linear probes (Chen et al. 2020, section 4.2): logistic regression on the
features of each layer, beside the same on raw pixels and on how often each
token occurs.
"""

import numpy as np

from keras_igpt import data
from keras_igpt.atomic_files import replacing
from keras_igpt.models.linear_probe import (
    fit,
)


def probe(model, train, test, layers=None, seed=0, report=print):
    """Accuracies of logistic regression, for each layer and two baselines.

    Args:
        model: an `ImageGPT`.
        train, test: pictures with labels, as `keras_igpt.data.batches` takes
            them.
        layers: list of int from 0 to the model's depth. Default: all.
        seed: int. Chooses the training pictures that are set aside.
        report: called with a line of text for each result.

    Returns:
        list of dicts with "features", a str; "layer", int or None; and
        "validation" and "test", accuracies from 0 to 1. The layer to take is
        that of the best "validation".
    """
    if layers is None:
        layers = list(range(len(model.blocks) + 1))
    train, test = _columns(model, train), _columns(model, test)
    rows = []

    def add(features, layer, train_features, test_features):
        validation, accuracy = fit(
            train_features, train["label"], test_features, test["label"], seed
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

    add("raw pixels", None, train["pixels"], test["pixels"])
    counts = [
        histograms(part["tokens"], model.vocabulary_size)
        for part in (train, test)
    ]
    add("token histograms", None, *counts)
    described = [
        model.token_features(part["tokens"], list(layers))
        for part in (train, test)
    ]
    for i, layer in enumerate(layers):
        add(f"layer {layer}", layer, *(part[:, i] for part in described))
    return rows


def histograms(tokens, vocabulary_size):
    """Shares of each token, float32 `(pictures, vocabulary_size)`."""
    counts = np.zeros((len(tokens), vocabulary_size), "float32")
    np.add.at(counts, (np.arange(len(tokens))[:, None], tokens), 1)
    return counts / tokens.shape[1]


def plot(rows, path):
    """Draws accuracy over depth, with the baselines as lines.

    Args:
        rows: as `probe` returns them.
        path: of the `.png` file.
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


def _columns(model, dataset):
    """Tokens, labels and pixels of labelled pictures, in memory."""
    parts = []
    for batch in data.batches(dataset, batch_size=256):
        if "label" not in batch:
            raise ValueError(
                "The pictures must have labels to be probed. "
                f"Received: pictures with {', '.join(batch)}."
            )
        pixels = batch["image"].reshape(len(batch["image"]), -1)
        parts.append(
            {
                "tokens": np.asarray(model.tokenizer.encode(batch["image"])),
                "label": batch["label"],
                "pixels": pixels.astype("float32") / 255,
            }
        )
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }
