"""Tests of logistic regression, and of it as a projection."""

import numpy as np
import pytest

from keras_igpt.models import linear_probe


def test_fit_does_not_look_at_the_test_labels():
    generator = np.random.default_rng(0)
    train, test = generator.normal(size=(2, 50, 3))
    labels = (train[:, 0] > 0).astype(int)
    first, _ = linear_probe.fit(train, labels, test, labels)
    second, _ = linear_probe.fit(train, labels, test, 1 - labels)
    assert first == second


@pytest.fixture(scope="module")
def three_classes():
    """Features, the labels 0, 1 and 3, and a probe of them."""
    features = np.random.default_rng(0).normal(2.0, 3.0, (60, 4))
    labels = np.array([0, 1, 3])[features[:, :3].argmax(axis=1)]
    return features, labels, linear_probe.choose(features, labels)[1]


def test_projection_gives_the_logits_of_the_probe(three_classes):
    features, _, probe = three_classes
    kernel, bias = linear_probe.as_projection(probe, 5)
    logits = (features @ kernel + bias)[:, [0, 1, 3]]
    np.testing.assert_allclose(
        logits, probe.decision_function(features), atol=1e-4
    )


def test_projection_never_names_what_was_not_seen(three_classes):
    features, _, probe = three_classes
    kernel, bias = linear_probe.as_projection(probe, 5)
    found = (features @ kernel + bias).argmax(axis=1)
    assert set(found) == {0, 1, 3}


def test_two_images_are_enough_to_choose():
    features = np.array([[0.0, 1.0], [1.0, 0.0]])
    accuracy, probe = linear_probe.choose(features, np.array([0, 1]))
    assert accuracy == 1.0 and list(probe.predict(features)) == [0, 1]
