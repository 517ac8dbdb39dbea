"""Parts of `ConvVQTokenizer`: an encoder and a decoder of residual blocks.

The architecture is that of LlamaGen's image tokenizers (Sun et al. 2024,
https://arxiv.org/abs/2406.06525), after Esser et al. 2020,
https://arxiv.org/abs/2012.09841. What is added to a residual path begins as
zero (Zhang et al. 2019, https://arxiv.org/abs/1901.09321): a network that is
short at first learns several times as fast.

Axes: B batch, h and w rows and columns, C channels, N = h w.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor

# Groups of channels that are normalised together, and what is added to their
# variance.
GROUPS = 32
EPSILON = 1e-6


def encoder(
    hidden_dim: int,
    multipliers: tuple[int, ...],
    latent_dim: int,
    code_dim: int,
) -> keras.Sequential:
    """Images `(B, height, width, channels)` to vectors `(B, h, w, code_dim)`.

    Args:
        hidden_dim: int. Channels at full size, times a multiplier elsewhere.
        multipliers: tuple of ints, one a level; each next is half as large.
        latent_dim: int. Channels before they become a vector of a code.
        code_dim: int. Size of a code.
    """
    last = len(multipliers) - 1
    parts = [_conv(hidden_dim, name="conv_in")]
    for level, multiplier in enumerate(multipliers):
        filters = hidden_dim * multiplier
        parts += _level(f"level_{level}", filters, 2, level == last)
        if level < last:
            name = f"level_{level}_down"
            parts.append(_conv(filters, strides=2, name=name))
    parts += _middle(filters)
    parts += [
        GroupNorm(swish=True, dtype="float32", name="norm_out"),
        _conv(latent_dim, name="conv_out"),
        _conv(code_dim, 1, name="to_code"),
    ]
    return keras.Sequential(parts, name="encoder")


def decoder(
    hidden_dim: int,
    multipliers: tuple[int, ...],
    latent_dim: int,
    channels: int,
) -> keras.Sequential:
    """Codes `(B, h, w, code_dim)` to images `(B, height, width, channels)`.

    Args:
        hidden_dim, multipliers, latent_dim: as those of `encoder`.
        channels: int. Channels of images.
    """
    last = len(multipliers) - 1
    filters = hidden_dim * multipliers[-1]
    parts = [
        _conv(latent_dim, 1, name="from_code"),
        _conv(filters, name="conv_in"),
        *_middle(filters),
    ]
    for level in range(last, -1, -1):
        filters = hidden_dim * multipliers[level]
        parts += _level(f"level_{level}", filters, 3, level == last)
        if level > 0:
            name = f"level_{level}_up"
            parts.append(Upsample(filters, dtype="float32", name=name))
    parts += [
        GroupNorm(swish=True, dtype="float32", name="norm_out"),
        # Grey at first, as near to all images as can be.
        _conv(channels, name="conv_out", kernel_initializer="zeros"),
    ]
    return keras.Sequential(parts, name="decoder")


def _level(name, filters, count, attends):
    for i in range(count):
        yield _block(f"{name}_block_{i}", filters)
        if attends:
            yield CellAttention(dtype="float32", name=f"{name}_attention_{i}")


def _middle(filters):
    yield _block("middle_block_0", filters)
    yield CellAttention(dtype="float32", name="middle_attention")
    yield _block("middle_block_1", filters)


def _block(name, filters):
    return ConvResidualBlock(filters, dtype="float32", name=name)


def _conv(filters, kernel_size=3, **options):
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        data_format="channels_last",
        dtype="float32",
        **options,
    )


@keras.saving.register_keras_serializable("keras_igpt")
class GroupNorm(keras.layers.Layer):
    """Group normalisation over all pixels, as two numbers a channel.

    Keras's own goes over the pixels more often.

    Args:
        swish: bool. Whether x sigmoid(x) follows.
    """

    def __init__(self, swish: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.swish = swish

    def build(self, input_shape: tuple) -> None:
        """Makes the scale and the offset."""
        channels = input_shape[-1]
        self.groups = math.gcd(GROUPS, channels)
        self.scale = self.add_weight(
            shape=(channels,), initializer="ones", name="scale"
        )
        self.offset = self.add_weight(
            shape=(channels,), initializer="zeros", name="offset"
        )

    def call(self, x: Tensor) -> Tensor:
        """float32 `(B, h, w, C)` to the same shape."""
        channels = x.shape[-1]
        mean, variance = ops.moments(x, axes=(1, 2))  # (B, C)
        grouped = (-1, self.groups, channels // self.groups)
        means = ops.reshape(mean, grouped)
        mean = ops.mean(means, axis=-1, keepdims=True)
        variance = ops.mean(
            ops.reshape(variance, grouped) + (means - mean) ** 2,
            axis=-1,
            keepdims=True,
        )
        width = ops.rsqrt(variance + EPSILON)  # (B, groups, 1)
        scale = ops.reshape(self.scale, grouped[1:]) * width
        offset = ops.reshape(self.offset, grouped[1:]) - mean * scale
        shape = (-1, 1, 1, channels)
        x = x * ops.reshape(scale, shape) + ops.reshape(offset, shape)
        return ops.silu(x) if self.swish else x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "swish": self.swish}


@keras.saving.register_keras_serializable("keras_igpt")
class ConvResidualBlock(keras.layers.Layer):
    """Norm, swish, convolution, twice, added to the input.

    Args:
        filters: int. Channels of the output. If the input has others, it
            goes through a 1x1 convolution.
    """

    def __init__(self, filters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.norm_1 = GroupNorm(swish=True, dtype="float32", name="norm_1")
        self.conv_1 = _conv(filters, name="conv_1")
        self.norm_2 = GroupNorm(swish=True, dtype="float32", name="norm_2")
        self.conv_2 = _conv(filters, name="conv_2", kernel_initializer="zeros")
        self.shortcut = None

    def build(self, input_shape: tuple) -> None:
        """Makes the weights of all parts."""
        shape = (*input_shape[:-1], self.filters)
        self.norm_1.build(input_shape)
        self.conv_1.build(input_shape)
        self.norm_2.build(shape)
        self.conv_2.build(shape)
        if input_shape[-1] != self.filters:
            self.shortcut = _conv(self.filters, 1, name="shortcut")
            self.shortcut.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """float32 `(B, h, w, C)` to `(B, h, w, filters)`."""
        y = self.conv_1(self.norm_1(x))
        y = self.conv_2(self.norm_2(y))
        return y + (self.shortcut(x) if self.shortcut else x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input, with other channels."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable("keras_igpt")
class CellAttention(keras.layers.Layer):
    """Norm, one head of attention among all cells, added to the input."""

    def build(self, input_shape: tuple) -> None:
        """Makes the weights of all parts."""
        channels = input_shape[-1]
        self.norm = GroupNorm(dtype="float32", name="norm")
        self.query_key_value = keras.layers.Dense(
            3 * channels, dtype="float32", name="query_key_value"
        )
        self.output_projection = keras.layers.Dense(
            channels,
            kernel_initializer="zeros",
            dtype="float32",
            name="output_projection",
        )
        for part in (self.norm, self.query_key_value, self.output_projection):
            part.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """float32 `(B, h, w, C)` to the same shape."""
        shape, channels = ops.shape(x), x.shape[-1]
        y = ops.reshape(self.norm(x), (shape[0], -1, channels))  # (B, N, C)
        query, key, value = ops.split(self.query_key_value(y), 3, axis=-1)
        scores = ops.matmul(query, ops.swapaxes(key, 1, 2))  # (B, N, N)
        weights = ops.softmax(scores * channels**-0.5, axis=-1)
        y = self.output_projection(ops.matmul(weights, value))
        return x + ops.reshape(y, shape)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable("keras_igpt")
class Upsample(keras.layers.Layer):
    """Every pixel four times, then a convolution.

    Args:
        filters: int. Channels of the output.
    """

    def __init__(self, filters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.conv = _conv(filters, name="conv")

    def build(self, input_shape: tuple) -> None:
        """Makes the convolution's weights."""
        self.conv.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """float32 `(B, h, w, C)` to `(B, 2 h, 2 w, filters)`."""
        batch, rows, columns, channels = ops.shape(x)
        x = ops.broadcast_to(
            x[:, :, None, :, None], (batch, rows, 2, columns, 2, channels)
        )
        return self.conv(
            ops.reshape(x, (batch, 2 * rows, 2 * columns, channels))
        )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Twice as high and wide."""
        batch, rows, columns, _ = input_shape
        return batch, 2 * rows, 2 * columns, self.filters

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "filters": self.filters}
