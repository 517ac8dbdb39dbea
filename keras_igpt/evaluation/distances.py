"""Distances between two sets of images."""

import numpy as np


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
