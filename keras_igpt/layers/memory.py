"""What has been read, for all that ask: keys and values, made once.

Axes: B batch, T positions, H heads, D width of a head.
"""

from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.primitives import dense, norm
from keras_igpt.layers.rotary import rotate


@keras.saving.register_keras_serializable("keras_igpt")
class Memory(keras.layers.Layer):
    """Keys and values of what was read, one pair for all blocks that ask.

    As in ARPG (Li et al. 2025, https://arxiv.org/abs/2503.10568): what the
    reading blocks give is normed and projected once.

    Args:
        hidden_dim, num_heads, qk_norm, use_bias: as `Attention` takes them.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        qk_norm: bool = True,
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.qk_norm = qk_norm
        self.use_bias = use_bias
        self.norm = norm(self.dtype_policy, "norm")
        self.key_value = dense(
            2 * hidden_dim, use_bias, 1.0, self.dtype_policy, "key_value"
        )
        if qk_norm:
            self.key_norm = norm(self.dtype_policy, "key_norm")

    def build(self) -> None:
        self.norm.build((None, None, self.hidden_dim))
        self.key_value.build((None, None, self.hidden_dim))
        if self.qk_norm:
            width = self.hidden_dim // self.num_heads
            self.key_norm.build((None, None, None, width))

    def call(
        self,
        x: Tensor,
        angles: Tensor | None = None,
        factor: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Keys and values of positions.

        Args:
            x: float tensor of shape `(B, T, hidden_dim)`.
            angles, factor: as `Attention` takes them.

        Returns:
            Pair of float tensors `(B, T, H, D)`.
        """
        shape = (ops.shape(x)[0], ops.shape(x)[1], 2 * self.num_heads, -1)
        both = ops.reshape(self.key_value(self.norm(x)), shape)
        key, value = ops.split(both, 2, axis=2)
        if self.qk_norm:
            key = self.key_norm(key)
        if angles is not None:
            key = rotate(key, angles, factor)
        return key, value

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "num_heads": self.num_heads,
            "qk_norm": self.qk_norm,
            "use_bias": self.use_bias,
        }
