"""How alike pictures are: one by one, and as a whole.

Axes: B pictures, C channels, F features.
"""

import keras
import numpy as np
from keras import ops

from keras_igpt.progress import BudgetBar

# Side of the window that structural similarity looks at.
WINDOW = 11


def psnr(truth, images):
    """Peak signal-to-noise ratio in dB, float64 `(B,)`; 99 at most.

    Args:
        truth, images: uint8 arrays of shape `(B, height, width, C)`.
    """
    error = (truth.astype("float64") - images) ** 2
    error = error.mean(axis=(1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 255**2 / 10**9.9))


def ssim(truth, images):
    """Structural similarity, float64 `(B,)`, 1 for equal pictures.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, with their
    Gaussian window of 11 pixels (of less in smaller pictures), mean over
    windows and channels.

    Args:
        truth, images: uint8 arrays of shape `(B, height, width, C)`.
    """
    import tensorflow as tf

    window = min(WINDOW, *truth.shape[1:3])
    value = tf.image.ssim(truth, images, 255, filter_size=window)
    return value.numpy().astype("float64")


def frechet_distance(features, others):
    """Distance of two sets of pictures, by the features of a network.

    That of two Gaussians with the sets' means and covariances (Heusel et al.
    2017, https://arxiv.org/abs/1706.08500). It depends on the number of
    pictures: compare only distances of as many.

    Args:
        features, others: float arrays of shape `(B, F)`.

    Returns:
        float, at least 0.
    """
    import scipy.linalg

    first, second = (np.asarray(x, "float64") for x in (features, others))
    means = ((first.mean(0) - second.mean(0)) ** 2).sum()
    one, two = np.cov(first.T), np.cov(second.T)
    # The trace of the root of one @ two, from its eigenvalues, all real.
    values = scipy.linalg.eigvals(one @ two).real
    root = np.sqrt(np.maximum(values, 0)).sum()
    return float(max(means + np.trace(one) + np.trace(two) - 2 * root, 0.0))


class Features:
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
