"""The Transformer block.

It is the pre-norm one of ImageGPT (Chen et al. 2020), with the parts that
later work settled on as defaults: RMS norm (Zhang & Sennrich 2019,
https://arxiv.org/abs/1910.07467), rotary positions (Su et al. 2021,
https://arxiv.org/abs/2104.09864) on rows and columns, SwiGLU (Shazeer 2020,
https://arxiv.org/abs/2002.05202) and normalised queries and keys (Henry et
al. 2020, https://arxiv.org/abs/2010.04245).
"""

from typing import Any

import keras

from keras_igpt.annotations import Tensor
from keras_igpt.layers.attention import Attention
from keras_igpt.layers.feed_forward import FeedForward
from keras_igpt.layers.primitives import Dropout, norm


@keras.saving.register_keras_serializable("keras_igpt")
class TransformerBlock(keras.layers.Layer):
    """Pre-norm block: attention, then feed-forward, each added to its input."""

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        prompt_length: int = 0,
        activation: str = "swiglu",
        qk_norm: bool = True,
        use_bias: bool = False,
        dropout: float = 0.0,
        output_scale: float = 1.0,
        inner_dim: int | None = None,
        score_scale: float = 1.0,
        asks: bool = False,
        **kwargs: Any,
    ) -> None:
        # The attention within says what stays of which type.
        super().__init__(autocast=False, **kwargs)
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.prompt_length = prompt_length
        self.activation = activation
        self.qk_norm = qk_norm
        self.use_bias = use_bias
        self.dropout = dropout
        self.output_scale = output_scale
        self.inner_dim = inner_dim
        self.score_scale = score_scale
        self.asks = asks
        shared = {"output_scale": output_scale, "dtype": self.dtype_policy}
        self.attention_norm = norm(self.dtype_policy, "attention_norm")
        self.attention = Attention(
            hidden_dim,
            num_heads,
            prompt_length,
            qk_norm,
            use_bias,
            score_scale=score_scale,
            asks=asks,
            name="attention",
            **shared,
        )
        self.feed_forward_norm = norm(self.dtype_policy, "feed_forward_norm")
        self.feed_forward = FeedForward(
            hidden_dim,
            activation,
            use_bias,
            inner_dim=inner_dim,
            name="feed_forward",
            **shared,
        )
        self.residual_dropout = Dropout(
            dropout, dtype=self.dtype_policy, name="residual_dropout"
        )

    def build(self) -> None:
        shape = (None, None, self.hidden_dim)
        self.attention_norm.build(shape)
        self.attention.build()
        self.feed_forward_norm.build(shape)
        self.feed_forward.build()
        self.residual_dropout.build(shape)

    def call(
        self,
        x: Tensor,
        bias: Tensor,
        angles: Tensor | None = None,
        cache: tuple[Tensor, Tensor] | None = None,
        index: Tensor | None = None,
        training: bool | None = None,
        factor: Tensor | None = None,
    ) -> Tensor:
        """As `Attention.call`, with the block's output in its place."""
        mixed, cache = self.attention(
            self.attention_norm(x), bias, angles, cache, index, factor
        )
        x = x + self.residual_dropout(mixed, training=training)
        inner = self.feed_forward(self.feed_forward_norm(x))
        return x + self.residual_dropout(inner, training=training), cache

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "num_heads": self.num_heads,
            "prompt_length": self.prompt_length,
            "activation": self.activation,
            "qk_norm": self.qk_norm,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "output_scale": self.output_scale,
            "inner_dim": self.inner_dim,
            "score_scale": self.score_scale,
            "asks": self.asks,
        }
