"""The autoencoder behind `VQTokenizer`, and what it learns from.

Axes: B batch, h and w rows and columns of cells, D code size.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.images.arrays import to_floats

# Pixels that a cell may be high and wide.
CELL_SIZES = (2, 4)


def encoder(hidden_dim: int, code_dim: int, cell_size: int) -> keras.Sequential:
    """Images `(B, height, width, channels)` to vectors `(B, h, w, D)`.

    A vector depends on its own cell's pixels alone. So tokens of a known
    part of an image are the same whatever stands beside it, and a letter on
    the grid is always the same few tokens. The decoder sees neighbours.
    """
    return keras.Sequential(
        [
            _conv(2 * hidden_dim, cell_size, strides=cell_size),
            ResidualBlock(2 * hidden_dim, 1, dtype="float32"),
            ResidualBlock(2 * hidden_dim, 1, dtype="float32"),
            # Vectors about as long as codes from the first step on.
            keras.layers.RMSNormalization(dtype="float32"),
            _conv(code_dim, 1),
        ],
        name="encoder",
    )


def decoder(hidden_dim: int, channels: int, cell_size: int) -> keras.Sequential:
    """Codes `(B, h, w, D)` to images `(B, height, width, channels)`."""
    # Each transposed convolution doubles both sides.
    doubled = []
    if cell_size == 4:
        doubled = [_transposed(hidden_dim // 2, activation="relu")]
    return keras.Sequential(
        [
            _conv(hidden_dim, 3),
            ResidualBlock(hidden_dim, dtype="float32"),
            ResidualBlock(hidden_dim, dtype="float32"),
            ResidualBlock(hidden_dim, dtype="float32"),
            *doubled,
            _transposed(channels),
        ],
        name="decoder",
    )


def _conv(filters, kernel_size, **options):
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        data_format="channels_last",
        dtype="float32",
        **options,
    )


def _transposed(filters, activation=None):
    return keras.layers.Conv2DTranspose(
        filters,
        4,
        strides=2,
        padding="same",
        data_format="channels_last",
        activation=activation,
        dtype="float32",
    )


@keras.saving.register_keras_serializable("keras_igpt")
class ResidualBlock(keras.layers.Layer):
    """ReLU, convolution, ReLU, 1x1, added to the input.

    Args:
        filters: int. Channels in and out.
        kernel_size: int. Of the first convolution.
    """

    def __init__(self, filters: int, kernel_size: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.wide = _conv(filters, kernel_size, name="wide")
        self.narrow = _conv(filters, 1, name="narrow")

    def build(self, input_shape: tuple) -> None:
        """Makes both convolutions' weights."""
        self.wide.build(input_shape)
        self.narrow.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """float32 `(B, h, w, filters)` to the same shape."""
        return x + self.narrow(ops.relu(self.wide(ops.relu(x))))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
        }


# === Learning ===


class Autoencoder(keras.Model):
    """From image to image.

    Args:
        encoder, quantizer, decoder: layers, built.
        quantized: bool. Whether vectors become codes on their way.
    """

    def __init__(
        self,
        encoder: keras.Layer,
        quantizer: keras.Layer,
        decoder: keras.Layer,
        quantized: bool = True,
    ):
        super().__init__(name="autoencoder")
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.quantized = quantized
        self.built = True  # it has no weights but theirs

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        """Decodes what it encodes, float32 images."""
        vectors = self.encoder(images)  # (B, h, w, D)
        shape = ops.shape(vectors)
        vectors = ops.reshape(vectors, (-1, shape[-1]))
        if self.quantized:
            codes, _ = self.quantizer(vectors, training=training)
        else:
            codes = self.quantizer.bounded(vectors)
        return self.decoder(ops.reshape(codes, shape))


@keras.saving.register_keras_serializable("keras_igpt")
class ReconstructionLoss(keras.losses.Loss):
    """Squares of pixels' errors, and of neighbours' differences.

    Errors that shift or blur an edge are errors of its differences. Those at
    coarser scales, of averaged pixels, are what a loss on pixels alone
    hardly sees. Squares care for the few pixels that are far off, of which
    letters and a ball are made; absolute values care for the many.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Args: float32 images `(B, height, width, channels)`."""
        error = y_pred - y_true
        loss = 3.0 * ops.mean(error**2, axis=(1, 2, 3))
        for _ in range(3):
            down = error[:, 1:] - error[:, :-1]
            across = error[:, :, 1:] - error[:, :, :-1]
            loss = loss + 0.5 * ops.mean(down**2, axis=(1, 2, 3))
            loss = loss + 0.5 * ops.mean(across**2, axis=(1, 2, 3))
            error = ops.average_pool(
                error, 2, strides=2, data_format="channels_last"
            )
            if min(error.shape[1:3]) < 2:
                break
        return loss


class ImageBatches(keras.utils.PyDataset):
    """uint8 images in memory as batches of floats, input and target."""

    def __init__(self, images: Array, batch_size: int, seed: int):
        super().__init__()
        self.images = images
        self.batch_size = min(batch_size, len(images))
        self.generator = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, index):
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        images = to_floats(self.images[chosen])
        return images, images

    def on_epoch_end(self) -> None:
        """Chooses a new order."""
        self.order = self.generator.permutation(len(self.images))
