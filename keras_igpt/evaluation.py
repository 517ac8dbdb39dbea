"""Figures about models and pictures.

Axes: B pictures, N cells, V vocabulary.
"""

import math

import numpy as np

from keras_igpt import data, likeness
from keras_igpt.palette import PaletteTokenizer

# Classifiers see at most this many training pictures: a support vector
# machine's time grows with their square.
JUDGE_PICTURES = 5_000
# Pictures painted to be recognised.
GENERATED = 500
# Pictures that a learned tokenizer paints at once.
DECODED = 256
# Colours of the palette that a learned tokenizer is compared with, and
# training pictures that they are fitted to.
PALETTE_COLORS = 512
PALETTE_PICTURES = 5_000


def bits_per_pixel(nats, image_size):
    """Mean bits per pixel of pictures whose likelihood is known.

    Args:
        nats: float array of shape `(B,)`, as `ImageGPT.score` returns.
        image_size: tuple of two ints, height and width.
    """
    return float(np.mean(nats)) / math.log(2) / math.prod(image_size)


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
        figures.update(_recognised(model, counted, inputs, seed))
    if not isinstance(model.tokenizer, PaletteTokenizer):
        figures.update(tokenizer_figures(model.tokenizer, train, test))
    return figures


def _tokens_of(model, pictures):
    """Inputs of a model, dict of arrays; captions are cut if too long."""
    batches = model.prepare(
        pictures, shuffle=False, truncate=True, edit_share=0
    )
    return batches.inputs


def tokenizer_figures(tokenizer, train, test):
    """How well test pictures survive as tokens, beside a plain palette.

    The palette has as many tokens to spend: pictures shrunk to the grid of
    the tokens, a fitted colour for each pixel, enlarged again.

    Args:
        tokenizer: a `VQTokenizer`.
        train: pictures to fit the palette to, as `keras_igpt.data.batches`
            takes them.
        test: pictures it has not seen.

    Returns:
        dict of float: those of `VQTokenizer.figures`, and `palette_psnr` in
        dB.
    """
    height, width = tokenizer.grid_size
    palette = PaletteTokenizer(
        (height, width), PALETTE_COLORS, tokenizer.channels
    )

    def small(images):
        return data.resize(images, palette.image_size)

    palette.adapt(small(_images(train, PALETTE_PICTURES)))
    images = _images(test)
    tokens = palette.encode(small(images))
    painted = np.asarray(palette.decode(tokens))
    painted = data.resize(painted, tokenizer.image_size)
    psnr = likeness.psnr(images, painted).mean()
    return {**tokenizer.figures(images), "palette_psnr": float(psnr)}


def _images(dataset, limit=None):
    """Pictures in one array, the first ones."""
    parts, count = [], 0
    for batch in data.batches(dataset, batch_size=256):
        parts.append(batch["image"])
        count += len(parts[-1])
        if limit is not None and count >= limit:
            break
    return np.concatenate(parts)[:limit]


def _recognised(model, train, test, seed):
    some = np.random.default_rng(0).permutation(len(train["label"]))
    some = some[:JUDGE_PICTURES]
    judge = Judge(
        _decoded(model.tokenizer, train["tokens"][some]), train["label"][some]
    )
    labels = np.repeat(
        np.arange(model.num_classes), -(-GENERATED // model.num_classes)
    )
    painted = model.generate(labels, seed=seed)
    real = _decoded(model.tokenizer, test["tokens"])
    return {
        "recognised_generated": judge.accuracy(painted, labels),
        "recognised_real": judge.accuracy(real, test["label"]),
    }


def _decoded(tokenizer, tokens):
    """Pictures of any number of tokens `(B, N)`, some at a time."""
    parts = np.array_split(tokens, -(-len(tokens) // DECODED))
    return np.concatenate([np.asarray(tokenizer.decode(p)) for p in parts])


class Judge:
    """A classifier trained on real pictures, to recognise painted ones.

    A support vector machine of scikit-learn on raw pixels.

    Args:
        images: uint8 array of shape `(B, height, width, channels)`.
        labels: int array of shape `(B,)`.
    """

    def __init__(self, images, labels):
        from sklearn.svm import SVC

        self._classifier = SVC().fit(_flat(images), labels)

    def accuracy(self, images, labels):
        """Share of pictures recognised as their label."""
        found = self._classifier.predict(_flat(images))
        return float(np.mean(found == labels))


def _flat(images):
    return np.asarray(images).reshape(len(images), -1) / 255.0
