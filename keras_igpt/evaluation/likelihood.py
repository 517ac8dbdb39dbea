"""How well a model predicts test images, and the report of all its figures.

Axes: B images, N cells, V vocabulary.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.data.batches import check_columns, some_of
from keras_igpt.evaluation.recognition import recognition_figures
from keras_igpt.evaluation.tokenizer_quality import tokenizer_figures
from keras_igpt.images.arrays import most_images
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.tokenizers.palette import PaletteTokenizer
from keras_igpt.training.losses import bits_per_pixel


def report(
    model: ImageGPT, train: Any, test: Any, seed: int = 0, **sampling: Any
) -> dict[str, float]:
    """Figures of a model on test images, beside those of counting.

    Args:
        model: a trained model.
        train: what the model was trained on, as `keras_igpt.data.load` gives.
            Of shards at most 1 GiB of tokens is counted.
        test: images it has not seen; shards must have images beside tokens
            where the tokenizer is a learned one.
        seed: of the generated images that are to be recognised.
        sampling: further arguments of `ImageGPT.generate` for these.

    Returns:
        dict of the `likelihood_figures`; with classes, the
        `recognition_figures`; with a learned tokenizer, the
        `tokenizer_figures`.
    """
    learned = not isinstance(model.tokenizer, PaletteTokenizer)
    for images in (train, test) if learned else ():
        check_columns(images, ["image"])
    counted, inputs = _tokens_of(model, train), _tokens_of(model, test)
    figures = likelihood_figures(model, counted, inputs)
    if model.num_classes:
        figures |= recognition_figures(model, counted, inputs, seed, **sampling)
    if learned:
        figures |= tokenizer_figures(model.tokenizer, train, test)
    return figures


def likelihood_figures(
    model: ImageGPT, train: Mapping[str, Array], test: Mapping[str, Array]
) -> dict[str, float]:
    """Code lengths of test images, under a model and under histograms.

    Args:
        model: a trained model.
        train, test: dict of inputs as the model takes them, "tokens"
            `(B, N)` among them.

    Returns:
        dict of "nats_per_picture" and "bits_per_pixel" of the model;
        "histogram_bits_per_pixel" of a histogram per cell; with classes,
        "class_histogram_bits_per_pixel" of one per class and cell.
    """
    size = model.tokenizer.image_size

    def counting(*columns):
        labels, train_labels = columns or (None, None)
        nats = histogram_nats(
            test["tokens"],
            labels,
            train["tokens"],
            train_labels,
            model.vocabulary_size,
        )
        return bits_per_pixel(nats, size)

    nats = model.score_tokens(test)
    figures = {
        "nats_per_picture": float(nats.mean()),
        "bits_per_pixel": bits_per_pixel(nats, size),
        "histogram_bits_per_pixel": counting(),
    }
    if model.num_classes:
        figures["class_histogram_bits_per_pixel"] = counting(
            test["label"], train["label"]
        )
    return figures


def histogram_nats(
    tokens: Array,
    labels: Array | None,
    train_tokens: Array,
    train_labels: Array | None,
    vocabulary_size: int,
) -> Array:
    """Code length under histograms of each cell: what counting alone gives.

    Every cell has a histogram of its own over the training tokens, with half
    a count added to every token (Krichevsky & Trofimov 1981). With labels
    there is one per class and cell.

    Args:
        tokens: int array of shape `(B, N)`, to be coded.
        labels: int array of shape `(B,)`, or None for no classes.
        train_tokens: int array of shape `(B', N)`, to count.
        train_labels: int array of shape `(B',)`, or None.
        vocabulary_size: number of different tokens.

    Returns:
        float64 array of shape `(B,)`, nats per image.
    """
    if labels is None:
        labels = np.zeros(len(tokens), int)
        train_labels = np.zeros(len(train_tokens), int)
    num_classes = int(max(labels.max(), train_labels.max())) + 1
    cells = np.arange(tokens.shape[1])
    counts = np.full(
        (num_classes, tokens.shape[1], vocabulary_size), 0.5
    )  # (classes, N, V)
    np.add.at(counts, (train_labels[:, None], cells, train_tokens), 1)
    logs = np.log(counts / counts.sum(axis=-1, keepdims=True))
    return -logs[labels[:, None], cells, tokens].sum(axis=1)


def _tokens_of(model, images):
    """Inputs of a model, dict of arrays; captions are cut if too long."""
    images = some_of(images, most_images(2**63 - 1, (2 * model.num_cells,)))
    return model.prepare(
        images, shuffle=False, truncate=True, edit_share=0
    ).inputs
