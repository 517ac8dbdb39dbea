"""Tests of networks that describe images."""

import numpy as np
import pytest

from keras_igpt.evaluation import distances, image_features


@pytest.fixture(scope="module")
def features():
    """Those of a network that tells bright from dark, images and labels."""
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
