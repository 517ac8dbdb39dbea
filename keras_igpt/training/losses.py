"""What `fit` is fed with, what it lowers, and how long it runs."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt.annotations import Array, ArrayLike, Tensor
from keras_igpt.operations import in_training_step, one_pass


@keras.saving.register_keras_serializable("keras_igpt")
class TokenCrossentropy(keras.losses.Loss):
    """Cross-entropy of the image's tokens, in nats per token.

    A small penalty on the logarithm of the softmax's normaliser ("z-loss",
    Chowdhery et al. 2022, https://arxiv.org/abs/2204.02311, section 5) keeps
    logits from drifting.

    Args:
        z_loss: float. Weight of the penalty.
    """

    def __init__(
        self,
        z_loss: float = 1e-4,
        name: str = "token_crossentropy",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.z_loss = z_loss

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Args: int32 tokens `(B, N)`; float32 logits `(B, N, V)`."""
        if not self.z_loss:
            return token_nats(y_true, y_pred)
        return _penalized(y_pred, y_true, self.z_loss)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "z_loss": self.z_loss}


@one_pass(learned=1)
def _penalized(logits, tokens, z_loss):
    """Nats, and the penalty on the logarithm of the normaliser."""
    normaliser = ops.logsumexp(logits, axis=-1)
    # Losses get their targets as floats.
    tokens = ops.cast(tokens, "int32")
    chosen = ops.one_hot(tokens, logits.shape[-1], dtype=logits.dtype)
    nats = normaliser - ops.sum(logits * chosen, axis=-1)
    return nats + z_loss * normaliser**2


def token_nats(tokens: Tensor, logits: Tensor) -> Tensor:
    """Negative log-likelihood, float32 `(B, N)`, of tokens under logits."""
    if in_training_step():  # What the loss has compiled already.
        return _penalized(logits, tokens, 0.0)
    return keras.losses.sparse_categorical_crossentropy(
        tokens, logits, from_logits=True
    )


def bits_per_pixel(nats: ArrayLike, image_size: tuple[int, int]) -> float:
    """Mean bits per pixel of images whose likelihood is known.

    Args:
        nats: float array of shape `(B,)`, as `ImageGPT.score` returns.
        image_size: height and width in pixels.
    """
    return float(_bits(np.mean(nats), math.prod(image_size)))


def _bits(nats, pixels):
    """Bits per pixel of what costs so many nats and covers so many pixels."""
    return nats / math.log(2) / pixels


@keras.saving.register_keras_serializable("keras_igpt")
class BitsPerPixel(keras.metrics.Mean):
    """Mean code length of an image, in bits per pixel.

    The bits that an arithmetic coder driven by the model would spend on an
    image's tokens, divided by its pixels (not by its channels).

    Args:
        pixels_per_token: float. 1 for a palette of pixel colours.
    """

    def __init__(
        self,
        pixels_per_token: float = 1.0,
        name: str = "bits_per_pixel",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.pixels_per_token = pixels_per_token

    def update_state(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None = None,
    ) -> None:
        """Args: as those of `TokenCrossentropy.call`; weights `(B, N)`."""
        bits = _bits(token_nats(y_true, y_pred), self.pixels_per_token)
        super().update_state(bits, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "pixels_per_token": self.pixels_per_token,
        }


def masked_weights(masked: Array) -> Array:
    """Weights `(B, N)` that make a mean over all one over hidden cells."""
    return (masked * (masked.size / max(masked.sum(), 1))).astype("float32")
