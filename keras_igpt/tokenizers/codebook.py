"""What tokenizers with a codebook share: how they learn, encode and decode.

Axes: B batch, h and w rows and columns of cells, D code size.
"""

import math
import time
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt import data
from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_positive, check_seed
from keras_igpt.compiling import JIT_CONVOLUTIONS
from keras_igpt.images import metrics
from keras_igpt.images.arrays import (
    check_images,
    most_images,
    slices,
    to_floats,
    to_pixels,
)
from keras_igpt.tokenizers.autoencoder import (
    Autoencoder,
    ImageBatches,
    ReconstructionLoss,
)
from keras_igpt.tokenizers.base import ImageTokenizer
from keras_igpt.tokenizers.quantizers import perplexity
from keras_igpt.training.callbacks import BudgetBar, update_variables
from keras_igpt.training.schedule import TrainingBudget, fit_within

# Images that `adapt` keeps in memory; more teach the codebook little.
MAX_IMAGES = 20_000

# Share of the time to learn before there are codes.
WITHOUT_CODES = 0.2

# Images whose cells the first codes are found among.
START_IMAGES = 256

# Share of the time that measuring may take while it learns.
MEASURING = 0.05

# Encoded or decoded at a time.
BATCH = 256


class CodebookTokenizer(ImageTokenizer):
    """One code a cell, found by an autoencoder that learns.

    A subclass sets `codebook_size`, `encoder`, `decoder` and `quantizer`, and
    calls `build`.
    """

    # Images that `adapt` sets aside to measure on, at most.
    max_aside = 256

    @property
    def vocabulary_size(self) -> int:
        """Number of codes."""
        return self.codebook_size

    def build(self) -> None:
        """Makes the weights of all parts."""
        self.encoder.build((None, *self.image_shape))
        self.decoder.build((None, *self.grid_size, self.quantizer.code_dim))
        self.quantizer.build()
        self.updates = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            name="updates",
        )
        for part in (self.encoder, self.decoder, self.quantizer):
            part.trainable = False
        self.built = True

    def adapt(
        self,
        dataset: Any,
        epochs: float | None = None,
        minutes: float | None = None,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        seed: int = 0,
        verbose: bool = True,
    ) -> "CodebookTokenizer":
        """Learns to encode and decode images like these.

        Shows how far it is and, for images set aside, PSNR (dB), the share
        of the codes in use, and their perplexity. Called again, it goes on.

        Args:
            dataset: what `keras_igpt.data.batches` takes: a `tf.data.Dataset`
                of dictionaries with `"image"`, or uint8 images. The first
                20,000 are used.
            epochs: float. How often to see each image; 5 if neither this
                nor `minutes` is given.
            minutes: float. How long to learn, instead of `epochs`; the time
                to compile comes on top.
            batch_size: int.
            learning_rate: float. The highest; it rises, then falls.
            seed: int. Order of the images.
            verbose: bool. Show progress and figures.

        Returns:
            The tokenizer itself.
        """
        if epochs is None and minutes is None:
            epochs = 5
        budget = {"peak": learning_rate, "epochs": epochs, "minutes": minutes}
        TrainingBudget(**budget)  # Wrong numbers are told before any work.
        check_positive("batch_size", batch_size)
        check_seed(seed)
        images = self._gather(dataset, seed)
        aside = images[: max(1, min(self.max_aside, len(images) // 10))]
        rest = images[len(aside) :] if len(images) > 1 else images
        batches = ImageBatches(rest, batch_size, seed)
        self._set_trainable(True)
        try:
            if not self.adapted:
                if hasattr(self.quantizer, "codebook"):
                    self._check_codebook(rest)
                self._start(batches, share(budget, WITHOUT_CODES), verbose)
                budget = share(budget, 1 - WITHOUT_CODES)
            self._learn(batches, budget, verbose, aside)
        finally:
            self._set_trainable(False)
        self.updates.assign_add(1)
        self.adapted = True
        return self

    def _start(self, batches, budget, verbose):
        """Learns without codes for a while, then finds codes by k-means."""
        self._learn(batches, budget, verbose, quantized=False)
        self.quantizer.start(self._vectors(batches.images))

    def _learn(self, batches, budget, verbose, shown=None, quantized=True):
        budget = TrainingBudget(**budget, after_first=True)
        trainer = self._trainer(quantized)
        trainer.compile(
            keras.optimizers.Adam(budget.peak, global_clipnorm=1.0),
            self._loss(),
            jit_compile=JIT_CONVOLUTIONS,
        )
        bar = None
        if verbose:
            what = "tokenizer, codes" if quantized else "tokenizer, pixels"
            bar = _Figures(self, what, shown, budget)
        fit_within(trainer, batches, budget, bar=bar)

    def _trainer(self, quantized):
        """What learns: a model from image to image."""
        return Autoencoder(
            self.encoder, self.quantizer, self.decoder, quantized
        )

    def _loss(self):
        """What it learns from."""
        return ReconstructionLoss()

    def _encode(self, images):
        """The numbers of the codes of cells."""
        vectors = self.encoder(to_floats(images))  # (B, h, w, D)
        vectors = ops.reshape(vectors, (-1, self.quantizer.code_dim))
        numbers = self.quantizer.numbers(vectors)
        return ops.reshape(numbers, (-1, math.prod(self.grid_size)))

    def _decode(self, tokens):
        """What the decoder makes of the codes of numbers."""
        codes = self.quantizer.codes(tokens)  # (B, h w, D)
        grid = (-1, *self.grid_size, self.quantizer.code_dim)
        return to_pixels(self.decoder(ops.reshape(codes, grid)))

    def load_own_variables(self, store: Any) -> None:
        """Loads how often codes were learned; if ever, it is adapted."""
        super().load_own_variables(store)
        self.adapted = bool(ops.convert_to_numpy(self.updates))

    def figures(self, images: Array) -> dict[str, float]:
        """How well images survive, and how many codes that takes.

        Args:
            images: uint8 array of shape `(B, height, width, channels)`.

        Returns:
            dict of floats: `psnr` in dB, the mean over images;
            `codes_used`, a share; `perplexity` of the codes.
        """
        tokens = self._encode_all(images)  # also while they are learned
        psnr = [
            metrics.psnr(images[rows], self.decode_all(tokens[rows]))
            for rows in slices(images, BATCH)
        ]
        counts = np.bincount(tokens.ravel(), minlength=self.codebook_size)
        return {
            "psnr": float(np.mean(np.concatenate(psnr))),
            "codes_used": float(np.mean(counts > 0)),
            "perplexity": perplexity(counts),
        }

    def _check_codebook(self, images):
        """An error unless the images have more cells than codes."""
        distinct = len(np.unique(self._vectors(images).round(4), axis=0))
        if distinct < self.codebook_size:
            raise ValueError(
                "`codebook_size` must not exceed the number of different "
                "cells in the images. Received: codebook_size="
                f"{self.codebook_size}, and {distinct} different cells in "
                f"{min(len(images), START_IMAGES)} images. "
                "Give more images, or use a smaller codebook."
            )

    def _vectors(self, images):
        """What the encoder makes of some cells, float32 `(M, D)`."""
        images = images[:START_IMAGES]
        vectors = [
            ops.convert_to_numpy(self.encoder(to_floats(images[rows])))
            for rows in self._batches(images)
        ]
        return np.concatenate(vectors).reshape(-1, self.quantizer.code_dim)

    def _gather(self, dataset, seed):
        """At most 20,000 images in one array, in a new order."""

        def checked(batch):
            check_images(batch["image"], self.image_shape)
            return {"image": batch["image"]}

        most = most_images(MAX_IMAGES, self.image_shape)
        images = data.arrays(dataset, checked, most)["image"]
        np.random.default_rng(seed).shuffle(images)
        return images

    def _set_trainable(self, value):
        for part in (self, self.encoder, self.decoder, self.quantizer):
            part.trainable = value


class _Figures(BudgetBar):
    """A bar with how good the tokenizer is by now, anew every 15 seconds;
    less often where that takes long.

    Args:
        tokenizer: the `VQTokenizer`.
        what: str, what is being done.
        images: uint8 array to measure on; None while there are no codes.
        budget: the `TrainingBudget`.
    """

    pause = 15.0

    def __init__(self, tokenizer, what, images, budget):
        super().__init__(what, budget)
        self.tokenizer = tokenizer
        self.images = images
        self.last = time.monotonic()
        self.cost = 0.0
        self.figures = ""

    def words(self, logs):
        pause = max(self.pause, self.cost / MEASURING)
        if time.monotonic() - self.last > pause:
            self._measure()
        return self.figures

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        if self.images is not None:
            self._measure()
            print(f"tokenizer: {self.figures}", flush=True)

    def _measure(self):
        if self.images is None:
            return
        begin = time.monotonic()
        update_variables(self.model)
        figures = self.tokenizer.figures(self.images)
        self.last = time.monotonic()
        self.cost = self.last - begin
        self.figures = (
            f"PSNR {figures['psnr']:.2f} dB, "
            f"{figures['codes_used']:.1%} of the codes in use, "
            f"perplexity {figures['perplexity']:.0f}"
        )


def share(budget: dict[str, Any], part: float) -> dict[str, Any]:
    """A part of a budget of epochs or minutes.

    Args:
        budget: dict of the arguments of a `TrainingBudget`.
        part: float from 0 to 1.
    """
    spans = {key: budget[key] for key in ("epochs", "minutes")}
    return {**budget, **{k: v and v * part for k, v in spans.items()}}
