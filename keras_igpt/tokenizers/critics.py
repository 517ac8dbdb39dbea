"""What judges decoded images beside their pixels: features and patches."""

from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.tokenizers.autoencoder import Autoencoder, ReconstructionLoss

# How much the patches count beside the pixels.
PATCH_WEIGHT = 0.01

# Channels of the discriminator's convolutions; each halves the image.
PATCH_CHANNELS = (32, 64, 128)


class PerceptualLoss(ReconstructionLoss):
    """`ReconstructionLoss`, and squares of the errors of features.

    Args:
        features: a Keras model of float32 images in [-1, 1]; it does not
            learn. Its output is a tensor, or a list of them.
        weight: float. How much the features count.
    """

    def __init__(self, features: keras.Model, weight: float = 1.0):
        super().__init__()
        self.features = features
        self.weight = weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Args: float32 images `(B, height, width, channels)`."""
        loss = super().call(y_true, y_pred)
        real = self.features(y_true, training=False)
        decoded = self.features(y_pred, training=False)
        if not isinstance(real, (list, tuple)):
            real, decoded = [real], [decoded]
        for a, b in zip(real, decoded, strict=True):
            error = ops.mean((a - b) ** 2, axis=tuple(range(1, len(a.shape))))
            # As large as the features are, which models scale as they like.
            loss = loss + self.weight * error / (ops.mean(a**2) + 1e-6)
        return loss


class PatchDiscriminator(keras.layers.Layer):
    """Tells patches of real images from decoded ones (Isola et al. 2016,
    https://arxiv.org/abs/1611.07004)."""

    def build(self, input_shape: tuple) -> None:
        """Makes the kernels."""
        sizes = (input_shape[-1], *PATCH_CHANNELS, 1)
        self.kernels = [
            self.add_weight(
                shape=(4, 4, before, after),
                initializer="he_normal",
                name=f"kernel_{i}",
            )
            for i, (before, after) in enumerate(zip(sizes, sizes[1:]))
        ]

    def call(self, images: Tensor, learns: bool = True) -> Tensor:
        """float32 `(B, height, width, channels)` to a number a patch."""
        x = images
        for i, kernel in enumerate(self.kernels):
            value = ops.convert_to_tensor(kernel)
            if not learns:
                value = ops.stop_gradient(value)
            last = i == len(self.kernels) - 1
            x = ops.conv(x, value, strides=1 if last else 2, padding="same")
            if not last:
                x = ops.leaky_relu(x, 0.2)
        return x


class AdversarialAutoencoder(Autoencoder):
    """An `Autoencoder` beside which a discriminator learns.

    Both learn in one step: one loss teaches the discriminator, images held
    fast; the other the decoder, the discriminator held fast.

    Args:
        args: those of `Autoencoder`.
        channels: int. Of the images.
    """

    def __init__(self, *args: Any, channels: int):
        super().__init__(*args)
        self.discriminator = PatchDiscriminator(dtype="float32")
        self.discriminator.build((None, None, None, channels))

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        """Decodes what it encodes, float32 images."""
        decoded = super().call(images, training=training)
        if training:
            held = ops.stop_gradient(decoded)
            real = self.discriminator(images)
            fake = self.discriminator(held)
            hinge = ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))
            fooled = -ops.mean(self.discriminator(decoded, learns=False))
            self.add_loss(hinge + PATCH_WEIGHT * fooled)
        return decoded
