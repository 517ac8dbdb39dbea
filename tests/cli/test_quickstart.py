"""Tests of the command `quickstart`."""

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import invoke

import keras_igpt
from keras_igpt.cli import quickstart


@pytest.mark.slow
@pytest.mark.xla
def test_quickstart_beats_counting_in_eight_epochs(tmp_path, monkeypatch):
    # Hundreds of steps are sooner done compiled than one operation at a time.
    monkeypatch.delattr(keras.Model, "run_eagerly")
    figures = quickstart.run(tmp_path, minutes=None, epochs=8)
    assert figures["bits_per_pixel"] < figures["histogram_bits_per_pixel"]
    model = keras_igpt.load(tmp_path / "quickstart.keras")
    assert model.generate(labels=range(10), seed=0).shape == (10, 8, 8, 1)
    with Image.open(tmp_path / "quickstart.png") as image:
        assert len(np.unique(np.asarray(image.convert("L")))) > 16


def test_quickstart_model_reads_digits_exactly():
    model = quickstart.build_model()
    batch = next(
        keras_igpt.data.batches(keras_igpt.data.load("digits", "test"), 360)
    )
    images = batch["image"]
    restored = model.tokenizer.decode(model.tokenizer.encode(images))
    np.testing.assert_array_equal(np.asarray(restored), images)


def test_quickstart_prints_its_figures(monkeypatch, tmp_path):
    figures = {
        "nats_per_picture": 71.23,
        "bits_per_pixel": 1.606,
        "histogram_bits_per_pixel": 2.5,
        "class_histogram_bits_per_pixel": 2.0,
        "recognised_generated": 0.964,
        "recognised_real": 0.989,
    }
    monkeypatch.setattr(quickstart, "run", lambda *args: figures)
    shown = invoke("quickstart", "--out", tmp_path).output
    for figure in ("71.23", "1.606", "2.500", "2.000", "96.4%", "98.9%"):
        assert figure in shown
