"""Feature networks: images as vectors.

Axes: B images, C channels, F features.
"""

import keras
import numpy as np
from keras import ops

from keras_igpt.annotations import Array, ArrayLike, PathLike
from keras_igpt.atomic_files import save_model
from keras_igpt.compiling import JIT_CONVOLUTIONS
from keras_igpt.training.callbacks import BudgetBar
from keras_igpt.training.feeding import Arrays


class ImageFeatures:
    """Features of images: what a classifier knows before its last layer.

    Args:
        network: a model from float32 images `(B, height, width, C)` with
            levels from 0 to 255 to `(B, F)`.
    """

    def __init__(self, network: keras.Model) -> None:
        self.network = network

    @classmethod
    def train(
        cls, images: Array, labels: Array, epochs: int = 3, seed: int = 0
    ) -> "ImageFeatures":
        """Features of a small convolutional classifier, trained now.

        Args:
            images: uint8 array of shape `(B, height, width, C)`.
            labels: int array of shape `(B,)`.
            epochs: how often each image is learned from.
            seed: of the network's first weights and of the order.
        """
        return cls(_trained(images, labels, epochs, seed)[1])

    @classmethod
    def load(cls, path: PathLike) -> "ImageFeatures":
        """Loads what `save` wrote, or another network of images to vectors.

        Args:
            path: a `.keras` file of a network as `ImageFeatures` takes it.

        Raises:
            ValueError: if it does not turn images into vectors.
        """
        network = keras.saving.load_model(path, compile=False)
        shapes = [
            getattr(network, name, None)
            for name in ("input_shape", "output_shape")
        ]
        if [isinstance(x, tuple) and len(x) for x in shapes] != [4, 2]:
            raise ValueError(
                f"{path} must hold a network of images to vectors: from "
                "`(batch, height, width, channels)` to `(batch, features)`. "
                f"Received: from {shapes[0]} to {shapes[1]}."
            )
        return cls(network)

    def save(self, path: PathLike) -> None:
        """Writes a `.keras` file, whole or not at all.

        With it two runs are compared by the same features.
        """
        save_model(self.network, path)

    def __call__(self, images: ArrayLike) -> Array:
        """float64 array of shape `(B, F)`, of uint8 images."""
        x = np.asarray(images, "float32")
        found = self.network.predict(x, batch_size=256, verbose=0)
        return ops.convert_to_numpy(found).astype("float64")


def classification_accuracy(
    learned: tuple[Array, Array],
    test: tuple[Array, Array],
    epochs: int = 3,
    seed: int = 0,
) -> float:
    """How many images a classifier of some images recognises among others.

    Args:
        learned, test: images, uint8 `(B, height, width, C)`, and labels, ints
            `(B,)`: what it learns from and what it is asked.
        epochs: how often each image is learned from.
        seed: of the network's first weights and of the order.

    Returns:
        The share, from 0 to 1.
    """
    classifier, _ = _trained(*learned, epochs, seed)
    images, labels = test
    x = np.asarray(images, "float32")
    logits = classifier.predict(x, batch_size=256, verbose=0)
    return float(np.mean(logits.argmax(-1) == labels))


def _trained(images, labels, epochs, seed):
    """A classifier that has learned, and the part before its last layer."""
    keras.utils.set_random_seed(seed)
    classifier, network = _classifier(images.shape[1:], int(labels.max()) + 1)
    classifier.compile(
        keras.optimizers.Adam(2e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=JIT_CONVOLUTIONS,
    )
    classifier.fit(
        Arrays(images.astype("float32"), labels, batch_size=64, shuffle=True),
        epochs=epochs,
        callbacks=[BudgetBar("training features")],
        verbose=0,
    )
    return classifier, network


def _classifier(image_shape, num_classes):
    """A small network of images to logits, and the part before the last layer.

    They share their weights.
    """
    inputs = keras.Input(image_shape)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for filters, strides in ((32, 1), (64, 2), (96, 2)):
        x = keras.layers.Conv2D(filters, 3, strides, padding="same")(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(num_classes)(x)
    return keras.Model(inputs, logits), keras.Model(inputs, x)
