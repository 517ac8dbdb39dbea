"""The Transformer's smaller parts: embedding, feed-forward, norm, projection.

Axes: B batch, T length.
"""

import math

import keras
from keras import ops

ACTIVATIONS = ("swiglu", "quick_gelu", "gelu")
NORM_EPSILON = 1e-5


@keras.saving.register_keras_serializable("keras_igpt")
class CellEmbedding(keras.layers.Layer):
    """What goes into a cell: the token before it and the cell's own place.

    Token ids are `0 … vocabulary_size - 1`; the id `vocabulary_size` is START,
    which stands before the first cell.
    """

    def __init__(self, vocabulary_size, num_cells, hidden_dim, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_cells = num_cells
        self.hidden_dim = hidden_dim

        def table(rows, name):
            return keras.layers.Embedding(
                rows,
                hidden_dim,
                embeddings_initializer=keras.initializers.RandomNormal(
                    stddev=0.02
                ),
                dtype=self.dtype_policy,
                name=name,
            )

        self.token_embedding = table(vocabulary_size + 1, "token_embedding")
        self.position_embedding = table(num_cells, "position_embedding")

    def build(self):
        self.token_embedding.build((None, None))
        self.position_embedding.build((None,))

    def call(self, previous, cells, masked=None):
        """Embeds the tokens before some cells.

        Args:
            previous: int32 tensor of shape `(B, T)`.
            cells: int32 tensor of shape `(T,)`, places in raster order.
            masked: bool tensor of shape `(B, T)`, True where the place alone
                goes in; or None.

        Returns:
            float tensor of shape `(B, T, hidden_dim)`.
        """
        x = self.token_embedding(previous)
        if masked is not None:
            x = ops.where(masked[:, :, None], ops.zeros_like(x), x)
        return x + self.position_embedding(cells)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "num_cells": self.num_cells,
            "hidden_dim": self.hidden_dim,
        }


@keras.saving.register_keras_serializable("keras_igpt")
class FeedForward(keras.layers.Layer):
    """The part of a block that treats every position by itself.

    Args:
        hidden_dim: int. Width of the residual stream.
        activation: `"swiglu"` (inner width 8/3 of `hidden_dim`, rounded up to
            a multiple of 16), `"quick_gelu"` (inner width 4 times), which
            is `x * sigmoid(1.702 x)`, or `"gelu"` (4 times), which is
            `x * Phi(x)` of the normal distribution. All have as many weights.
        use_bias: bool.
        output_scale: float, as in `Attention`.
        inner_dim: int. Another inner width.
    """

    def __init__(
        self,
        hidden_dim,
        activation="swiglu",
        use_bias=False,
        output_scale=1.0,
        inner_dim=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        self.activation = activation
        self.use_bias = use_bias
        self.output_scale = output_scale
        gated = activation == "swiglu"
        usual = math.ceil(hidden_dim * 8 / 3 / 16) * 16
        self.inner_dim = inner_dim or (usual if gated else 4 * hidden_dim)
        self.inner = dense(
            self.inner_dim * (2 if gated else 1),
            use_bias,
            1.0,
            self.dtype_policy,
            "inner",
        )
        self.output_projection = dense(
            hidden_dim, use_bias, output_scale, self.dtype_policy, "output"
        )

    def build(self):
        self.inner.build((None, None, self.hidden_dim))
        self.output_projection.build((None, None, self.inner_dim))

    def call(self, x):
        x = self.inner(x)
        if self.activation == "swiglu":
            gate, x = ops.split(x, 2, axis=-1)
            x = ops.silu(gate) * x
        elif self.activation == "gelu":
            x = ops.gelu(x, approximate=False)
        else:
            x = x * ops.sigmoid(1.702 * x)
        return self.output_projection(x)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "output_scale": self.output_scale,
            "inner_dim": self.inner_dim,
        }


def norm(dtype, name):
    """RMS norm with the original iGPT's epsilon."""
    return keras.layers.RMSNormalization(
        epsilon=NORM_EPSILON, dtype=dtype, name=name
    )


def dense(units, use_bias, scale, dtype, name):
    """Projection that starts with variance `scale**2 / inputs`."""
    return keras.layers.Dense(
        units,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(
            scale**2, mode="fan_in", distribution="untruncated_normal"
        ),
        dtype=dtype,
        name=name,
    )
