import numpy as np
import pytest

from keras_igpt import evaluation


def test_bits_per_pixel_matches_formula():
    nats = np.array([np.log(2) * 12, np.log(2) * 4])
    assert evaluation.bits_per_pixel(nats, (2, 2)) == pytest.approx(2.0)


def test_histogram_nats_count_each_cell():
    train = np.array([[0, 1], [0, 1], [1, 1]])
    nats = evaluation.histogram_nats(np.array([[0, 0]]), None, train, None, 2)
    # Half a count more per token: cell 0 (2.5, 1.5) of 4, cell 1 (0.5, 3.5).
    assert nats == pytest.approx(-np.log(2.5 / 4) - np.log(0.5 / 4))


def test_histogram_nats_count_each_class():
    train = np.array([[0], [0], [1], [1]])
    labels = np.array([0, 0, 1, 1])
    nats = evaluation.histogram_nats(
        np.array([[0], [0]]), np.array([0, 1]), train, labels, 2
    )
    np.testing.assert_allclose(nats, [-np.log(2.5 / 3), -np.log(0.5 / 3)])


def test_judge_recognises_what_it_has_seen():
    images = np.repeat(np.array([10, 240], "uint8"), 20).reshape(40, 1, 1, 1)
    labels = np.repeat([0, 1], 20)
    judge = evaluation.Judge(images, labels)
    assert judge.accuracy(images, labels) == 1.0
    assert judge.accuracy(images, 1 - labels) == 0.0


def test_report_has_a_figure_for_everything(tiny_model, monkeypatch):
    monkeypatch.setattr(evaluation, "GENERATED", 6)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 4, 4, 1), dtype="uint8")
    pictures = (images, np.arange(12) % 3)
    report = evaluation.report(tiny_model, pictures, pictures)
    assert set(report) == {
        "nats_per_picture",
        "bits_per_pixel",
        "histogram_bits_per_pixel",
        "class_histogram_bits_per_pixel",
        "recognised_generated",
        "recognised_real",
    }
    assert all(np.isfinite(value) for value in report.values())


def test_report_agrees_with_score(tiny_unconditional, tiny_images):
    report = evaluation.report(tiny_unconditional, tiny_images, tiny_images)
    nats = tiny_unconditional.score(tiny_images)
    assert report["nats_per_picture"] == pytest.approx(nats.mean())
