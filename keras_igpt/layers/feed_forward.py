"""The feed-forward part of a block."""

import math
from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.primitives import dense
from keras_igpt.operations import one_pass


@one_pass(learned=1)
def _swiglu(x):
    gate, x = ops.split(x, 2, axis=-1)
    return ops.silu(gate) * x


@one_pass(learned=1)
def _quick_gelu(x):
    return x * ops.sigmoid(1.702 * x)


@one_pass(learned=1)
def _gelu(x):
    return ops.gelu(x, approximate=False)


# By the names of `models/config.py`, which knows no Keras.
_FUNCTIONS = {"swiglu": _swiglu, "quick_gelu": _quick_gelu, "gelu": _gelu}


def inner_width(hidden_dim: int, activation: str) -> int:
    """The inner width unless another is asked for.

    Args:
        hidden_dim: int. Width of the residual stream.
        activation: as `FeedForward` takes it. A gated one has two kernels
            more, so its width is two thirds of the others', up to a multiple
            of 16.
    """
    if activation != "swiglu":
        return 4 * hidden_dim
    return math.ceil(hidden_dim * 8 / 3 / 16) * 16


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
        hidden_dim: int,
        activation: str = "swiglu",
        use_bias: bool = False,
        output_scale: float = 1.0,
        inner_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        self.activation = activation
        self.use_bias = use_bias
        self.output_scale = output_scale
        gated = activation == "swiglu"
        self.inner_dim = inner_dim or inner_width(hidden_dim, activation)
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

    def build(self) -> None:
        self.inner.build((None, None, self.hidden_dim))
        self.output_projection.build((None, None, self.inner_dim))

    def call(self, x: Tensor) -> Tensor:
        activate = _FUNCTIONS[self.activation]
        return self.output_projection(activate(self.inner(x)))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "output_scale": self.output_scale,
            "inner_dim": self.inner_dim,
        }
