"""Tests of linear probes."""

import numpy as np
import pytest
from PIL import Image

from keras_igpt.evaluation import probing
from keras_igpt.models import linear_probe


@pytest.fixture
def halves():
    """40 pictures that are bright above or below, and which."""
    labels = np.arange(40) % 2
    images = np.zeros((40, 4, 4, 1), "uint8")
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 2] = 200
    return images, labels


def test_every_layer_and_two_baselines_have_a_row(tiny_unconditional, halves):
    rows = probing.probe(tiny_unconditional, halves, halves, report=len)
    assert [row["layer"] for row in rows] == [None, None, 0, 1, 2]
    assert [row["features"] for row in rows[:2]] == [
        "raw pixels",
        "token histograms",
    ]


def test_pixels_tell_what_histograms_do_not(tiny_unconditional, halves):
    pixels, counts = probing.probe(
        tiny_unconditional, halves, halves, [1], report=len
    )[:2]
    assert pixels["test"] == 1.0
    assert counts["test"] == pytest.approx(0.5, abs=0.1)


def test_features_tell_it(tiny_unconditional, halves):
    row = probing.probe(tiny_unconditional, halves, halves, [1], report=len)[-1]
    assert row["layer"] == 1 and row["test"] == 1.0


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


def test_two_pictures_are_enough_to_choose():
    features = np.array([[0.0, 1.0], [1.0, 0.0]])
    accuracy, probe = linear_probe.choose(features, np.array([0, 1]))
    assert accuracy == 1.0 and list(probe.predict(features)) == [0, 1]


def test_histograms_are_shares_of_tokens():
    found = probing.histograms(np.array([[0, 2, 2, 1], [1, 1, 1, 1]]), 3)
    np.testing.assert_array_equal(found, [[0.25, 0.25, 0.5], [0, 1, 0]])


def test_plot_is_a_picture(tmp_path):
    rows = [
        {"features": "raw pixels", "layer": None, "test": 0.5},
        {"features": "token histograms", "layer": None, "test": 0.4},
        {"features": "layer 0", "layer": 0, "test": 0.6},
        {"features": "layer 1", "layer": 1, "test": 0.7},
    ]
    probing.plot(rows, tmp_path / "new" / "probe.png")
    with Image.open(tmp_path / "new" / "probe.png") as image:
        assert image.size == (600, 400)


def test_pictures_without_labels_are_named(tiny_unconditional, tiny_images):
    with pytest.raises(ValueError, match="must have labels"):
        probing.probe(tiny_unconditional, tiny_images, tiny_images)
