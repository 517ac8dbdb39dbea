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
    pixels = generator.integers(0, 100, (120, 8, 8, 1))
    pixels = pixels + 120 * labels[:, None, None, None]
    return {"image": pixels.astype("uint8"), "label": labels}


def brightness(images):
    """Three features: the means of the image and of two corners."""
    parts = images, images[:, :4, :4], images[:, 4:, 4:]
    return np.stack([part.mean((1, 2, 3)) / 255 for part in parts], 1)


@pytest.fixture(scope="module")
def figures(model, images):
    return set_report(model, images, images, METRICS, brightness, 40)


def test_every_metric_gives_its_figures(figures):
    assert set(figures) == {
        *("fid", "fid_interval", "kid"),
        *("precision", "recall", "density", "coverage"),
        *("nearest_generated", "nearest_real", "cas_generated", "cas_real"),
        *("generated", "real"),
    }


def test_images_of_the_training_set_are_nearest_to_themselves(figures):
    assert figures["nearest_real"] == 0 < figures["nearest_generated"]


def test_bounds_lie_around_the_figure(figures):
    low, high = figures["fid_interval"]
    assert low < figures["fid"] < high


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
    # Bright against dark ones would be at a distance of 3.
    assert abs(found["kid"]) < 0.2
    assert found["cas_generated"] == found["cas_real"] > 0.5


def test_images_of_other_classes_than_asked_teach_what_is_wrong(
    model, images, monkeypatch
):
    wrong = {"image": images["image"], "label": 1 - images["label"]}
    monkeypatch.setattr(
        "keras_igpt.evaluation.set_figures.generate_set",
        lambda *args, **kwargs: wrong,
    )
    found = set_report(model, images, images, ["cas"], None, 120)
    assert found["cas_generated"] < 0.5 < found["cas_real"]


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
