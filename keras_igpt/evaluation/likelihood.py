"""Figures about models and pictures.

Axes: B pictures, N cells, V vocabulary.
"""

import numpy as np

from keras_igpt.evaluation.recognition import (
    recognised,
)
from keras_igpt.evaluation.tokenizer_quality import (
    tokenizer_figures,
)
from keras_igpt.tokenizers.palette import PaletteTokenizer
from keras_igpt.training.losses import bits_per_pixel


def histogram_nats(tokens, labels, train_tokens, train_labels, vocabulary_size):
    """Code length under histograms of each cell: what counting alone gives.

    Every cell has a histogram of its own over the training tokens, with half
    a count added to every token (Krichevsky & Trofimov 1981). With labels
    there is one per class and cell.

    Args:
        tokens: int array of shape `(B, N)`, to be coded.
        labels: int array of shape `(B,)`, or None for no classes.
        train_tokens: int array of shape `(B', N)`, to count.
        train_labels: int array of shape `(B',)`, or None.
        vocabulary_size: int.

    Returns:
        float64 array of shape `(B,)`, nats per picture.
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


def report(model, train, test, seed=0):
    """Figures of a model on test pictures, beside those of counting.

    Args:
        model: an `ImageGPT`.
        train: what the model was trained on, as `keras_igpt.data.load` gives.
        test: pictures it has not seen.
        seed: int. Of the generated pictures that are to be recognised.

    Returns:
        dict of float: nats per picture and bits per pixel of the model; bits
        per pixel of the histograms per cell, and per class and cell; with
        classes, the share of generated pictures, as many per class, that a
        `Judge` recognises, and of real test pictures; with a learned
        tokenizer the `tokenizer_figures`.
    """
    size = model.tokenizer.image_size
    counted = _tokens_of(model, train)
    inputs = _tokens_of(model, test)
    nats = model.score_tokens(inputs)
    figures = {
        "nats_per_picture": float(nats.mean()),
        "bits_per_pixel": bits_per_pixel(nats, size),
    }
    variants = {"histogram_bits_per_pixel": (None, None)}
    if model.num_classes:
        variants["class_histogram_bits_per_pixel"] = (
            inputs["label"],
            counted["label"],
        )
    for name, (labels, counted_labels) in variants.items():
        figures[name] = bits_per_pixel(
            histogram_nats(
                inputs["tokens"],
                labels,
                counted["tokens"],
                counted_labels,
                model.vocabulary_size,
            ),
            size,
        )
    if model.num_classes:
        figures.update(recognised(model, counted, inputs, seed))
    if not isinstance(model.tokenizer, PaletteTokenizer):
        figures.update(tokenizer_figures(model.tokenizer, train, test))
    return figures


def _tokens_of(model, pictures):
    """Inputs of a model, dict of arrays; captions are cut if too long."""
    batches = model.prepare(
        pictures, shuffle=False, truncate=True, edit_share=0
    )
    return batches.inputs
