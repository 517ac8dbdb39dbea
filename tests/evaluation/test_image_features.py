"""Tests of networks that describe images."""

import keras
import numpy as np
import pytest

from keras_igpt.evaluation import distances, image_features


@pytest.fixture(scope="module")
def features():
    """Those of a network that tells bright from dark, images and labels."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 300)
    images = generator.integers(0, 100, (300, 8, 8, 1))
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


def test_saved_features_are_the_same(features, tmp_path):
    found, images, _ = features
    found.save(tmp_path / "features.keras")
    loaded = image_features.ImageFeatures.load(tmp_path / "features.keras")
    np.testing.assert_allclose(loaded(images), found(images), rtol=1e-5)


def test_two_trainings_give_the_same_features(features):
    found, images, labels = features
    again = image_features.ImageFeatures.train(images, labels)
    np.testing.assert_allclose(again(images), found(images), rtol=1e-3)


def test_a_network_of_no_vectors_is_refused(tmp_path):
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.ReLU()])
    network.save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match="images to vectors"):
        image_features.ImageFeatures.load(tmp_path / "network.keras")


def test_a_classifier_recognises_what_it_has_learned(features):
    _, images, labels = features
    learned, test = (
        (images[rows], labels[rows]) for rows in (slice(200), slice(200, 300))
    )
    assert image_features.classification_accuracy(learned, test, 10) > 0.9
