"""Tests of images in the forms that people have them in."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_models import save_picture

from keras_igpt import data
from keras_igpt.images import files
from keras_igpt.images.given import (
    as_output,
    fitted_images,
    image_batches,
    mask_array,
)

RED = (255, 0, 0)


@pytest.fixture
def image():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (6, 8, 3), "uint8")


def in_form(image, form, folder):
    """The same image as an array, a tensor, a file …"""
    path = folder / "image.png"
    Image.fromarray(image).save(path)
    return {
        "array": lambda: image,
        "batch": lambda: image[None],
        "tensor": lambda: tf.constant(image),
        "numbers": lambda: image.tolist(),
        "pil": lambda: Image.fromarray(image),
        "path": lambda: path,
        "name": lambda: str(path),
        "list": lambda: [image],
        "tuple of files": lambda: (path,),
        "data set": lambda: tf.data.Dataset.from_tensors(image),
        "batches": lambda: data.load(image[None]).batch(1),
    }[form]()


FORMS = "array batch tensor numbers pil path name list".split()
FORMS += ["tuple of files", "data set", "batches"]


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_are_the_same_pixels(image, form, tmp_path):
    (found,) = image_batches(in_form(image, form, tmp_path), 3)
    np.testing.assert_array_equal(found, image[None])
    assert found.dtype == (np.uint8 if form != "numbers" else int)


def test_a_mixed_list_of_one_size_is_one_batch(image, tmp_path):
    forms = [in_form(image, f, tmp_path) for f in ("array", "pil", "path")]
    (found,) = image_batches(forms, 3)
    np.testing.assert_array_equal(found, np.stack(3 * [image]))


def test_several_sizes_are_a_batch_each(image):
    found = image_batches([image, image[:4]], 3)
    assert [x.shape for x in found] == [(1, 6, 8, 3), (1, 4, 8, 3)]


def test_files_get_the_channels_that_are_wanted(image, tmp_path):
    path = in_form(image, "path", tmp_path)
    (found,) = image_batches([path, Image.open(path)], 1)
    assert found.shape == (2, 6, 8, 1)


def test_other_sizes_are_fitted_as_load_does(image, tmp_path):
    path = in_form(image, "path", tmp_path)
    found = fitted_images([path, image[:4]], (4, 4, 3))
    assert found.shape == (2, 4, 4, 3)
    np.testing.assert_array_equal(found[0], data.read_image(path, 4))


def test_arrays_of_one_size_stay_as_they_are(image):
    assert fitted_images(image[None], (4, 4, 3)).shape == (1, 6, 8, 3)


def test_a_pil_image_is_turned_as_its_file(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save_picture(tmp_path / "a.png", RED, size=(8, 6), exif=exif)
    with Image.open(path) as opened:
        pixels = files.pixels_of(opened)
        assert opened.size == (8, 6)
    np.testing.assert_array_equal(pixels, files.decode(path))


def test_transparent_parts_of_a_pil_image_are_white():
    image = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
    assert (files.pixels_of(image) == 255).all()


@pytest.mark.parametrize("form", ["path", "pil", "array"])
def test_masks_have_the_same_forms(form, tmp_path):
    mask = np.zeros((6, 8), bool)
    mask[2:4, 3:5] = True
    image = Image.fromarray(mask)
    image.save(tmp_path / "mask.png")
    forms = {"path": tmp_path / "mask.png", "pil": image, "array": mask}
    np.testing.assert_array_equal(mask_array(forms[form]), mask)


def test_no_images_and_endless_ones_are_refused(image):
    with pytest.raises(ValueError, match="one or more"):
        image_batches([], 3)
    endless = tf.data.Dataset.from_tensors(image).repeat()
    with pytest.raises(ValueError, match="with an end"):
        image_batches(endless, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_pil_images_come_back(image, channels):
    images = np.stack(2 * [image[..., :channels]])
    found = as_output(images, "pil")
    assert [x.mode for x in found] == 2 * [{1: "L", 3: "RGB"}[channels]]
    again = np.stack([np.asarray(x).reshape(6, 8, channels) for x in found])
    np.testing.assert_array_equal(again, images)
