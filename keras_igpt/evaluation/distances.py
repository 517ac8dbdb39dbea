"""Distances between two sets of images, by features of a network.

Axes: B images, F features.
"""

from collections.abc import Callable

import numpy as np

from keras_igpt.annotations import Array, ArrayLike


def set_distances(
    generated: Array, real: Array, features: Callable[[Array], Array]
) -> dict[str, float]:
    """How far generated images are from real ones, each set as a whole.

    Args:
        generated, real: uint8 arrays of shape `(B, height, width, channels)`.
        features: function of such an array to vectors `(B, F)`, such as an
            `ImageFeatures`.

    Returns:
        dict of "frechet", the `frechet_distance`.
    """
    first, second = features(generated), features(real)
    return {"frechet": frechet_distance(first, second)}


def frechet_distance(features: ArrayLike, others: ArrayLike) -> float:
    """Distance of two sets of images, by the features of a network.

    That of two Gaussians with the sets' means and covariances (Heusel et al.
    2017, https://arxiv.org/abs/1706.08500). It depends on the number of
    images: compare only distances of as many.

    Args:
        features, others: float arrays of shape `(B, F)`.

    Returns:
        The distance, at least 0.
    """
    check_scipy()
    import scipy.linalg

    first, second = (np.asarray(x, "float64") for x in (features, others))
    means = ((first.mean(0) - second.mean(0)) ** 2).sum()
    one, two = np.cov(first.T), np.cov(second.T)
    # The trace of the root of one @ two, from its eigenvalues, all real.
    values = scipy.linalg.eigvals(one @ two).real
    root = np.sqrt(np.maximum(values, 0)).sum()
    return float(max(means + np.trace(one) + np.trace(two) - 2 * root, 0.0))


def check_scipy() -> None:
    """Raises an ImportError that says what to install, if needed."""
    try:
        import scipy.linalg  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "SciPy must be installed to compare sets of images. Call "
            "`pip install 'keras_igpt[evaluation]'`."
        ) from error
