"""Tests of folders of images, as a new user might have them."""

import pathlib
import warnings

import numpy as np
import pytest
from PIL import Image
from small_models import random_images, read_all, save_picture

from keras_igpt import data
from keras_igpt.data import folder
from keras_igpt.images import arrays, files

RED = (255, 0, 0)


@pytest.fixture
def damaged(tmp_path):
    """One good image among an empty, a truncated and a text file."""
    save_picture(tmp_path / "good.png", size=(64, 64))
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("not an image")
    path = tmp_path / "truncated.png"
    Image.fromarray(random_images(64, 64, 3)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return tmp_path


def test_folder_of_several_sizes_needs_image_size(picture_folder):
    save_picture(picture_folder / "cat" / "odd.png", size=(5, 5))
    with pytest.raises(ValueError, match="`image_size` must be given"):
        data.load(picture_folder, "all")


def test_folder_skips_image_that_changed_its_size(picture_folder):
    dataset = data.load(picture_folder, "all")
    save_picture(picture_folder / "cat" / "3.png", size=(5, 5))
    with pytest.warns(UserWarning, match=r"of shape \(5, 5, 3\)"):
        assert len(read_all(dataset)) == 19


def test_folder_of_rotated_images_has_one_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save_picture(tmp_path / "a.jpg", size=(8, 6), exif=exif)
    save_picture(tmp_path / "b.jpg", size=(6, 8))
    assert data.load(tmp_path, "all").image_shape == (8, 6, 3)


def test_folder_of_several_sizes_is_resized(picture_folder):
    save_picture(picture_folder / "cat" / "odd.png", size=(5, 5))
    (batch,) = data.batches(data.load(picture_folder, "all", image_size=4), 32)
    assert batch["image"].shape == (21, 4, 4, 3)


def test_folder_of_one_pixel_image_is_enlarged(tmp_path):
    save_picture(tmp_path / "a.png", size=(1, 1))
    (example,) = read_all(data.load(tmp_path, "all", image_size=3))
    assert (example["image"] == RED).all()


def test_folder_turns_grey_with_one_channel(tmp_path):
    save_picture(tmp_path / "a.png")
    (example,) = read_all(data.load(tmp_path, "all", channels=1))
    assert (example["image"] == 76).all()  # 0.299 * 255


def test_folder_gives_same_images_twice(picture_folder):
    dataset = data.load(picture_folder)
    for one, two in zip(read_all(dataset), read_all(dataset), strict=True):
        np.testing.assert_array_equal(one["image"], two["image"])


def test_folder_stops_early_without_decoding_the_rest(
    picture_folder, monkeypatch
):
    monkeypatch.setattr(folder, "LOOK_AHEAD", 3)
    decode, calls = files.decode, []
    monkeypatch.setattr(
        files, "decode", lambda *a: calls.append(a) or decode(*a)
    )
    images = folder.ImageFolder(picture_folder, "all", None, None)
    calls.clear()
    next(images.examples())
    assert len(calls) <= 4


def test_damaged_files_are_reported_once(damaged):
    dataset = data.load(damaged, "all")
    with pytest.warns(UserWarning, match="Skipped 3 of 4") as caught:
        assert len(read_all(dataset)) == 1
    assert len(caught) == 1
    read_all(dataset)  # A second warning would be an error.


def test_damaged_files_are_listed_with_reasons(damaged):
    dataset = data.load(damaged, "all")
    with pytest.warns(UserWarning):
        read_all(dataset)
    reasons = {pathlib.Path(path).name: why for path, why in dataset.skipped}
    assert reasons["empty.png"] == "empty file"
    assert reasons["text.jpg"] == "not an image that Pillow can read"
    assert "truncated" in reasons["truncated.png"]


def test_report_names_ten_files(tmp_path):
    save_picture(tmp_path / "good.png")
    for row in range(13):
        (tmp_path / f"{row}.png").touch()
    dataset = data.load(tmp_path, "all")
    with pytest.warns(UserWarning, match="and 3 more") as caught:
        read_all(dataset)
    assert str(caught[0].message).count("empty file") == 10
    assert len(dataset.skipped) == 13


def test_folder_of_damaged_files_is_named(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match="usable image.*empty file"):
        data.load(tmp_path, "all", image_size=8)


@pytest.mark.parametrize("limit", [30, 10])  # 48 pixels: warning, error
def test_decompression_bomb_is_skipped(tmp_path, monkeypatch, limit):
    save_picture(tmp_path / "bomb.png")
    save_picture(tmp_path / "good.png", size=(2, 2))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("always", UserWarning)
        assert len(read_all(data.load(tmp_path, "all"))) == 1
    assert len(caught) == 1
    assert "more pixels than" in str(caught[0].message)


def test_folder_resizes_as_resize_does(tmp_path):
    large = random_images(64, 48, 3)
    Image.fromarray(large).save(tmp_path / "a.png")
    (example,) = read_all(data.load(tmp_path, "all", image_size=8))
    np.testing.assert_array_equal(example["image"], arrays.resize(large, 8))
