"""Tests of how alike images are."""

import numpy as np
import pytest

from keras_igpt.evaluation import distances, image_features
from keras_igpt.images import metrics


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (6, 16, 16, 3), dtype="uint8")


def test_psnr_matches_formula():
    images = np.full((1, 2, 2, 1), 100, "uint8")
    found = metrics.psnr(images, images + 10)
    np.testing.assert_allclose(found, 10 * np.log10(255**2 / 100))


def test_psnr_of_equal_images_is_finite(images):
    np.testing.assert_allclose(metrics.psnr(images, images), 99)


def test_ssim_of_equal_images_is_one(images):
    np.testing.assert_allclose(metrics.ssim(images, images), 1)


def test_ssim_falls_with_noise(images):
    flat = np.full_like(images, 128)
    assert (metrics.ssim(images, flat) < 0.2).all()


def test_ssim_takes_small_images(images):
    small = images[:, :8, :8, :1]
    assert metrics.ssim(small, small).shape == (6,)


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


def test_features_are_a_vector_per_image(features):
    found, images, _ = features
    assert found(images[:5]).shape == (5, 96)


def test_features_tell_classes_apart(features):
    found, images, labels = features
    vectors = found(images)
    between = distances.frechet_distance(
        vectors[labels > 0], vectors[labels < 1]
    )
    within = distances.frechet_distance(vectors[::2], vectors[1::2])
    assert between > 5 * within
