"""Tests of code lengths, and of the report of all figures."""

import keras
import numpy as np
import pytest
from small_models import make_model

from keras_igpt import ImageGPT, VQTokenizer
from keras_igpt.evaluation import likelihood, recognition


def test_histogram_nats_count_each_cell():
    train = np.array([[0, 1], [0, 1], [1, 1]])
    nats = likelihood.histogram_nats(np.array([[0, 0]]), None, train, None, 2)
    # Half a count more per token: cell 0 (2.5, 1.5) of 4, cell 1 (0.5, 3.5).
    assert nats == pytest.approx(-np.log(2.5 / 4) - np.log(0.5 / 4))


def test_histogram_nats_count_each_class():
    train = np.array([[0], [0], [1], [1]])
    labels = np.array([0, 0, 1, 1])
    nats = likelihood.histogram_nats(
        np.array([[0], [0]]), np.array([0, 1]), train, labels, 2
    )
    np.testing.assert_allclose(nats, [-np.log(2.5 / 3), -np.log(0.5 / 3)])


def test_report_has_a_figure_for_everything(tiny_model, monkeypatch):
    monkeypatch.setattr(recognition, "GENERATED", 6)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 4, 4, 1), dtype="uint8")
    labelled = (images, np.arange(12) % 3)
    report = likelihood.report(tiny_model, labelled, labelled)
    assert set(report) == {
        "nats_per_picture",
        "bits_per_pixel",
        "histogram_bits_per_pixel",
        "class_histogram_bits_per_pixel",
        "recognised_generated",
        "recognised_real",
    }
    assert all(np.isfinite(value) for value in report.values())


def test_report_of_a_model_of_pairs_needs_no_pairs(tiny_images):
    model = make_model(num_classes=0, edits=("restyle/map",))
    figures = likelihood.report(model, tiny_images, tiny_images)
    nats = model.score(tiny_images).mean()
    np.testing.assert_allclose(figures["nats_per_picture"], nats, rtol=1e-5)


def test_report_agrees_with_score(tiny_unconditional, tiny_images):
    report = likelihood.report(tiny_unconditional, tiny_images, tiny_images)
    nats = tiny_unconditional.score(tiny_images)
    assert report["nats_per_picture"] == pytest.approx(nats.mean())


def test_report_of_a_learned_tokenizer_has_its_figures():
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (32, 8, 8, 1), dtype="uint8")
    tokenizer = VQTokenizer((8, 8), 2, channels=1, hidden_dim=16)
    # Codes at random, as if it were adapted.
    tokenizer.quantizer.start(generator.normal(size=(50, 8)))
    tokenizer.adapted = True
    model = ImageGPT(tokenizer, num_layers=1, num_heads=1, hidden_dim=8)
    report = likelihood.report(model, images, images)
    assert {"psnr", "palette_psnr", "codes_used", "perplexity"} <= set(report)
