"""Tests of a classifier that recognises generated images."""

import numpy as np
import pytest

from keras_igpt.evaluation import recognition


@pytest.fixture
def shades():
    """20 dark images and 20 bright ones, and which."""
    images = np.repeat(np.array([10, 240], "uint8"), 20).reshape(40, 1, 1, 1)
    return {"image": images, "label": np.repeat([0, 1], 20)}


@pytest.fixture
def classifier(shades):
    return recognition.PixelClassifier(shades["image"], shades["label"])


@pytest.fixture
def twelve():
    """Tokens and labels of 12 images of `tiny_model`."""
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 5, (12, 16), dtype="uint16")
    return {"tokens": tokens, "label": np.arange(12) % 3}


def test_classifier_recognises_what_it_has_seen(classifier, shades):
    images, labels = shades["image"], shades["label"]
    assert classifier.accuracy(images, labels) == 1.0
    assert classifier.accuracy(images, 1 - labels) == 0.0


def test_generated_and_real_images_have_a_share_each(classifier, shades):
    wrong = {**shades, "label": 1 - shades["label"]}
    assert recognition.recognised(wrong, shades, classifier) == {
        "recognised_generated": 0.0,
        "recognised_real": 1.0,
    }


def test_classifier_sees_no_more_than_its_images(
    tiny_model, twelve, monkeypatch
):
    monkeypatch.setattr(recognition, "GENERATED", 6)
    monkeypatch.setattr(recognition, "TRAIN_IMAGES", 9)
    seen, classifier = [], recognition.PixelClassifier

    def noted(images, labels):
        seen.append((images.shape, len(labels)))
        return classifier(images, labels)

    monkeypatch.setattr(recognition, "PixelClassifier", noted)
    recognition.recognition_figures(tiny_model, twelve, twelve, 0)
    assert seen == [((9, 4, 4, 1), 9)]


def test_images_are_decoded_some_at_a_time(tiny_model, twelve, monkeypatch):
    monkeypatch.setattr(recognition, "GENERATED", 6)
    monkeypatch.setattr("keras_igpt.tokenizers.base.PIXELS", 5 * 16)
    tokenizer, counts = tiny_model.tokenizer, []
    decode = tokenizer._decode_batch

    def counted(tokens):
        counts.append(len(tokens))
        return decode(tokens)

    monkeypatch.setitem(tokenizer.__dict__, "_decode_batch", counted)
    recognition.recognition_figures(tiny_model, twelve, twelve, 0)
    assert counts == [5, 5, 2] * 2
