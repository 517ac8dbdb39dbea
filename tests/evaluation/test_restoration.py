"""Tests of the figures about edits."""

import numpy as np
import pytest

import keras_igpt
from keras_igpt.evaluation import restoration

pytest.importorskip("cv2")

EDITS = ("inpaint", "upscale", "colorize", "denoise")


def make_model(*edits):
    """A model that has learned nothing."""
    colors = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), "uint8")
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 8, channels=3)
    return keras_igpt.ImageGPT(
        tokenizer.adapt(colors),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        edits=edits,
    )


@pytest.fixture(scope="module")
def source():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 16, 16, 3), dtype="uint8")
    return {"image": images, "label": np.arange(40) % 2}


@pytest.fixture(scope="module")
def figures(source):
    """Of a model of all edits, on images without classes."""
    images = {"image": source["image"]}
    model = make_model(*EDITS)
    return restoration.report(model, images, split="train", count=10)


@pytest.fixture(scope="module")
def denoiser():
    return make_model("denoise")


@pytest.fixture(scope="module")
def denoised(denoiser, source):
    """Of a model of one edit, on images with classes."""
    return restoration.report(denoiser, source, split="train", count=10)


def test_every_edit_is_tried(figures):
    assert set(figures) == set(restoration.TRIALS)


def test_inpaint_hides_a_quarter_to_a_half(source):
    trial = restoration.TRIALS["inpaint"](
        source["image"], source["image"], np.random.default_rng(0)
    )
    shares = trial.masks.mean((1, 2))
    assert shares.min() >= 0.25 and shares.max() <= 0.5


def test_outpaint_hides_the_border(source):
    trial = restoration.TRIALS["outpaint"](
        source["image"], source["image"], np.random.default_rng(0)
    )
    assert not trial.masks[:, 3:-3, 3:-3].any()
    assert trial.masks.sum((1, 2)).tolist() == [16**2 - 10**2] * 40


def test_the_nearest_training_image_of_one_of_them_is_itself(figures):
    # The images to restore are among those to search.
    for name in ("outpaint", "upscale 4", "colorize"):
        found = figures[name]["figures"]["nearest training picture"]
        assert found["psnr"] == pytest.approx(99), name


def test_classes_give_frechet_distances(denoiser):
    # More of them than the classifier has features.
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (100, 8, 8, 3), dtype="uint8")
    source = {"image": images, "label": np.arange(100) % 2}
    found = restoration.report(denoiser, source, split="train", count=100)
    assert found["denoise"]["figures"]["as given"]["frechet"] > 0


def test_fewer_images_than_features_have_no_frechet_distance(denoised):
    assert "frechet" not in denoised["denoise"]["figures"]["as given"]


def test_without_classes_there_is_no_frechet_distance(figures):
    assert "frechet" not in figures["denoise"]["figures"]["as given"]


def test_a_model_without_edits_fills_holes(source):
    found = restoration.report(make_model(), source, split="train", count=4)
    assert set(found) == {"inpaint", "outpaint"}


def test_only_edits_that_the_model_can_do_are_tried(denoised):
    assert set(denoised) == {"inpaint", "outpaint", "denoise"}


def test_features_may_be_given(denoiser, source):
    found = restoration.report(
        denoiser,
        {"image": source["image"]},
        split="train",
        count=10,
        features=lambda images: images.reshape(len(images), -1)[:, :2],
    )
    assert found["denoise"]["figures"]["as given"]["frechet"] > 0


def test_equal_images_are_most_similar(source):
    images = source["image"]
    found = restoration.similarity(images, images)
    assert found == {"psnr": pytest.approx(99), "ssim": pytest.approx(1)}


@pytest.mark.parametrize("name", ["figures", "denoised"])
def test_table_has_a_row_per_method(name, request):
    found = request.getfixturevalue(name)
    rows = sum(len(trial["figures"]) for trial in found.values())
    assert restoration.table(found).row_count == rows


def test_sheet_has_rows_of_five(figures):
    sheet = restoration.sheet(figures, examples=1)
    assert sheet.shape == (5 * 64 + 4 * 2, 5 * 64 + 4 * 2, 3)
