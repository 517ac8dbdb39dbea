"""Tests of what files of the page say, and of doing the same again."""

import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image
from small_models import invoke, make_caption_model, make_model

from keras_igpt.cli.demo import actions, made, prepared
from keras_igpt.images import arrays
from keras_igpt.images.files import read_parameters

# Importing gradio warns of libraries' own affairs.
pytestmark = pytest.mark.filterwarnings("default")

ASKED = {
    "text": " a ball ",
    "negative_text": "",
    "guidance_scale": 2.0,
    "temperature": 0.5,
    "top_k": 3,
    "top_p": 0.75,
}


@pytest.fixture(scope="module")
def model():
    return make_caption_model()


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    """Where a model lies, and where the page's files go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    model.save("m.keras")
    return tmp_path


def again(path):
    """Pixels of what the command makes of a file, in another folder."""
    shutil.copy(path, "downloaded.png")
    invoke("again", "downloaded.png", "--out", "again.png")
    return np.asarray(Image.open("again.png"))


@pytest.mark.parametrize("asked", [ASKED, {"guidance_scale": 1, "top_k": 0}])
def test_generated_files_are_made_again(model, folder, asked):
    images, seed = actions.generate(model, 2, seed=5, **asked)
    for i, image in enumerate(images):
        said = made.parameters(model, "m.keras", asked, seed + i)
        path = made.as_file(image, said)
        np.testing.assert_array_equal(again(path), image)


def test_files_name_classes(folder):
    model = make_model(class_names=["cat", "dog", "owl"])
    said = made.parameters(model, "m", {"label": 1}, 0)
    assert said["label"] == ["dog"]
    said = made.parameters(make_model(), "m", {"label": 1}, 0)
    assert said["label"] == ["1"]


def layers(rows, columns, size=(16, 16)):
    layer = np.zeros((*size, 4), "uint8")
    layer[rows, columns] = 255
    return [layer]


EDITS = {
    "inpaint": {"layers": layers(slice(3, 9), slice(0, 8))},
    "outpaint": {"border": 30},
    "upscale/4": {},
    "denoise": {},
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("size", [(8, 8), (40, 60)])
def test_edited_files_are_made_again_beside_what_was_given(folder, edit, size):
    model = make_model(
        (8, 8), num_classes=0, edits=("inpaint", "upscale", "denoise")
    )
    model.save("m.keras")
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), "uint8")
    given = {"edit": edit, **EDITS[edit]}
    images, seed = actions.edit(model, image, count=2, seed=3, **given)
    grey = arrays.set_channels(image, 1)
    found = prepared.for_edit(model, grey, **given)
    path = made.given_file(found)
    shutil.copy(path, folder)
    options = {**found.options, "file": pathlib.Path(path).name}
    said = made.parameters(model, "m.keras", {}, seed + 1, options)
    path = made.as_file(images[1], said)
    np.testing.assert_array_equal(again(path), images[1, ..., 0])


def test_composed_files_are_made_again(model, folder):
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), "uint8")
    place = {"left": 1, "top": 2, "size": 50}
    images, seed = actions.compose(model, image, count=1, seed=3, **place)
    found = prepared.for_compose(model, image, **place)
    path = made.given_file(found)
    shutil.copy(path, folder)
    options = {**found.options, "file": pathlib.Path(path).name}
    said = made.parameters(model, "m.keras", {}, seed, options)
    np.testing.assert_array_equal(
        again(made.as_file(images[0], said)), images[0]
    )


def test_files_do_not_say_where_they_lie(model, folder):
    image = np.zeros((8, 8, 3), "uint8")
    found = prepared.for_compose(model, image)
    path = pathlib.Path(made.given_file(found))
    assert path.parent.name not in path.name
    said = made.parameters(model, "m", {}, 0, {"file": path.name})
    result = made.as_file(image, said)
    assert path.parent.name not in str(read_parameters(result))
