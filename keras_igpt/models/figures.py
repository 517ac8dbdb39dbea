"""`ImageGPTFigures`: what a model says of images that exist.

Axes: B images, N cells, d width of the model, L blocks.
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.generation.image_generator import ImageGenerator
from keras_igpt.models.features import FeatureExtractor
from keras_igpt.models.trainer import ImageGPTTrainer


class ImageGPTFigures(ImageGPTTrainer):
    """The network that is trained, and what it makes of images.

    Args:
        tokenizer, config, kwargs: as `ImageGPTNetwork` takes them.
    """

    def __init__(
        self, tokenizer: keras.layers.Layer, config: dict, **kwargs: Any
    ) -> None:
        super().__init__(tokenizer, config, **kwargs)
        self.image_generator = ImageGenerator(self)
        self.feature_extractor = FeatureExtractor(self)

    def score(
        self,
        images: Any,
        labels: ArrayLike | None = None,
        text: str | Sequence[str] | None = None,
        batch_size: int = 64,
        truncate: bool = False,
        per_cell: bool = False,
        orders: int | None = None,
        seed: int = 0,
    ) -> Array:
        """Says how likely images are, under their labels or captions.

        A model of any order reads the cells in the order in which it writes
        them, one a step.

        Args:
            images: as in `complete`.
            labels: as in `generate`, one per image; None: of any class.
            text: list of str, captions, or None.
            batch_size: int.
            truncate: bool. Cut captions longer than `text_length` bytes.
            per_cell: bool. Say it of every token, rather than of images.
            orders: int. For a model of any order: the mean over so many
                random orders, the same for all images, in place of its own.
            seed: int. Draws these orders.

        Returns:
            float64 array of shape `(batch,)`: negative log-likelihood of
            each image's tokens, in nats. Lower is likelier. With `per_cell`,
            float32 `(batch, rows, columns)`, which adds up to it: the nats of
            each token, given those before it.

        Raises:
            ValueError: if images do not fit, or `orders` is given to a model
                that writes row by row.
        """
        return self.image_generator.score(
            images, labels, text, batch_size, truncate, per_cell, orders, seed
        )

    def score_tokens(
        self,
        inputs: dict,
        batch_size: int = 64,
        per_cell: bool = False,
        orders: int | None = None,
        seed: int = 0,
    ) -> Array:
        """As `score`, for tokens as `prepare` makes them.

        Args:
            inputs: dict of int arrays, `"tokens"`, and `"label"` and
                `"text"` if the model has them. Others are not looked at.
            batch_size: int.
            per_cell, orders, seed: as in `score`.
        """
        return self.image_generator.score_tokens(
            inputs, batch_size, per_cell, orders, seed
        )

    def features(
        self,
        images: Any,
        layer: int | Sequence[int] | None = None,
        batch_size: int = 16,
    ) -> Array:
        """Describes images by vectors, for classifiers and searches.

        The vector is the mean over cells of what a block reads, behind its
        first norm (Chen et al. 2020, section 2.3). Prompts are empty. A model
        of any order reads the cells in the order in which it writes them; its
        first half sees their tokens, its middle is what that half has made of
        them, and its second half only asks.

        Args:
            images: as in `complete`.
            layer: int from 0 to L: the block; L is what the head reads. None
                for the middle. Or a list of those.
            batch_size: int.

        Returns:
            float32 array of shape `(batch, d)`; for a list
            `(batch, layers, d)`.

        Raises:
            ValueError: if there is no such layer, or images do not fit.
        """
        return self.feature_extractor.features(images, layer, batch_size)

    def token_features(
        self,
        tokens: Array,
        layer: int | Sequence[int] | None = None,
        batch_size: int = 16,
    ) -> Array:
        """As `features`, for int tokens of shape `(batch, N)`."""
        return self.feature_extractor.token_features(tokens, layer, batch_size)
