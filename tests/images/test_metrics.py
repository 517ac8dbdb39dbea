"""Tests of how alike images are, one by one."""

import numpy as np
import pytest

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
