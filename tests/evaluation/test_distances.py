"""Tests of distances between sets of images."""

import numpy as np
import pytest

from keras_igpt.evaluation import distances


def test_frechet_distance_of_equal_sets_is_zero():
    features = np.random.default_rng(0).normal(size=(50, 4))
    assert distances.frechet_distance(features, features) < 1e-6


def test_frechet_distance_of_shifted_sets_is_the_shift():
    features = np.random.default_rng(0).normal(size=(50, 4))
    found = distances.frechet_distance(features, features + 3)
    np.testing.assert_allclose(found, 4 * 9)


def test_frechet_distance_of_gaussians_matches_formula():
    # Uncorrelated: the sum of squared differences of deviations.
    features = np.random.default_rng(0).normal(size=(4000, 3))
    features -= features.mean(0)
    features @= np.linalg.inv(np.linalg.cholesky(np.cov(features.T))).T
    found = distances.frechet_distance(features, features * [1, 2, 4])
    np.testing.assert_allclose(found, 0 + 1 + 9, rtol=1e-6)


def test_sets_of_images_are_compared_by_their_features():
    generator = np.random.default_rng(0)
    real = generator.integers(0, 200, (50, 2, 2, 1), dtype="uint8")

    def brightness(images):
        return images.reshape(len(images), -1).astype("float64")

    found = distances.set_distances(real + np.uint8(3), real, brightness)
    assert found == {"frechet": pytest.approx(4 * 9)}
