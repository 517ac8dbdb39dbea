"""Tests of accuracy over depth."""

import numpy as np
import pytest
from PIL import Image

from keras_igpt.evaluation import probing


@pytest.fixture(scope="module")
def halves():
    """40 images that are bright above or below, and which."""
    labels = np.arange(40) % 2
    images = np.zeros((40, 4, 4, 1), "uint8")
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 2] = 200
    return images, labels


@pytest.fixture(scope="module")
def rows(tiny_unconditional, halves):
    """A probe of every layer."""
    return probing.probe(tiny_unconditional, halves, halves, report=len)


def test_every_layer_and_two_baselines_have_a_row(rows):
    assert [row["layer"] for row in rows] == [None, None, 0, 1, 2]
    assert [row["features"] for row in rows[:2]] == [
        "raw pixels",
        "token histograms",
    ]


def test_pixels_tell_what_histograms_do_not(rows):
    pixels, counts = rows[:2]
    assert pixels["test"] == 1.0
    assert counts["test"] == pytest.approx(0.5, abs=0.1)


def test_features_tell_it(rows):
    assert rows[3]["layer"] == 1 and rows[3]["test"] == 1.0


def test_layers_are_those_that_are_asked_for(tiny_unconditional, halves):
    asked = [np.int64(2)]
    rows = probing.probe(tiny_unconditional, halves, halves, asked, report=len)
    assert [row["layer"] for row in rows] == [None, None, 2]


def test_histograms_are_shares_of_tokens():
    found = probing.histograms(np.array([[0, 2, 2, 1], [1, 1, 1, 1]]), 3)
    np.testing.assert_array_equal(found, [[0.25, 0.25, 0.5], [0, 1, 0]])


def test_plot_is_an_image(tmp_path):
    rows = [
        {"features": "raw pixels", "layer": None, "test": 0.5},
        {"features": "token histograms", "layer": None, "test": 0.4},
        {"features": "layer 0", "layer": 0, "test": 0.6},
        {"features": "layer 1", "layer": 1, "test": 0.7},
    ]
    probing.plot(rows, tmp_path / "new" / "probe.png")
    with Image.open(tmp_path / "new" / "probe.png") as image:
        assert image.size == (600, 400)


def test_images_without_labels_are_named(tiny_unconditional, tiny_images):
    with pytest.raises(ValueError, match="must have labels"):
        probing.probe(tiny_unconditional, tiny_images, tiny_images)
