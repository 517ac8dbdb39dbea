"""What all tokenizers share: shapes, checks, and work in batches.

Axes: B batch, N cells of an image, row by row.
"""

import functools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.argument_checks import checked_image_size
from keras_igpt.compiling import CompiledFunction
from keras_igpt.images.arrays import check_images, slices

# Pixels encoded or decoded at once: 256 images of 64x64.
PIXELS = 2**20


class ImageTokenizer(keras.layers.Layer):
    """Turns images into whole numbers, one a cell, and back.

    A subclass has `vocabulary_size`, sets `adapted` when it can encode, and
    says what `_encode` and `_decode` do with tensors that fit.

    Args:
        image_size: int, or tuple of two, height and width in pixels.
        channels: 3 for RGB, 1 for grey images.
        cell_size: int. Pixels that a cell is high and wide.
    """

    def __init__(
        self,
        image_size: int | tuple[int, int],
        channels: int,
        cell_size: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "trainable": False})
        if channels not in (1, 3):
            raise ValueError(
                "`channels` must be 1 (grey) or 3 (RGB). "
                f"Received: channels={channels!r}."
            )
        self.image_size = checked_image_size(
            image_size, optional=False, multiple_of=cell_size
        )
        self.channels = int(channels)
        self.cell_size = int(cell_size)
        self.adapted = False

    @property
    def grid_size(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        height, width = self.image_size
        return height // self.cell_size, width // self.cell_size

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return (*self.image_size, self.channels)

    @property
    def reach(self) -> int | None:
        """Pixels beyond its own cell that a token depends on; None for all."""
        return 0

    def encode(self, images: Tensor) -> Tensor:
        """Names what every cell shows.

        Args:
            images: uint8 tensor of shape `(B, height, width, channels)`.

        Returns:
            int32 tensor of shape `(B, N)`, row by row.
        """
        self._check(images)
        return self._encode(ops.convert_to_tensor(images))

    def decode(self, tokens: Tensor) -> Tensor:
        """Makes images of tokens.

        Args:
            tokens: int tensor of shape `(B, N)`.

        Returns:
            uint8 tensor of shape `(B, height, width, channels)`.
        """
        return self._decode(ops.cast(tokens, "int32"))

    def encode_all(self, images: Array) -> Array:
        """As `encode`, for any number of images: compiled, in batches.

        Args:
            images: uint8 array of shape `(B, height, width, channels)`.

        Returns:
            uint16 array of shape `(B, N)`; int32 if the vocabulary is too
            large for that.
        """
        self._check(images)
        return self._encode_all(images)

    def decode_all(self, tokens: Array) -> Array:
        """As `decode`, for any number of images: compiled, in batches.

        Args:
            tokens: int array of shape `(B, N)`.

        Returns:
            uint8 array of shape `(B, height, width, channels)`.
        """
        tokens = np.asarray(tokens)
        images = np.empty((len(tokens), *self.image_shape), "uint8")
        for rows in self._batches(tokens):
            part = self._decode_batch(tokens[rows].astype("int32"))
            images[rows] = ops.convert_to_numpy(part)
        return images

    def _check(self, images):
        check_images(images, self.image_shape)
        if not self.adapted:
            raise ValueError(
                "The tokenizer must be adapted to images before it can "
                f"encode. Received: a {type(self).__name__} that was never "
                "adapted. Call `tokenizer.adapt(dataset)` first."
            )

    def _encode_all(self, images):
        images = np.asarray(images)
        dtype = "uint16" if self.vocabulary_size < 2**16 else "int32"
        tokens = np.empty((len(images), math.prod(self.grid_size)), dtype)
        for rows in self._batches(images):
            part = self._encode_batch(images[rows])
            tokens[rows] = ops.convert_to_numpy(part)
        return tokens

    def _batches(self, rows):
        return slices(rows, max(1, PIXELS // math.prod(self.image_size)))

    @functools.cached_property
    def _encode_batch(self):
        return CompiledFunction(self, self._encode)

    @functools.cached_property
    def _decode_batch(self):
        return CompiledFunction(self, self._decode)
