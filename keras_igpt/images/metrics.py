"""How alike images are: one by one, and as a whole.

Axes: B images, C channels, F features.
"""

import numpy as np

from keras_igpt.annotations import Array

# Side of the window that structural similarity looks at.
WINDOW = 11


def psnr(truth: Array, images: Array) -> Array:
    """Peak signal-to-noise ratio in dB, float64 `(B,)`; 99 at most.

    Args:
        truth, images: uint8 arrays of shape `(B, height, width, C)`.
    """
    error = (truth.astype("float64") - images) ** 2
    error = error.mean(axis=(1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 255**2 / 10**9.9))


def ssim(truth: Array, images: Array) -> Array:
    """Structural similarity, float64 `(B,)`, 1 for equal images.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, with their
    Gaussian window of 11 pixels (of less in smaller images), mean over
    windows and channels.

    Args:
        truth, images: uint8 arrays of shape `(B, height, width, C)`.
    """
    import tensorflow as tf

    window = min(WINDOW, *truth.shape[1:3])
    value = tf.image.ssim(truth, images, 255, filter_size=window)
    return value.numpy().astype("float64")
