"""Tests of figures of generated images beside real ones, set by set."""

import numpy as np
import pytest
from small_models import make_model

from keras_igpt.evaluation import generated_sets
from keras_igpt.evaluation.set_figures import METRICS, set_report, table


@pytest.fixture(scope="module")
def model():
    return make_model(image_size=(8, 8), num_classes=2)


@pytest.fixture(scope="module")
def images():
    """Dark ones and bright ones, by their class."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 120)
    pixels = generator.integers(0, 100, (120, 8, 8, 3))
    pixels = pixels + 120 * labels[:, None, None, None]
    return {"image": pixels.astype("uint8"), "label": labels}


def brightness(images):
    """Three features: the means of the channels."""
    return images.mean((1, 2)).astype("float64")


@pytest.fixture(scope="module")
def figures(model, images):
    return set_report(model, images, images, METRICS, brightness, 40)


def test_every_metric_gives_its_figures(figures):
    assert set(figures) == {
        *("fid", "fid_interval", "kid", "kid_interval"),
        *("precision", "recall", "density", "coverage"),
        *("nearest_generated", "nearest_real", "cas_generated", "cas_real"),
        *("generated", "real"),
    }


def test_images_of_the_training_set_are_nearest_to_themselves(figures):
    assert figures["nearest_real"] == 0 < figures["nearest_generated"]


def test_real_images_teach_a_classifier_what_noise_does_not(figures):
    assert figures["cas_real"] > figures["cas_generated"]


def test_bounds_lie_around_a_figure_or_near(figures):
    low, high = figures["kid_interval"]
    assert low < high


def test_a_table_has_a_row_per_figure(figures):
    assert table(figures).row_count == 10


def test_real_images_are_alike(model, images, monkeypatch):
    # As if the model generated test images.
    monkeypatch.setattr(
        "keras_igpt.evaluation.set_figures.generate_set",
        lambda *args, **kwargs: {k: v[60:] for k, v in images.items()},
    )
    first = {name: rows[:60] for name, rows in images.items()}
    found = set_report(model, first, first, ["kid", "cas"], brightness, 60)
    low, high = found["kid_interval"]
    assert low < 0 < high
    assert found["cas_generated"] > 0.9


def test_fid_of_too_few_images_is_refused_before_any_is_generated(
    model, images, monkeypatch
):
    monkeypatch.setattr(generated_sets, "_generate", None)
    with pytest.raises(ValueError, match=r"more images than features \(3\)"):
        set_report(model, images, images, ["fid"], brightness, 3)


def test_cas_needs_classes(images):
    model = make_model(image_size=(8, 8), num_classes=0)
    with pytest.raises(ValueError, match="must have classes"):
        set_report(model, images, images, ["cas"], None, 8)


def test_an_unknown_metric_is_named(model, images):
    with pytest.raises(ValueError, match="metrics.*fid.*is"):
        set_report(model, images, images, ["is"], brightness, 8)
