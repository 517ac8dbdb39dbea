"""Tests of distances between sets of images."""

import numpy as np
import pytest

from keras_igpt.evaluation import distances, image_features


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (6, 16, 16, 3), dtype="uint8")


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


@pytest.fixture(scope="module")
def features():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 200)
    images = generator.integers(0, 100, (200, 8, 8, 1))
    images = (images + 120 * labels[:, None, None, None]).astype("uint8")
    return image_features.ImageFeatures.train(images, labels), images, labels
