import keras
import numpy as np
import pytest
from small_models import make_model

from keras_igpt import ImageGPT, VQTokenizer
from keras_igpt.evaluation import likelihood, recognition, tokenizer_quality
from keras_igpt.training import losses


def test_bits_per_pixel_matches_formula():
    nats = np.array([np.log(2) * 12, np.log(2) * 4])
    assert losses.bits_per_pixel(nats, (2, 2)) == pytest.approx(2.0)


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


def test_judge_recognises_what_it_has_seen():
    images = np.repeat(np.array([10, 240], "uint8"), 20).reshape(40, 1, 1, 1)
    labels = np.repeat([0, 1], 20)
    judge = recognition.PixelClassifier(images, labels)
    assert judge.accuracy(images, labels) == 1.0
    assert judge.accuracy(images, 1 - labels) == 0.0


def test_report_has_a_figure_for_everything(tiny_model, monkeypatch):
    monkeypatch.setattr(recognition, "GENERATED", 6)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 4, 4, 1), dtype="uint8")
    pictures = (images, np.arange(12) % 3)
    report = likelihood.report(tiny_model, pictures, pictures)
    assert set(report) == {
        "nats_per_picture",
        "bits_per_pixel",
        "histogram_bits_per_pixel",
        "class_histogram_bits_per_pixel",
        "recognised_generated",
        "recognised_real",
    }
    assert all(np.isfinite(value) for value in report.values())


def test_pictures_are_decoded_some_at_a_time(tiny_model, monkeypatch):
    monkeypatch.setattr(recognition, "GENERATED", 6)
    monkeypatch.setattr(tokenizer_quality, "DECODED", 5)
    decode, counts = tiny_model.tokenizer.decode, []

    def counted(tokens):
        counts.append(len(tokens))
        return decode(tokens)

    monkeypatch.setattr(tiny_model.tokenizer, "decode", counted)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 4, 4, 1), dtype="uint8")
    likelihood.report(tiny_model, *[(images, np.arange(12) % 3)] * 2)
    assert sum(counts) >= 24 and max(counts) <= 6


def test_judge_sees_no_more_than_its_pictures(tiny_model, monkeypatch):
    monkeypatch.setattr(recognition, "GENERATED", 6)
    monkeypatch.setattr(recognition, "JUDGE_PICTURES", 9)
    seen, judge = [], recognition.PixelClassifier

    def noted(images, labels):
        seen.append((images.shape, len(labels)))
        return judge(images, labels)

    monkeypatch.setattr(recognition, "PixelClassifier", noted)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 4, 4, 1), dtype="uint8")
    likelihood.report(tiny_model, *[(images, np.arange(12) % 3)] * 2)
    assert seen == [((9, 4, 4, 1), 9)]


def test_report_of_a_model_of_pairs_needs_no_pairs(tiny_images):
    model = make_model(num_classes=0, edits=("restyle/map",))
    figures = likelihood.report(model, tiny_images, tiny_images)
    nats = model.score(tiny_images).mean()
    np.testing.assert_allclose(figures["nats_per_picture"], nats, rtol=1e-5)


def test_report_agrees_with_score(tiny_unconditional, tiny_images):
    report = likelihood.report(tiny_unconditional, tiny_images, tiny_images)
    nats = tiny_unconditional.score(tiny_images)
    assert report["nats_per_picture"] == pytest.approx(nats.mean())


@pytest.fixture(scope="module")
def learned():
    """A tokenizer of 8x8 pixels, and pictures of it with sharp edges."""
    keras.utils.set_random_seed(0)
    half = np.repeat([0, 255], 2).astype("uint8")
    cells = np.stack([np.tile(half, (4, 1)), np.tile(half, (4, 1)).T])
    chosen = np.random.default_rng(0).integers(0, 2, (256, 2, 2))
    images = cells[chosen].transpose(0, 1, 3, 2, 4).reshape(256, 8, 8, 1)
    tokenizer = VQTokenizer((8, 8), 2, channels=1, hidden_dim=16)
    return tokenizer.adapt(images, epochs=20, verbose=False), images


def test_learned_tokens_are_compared_with_a_palette(learned):
    tokenizer, images = learned
    figures = tokenizer_quality.tokenizer_figures(
        tokenizer, images, images[:48]
    )
    # A palette at a quarter of the sides knows no edge within a cell.
    assert figures["psnr"] > figures["palette_psnr"] > 0


def test_palette_figure_is_that_of_shrunk_pictures(learned):
    tokenizer, images = learned
    flat = np.full_like(images, 77)
    figures = tokenizer_quality.tokenizer_figures(tokenizer, flat, flat)
    assert figures["palette_psnr"] > 90


def test_report_of_a_learned_tokenizer_has_its_figures(learned):
    tokenizer, images = learned
    model = ImageGPT(tokenizer, num_layers=1, num_heads=1, hidden_dim=8)
    report = likelihood.report(model, images, images)
    assert {"psnr", "palette_psnr", "codes_used", "perplexity"} <= set(report)
