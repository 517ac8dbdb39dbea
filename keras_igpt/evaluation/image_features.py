"""Feature networks: images as vectors."""

import keras
import numpy as np
from keras import ops

from keras_igpt.training.callbacks import BudgetBar


class ImageFeatures:
    """Features of pictures: what a classifier knows before its last layer.

    Args:
        network: a `keras.Model` from float32 pictures `(B, height, width, C)`
            with levels from 0 to 255 to `(B, F)`.
    """

    def __init__(self, network):
        self.network = network

    @classmethod
    def train(cls, images, labels, epochs=3, seed=0):
        """Features of a small convolutional classifier, trained now.

        Args:
            images: uint8 array of shape `(B, height, width, C)`.
            labels: int array of shape `(B,)`.
            epochs: int.
            seed: int.
        """
        keras.utils.set_random_seed(seed)
        inputs = keras.Input(images.shape[1:])
        x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
        for filters, strides in ((32, 1), (64, 2), (96, 2)):
            x = keras.layers.Conv2D(filters, 3, strides, padding="same")(x)
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = keras.layers.ReLU()(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        logits = keras.layers.Dense(int(labels.max()) + 1)(x)
        classifier = keras.Model(inputs, logits)
        classifier.compile(
            keras.optimizers.Adam(2e-3),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,  # XLA's convolutions are slow on processors
        )
        classifier.fit(
            images.astype("float32"),
            labels,
            64,
            epochs,
            callbacks=[BudgetBar("training features")],
            verbose=0,
        )
        return cls(keras.Model(inputs, x))

    def __call__(self, images):
        """float64 array of shape `(B, F)`, of uint8 pictures."""
        x = np.asarray(images, "float32")
        found = self.network.predict(x, batch_size=256, verbose=0)
        return ops.convert_to_numpy(found).astype("float64")
