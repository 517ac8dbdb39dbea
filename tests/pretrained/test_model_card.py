"""Tests of folders that share a model."""

import json

import numpy as np
import pytest
from PIL import Image
from small_models import TRAIN_OPTIONS, invoke, make_model, train
from typer.testing import CliRunner

import keras_igpt
from keras_igpt.cli import app
from keras_igpt.pretrained.model_card import card, write_card


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("card") / "mine.keras"
    make_model(class_names=("cat", "dog", "bird")).save(path)
    return path


@pytest.fixture
def folder(source, tmp_path):
    return write_card(source, tmp_path / "shared", "cc-by-4.0")


def test_the_folder_loads_as_the_same_model(source, folder):
    one, two = (keras_igpt.load(path) for path in (source, folder))
    asked = {"labels": "dog", "seed": 1}
    np.testing.assert_array_equal(one.generate(**asked), two.generate(**asked))


def test_the_card_tells_licence_sizes_and_classes(folder):
    card = (folder / "README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: cc-by-4.0\nlibrary_name: keras\n")
    assert "| tokens | 4 × 4 of 5 |" in card and "cat, dog, bird" in card
    assert "labels='cat'" in card and "![Samples](samples.png)" in card


def test_samples_are_the_models(source, folder):
    model = keras_igpt.load(source)
    images = model.generate(labels=np.arange(16) % 3, seed=0)
    with Image.open(folder / "samples.png") as sheet:
        first = np.asarray(sheet)[:64:16, :64:16]
    np.testing.assert_array_equal(first, images[0, ..., 0])


def test_a_run_tells_its_data_and_figures(class_folder, tmp_path, smallest):
    train(tmp_path / "run", data=str(class_folder), size=8)
    shared = write_card(tmp_path / "run", tmp_path / "shared", "mit")
    text = (shared / "README.md").read_text("utf-8")
    assert f"| data | {class_folder.name} |" in text
    assert str(class_folder.parent) not in text
    assert f"| batch size | {TRAIN_OPTIONS.batch_size} |" in text
    assert "| val_bits_per_pixel | " in text


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("digits", "digits"),
        ("football/layout+twin", "football/layout+twin"),
        ("cifar10", "cifar10"),
        ("coco_captions/2017", "coco_captions/2017"),
        ("tfds:mine/one", "tfds:mine/one"),
        ("/home/ada/flags", "flags"),
        ("~/flags/", "flags"),
        ("../ada/flags", "flags"),
        (r"C:\Users\ada\flags", "flags"),
        ("gs://of-ada/flags", "flags"),
        (".", "a folder"),
    ],
)
def test_the_card_tells_names_of_data_but_no_folders(data, shown, tmp_path):
    start = "/home/ada/runs/best.keras"
    options = {"data": data, "init_from": start}
    (tmp_path / "config.json").write_text(json.dumps({"options": options}))
    text = card(make_model(), tmp_path, "mit", "ada/flags")
    assert f"| data | {shown} |" in text
    assert "| init from | best.keras |" in text


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("flags", "hf://OWNER/NAME"),
        ("ada/flags", "hf://ada/flags"),
        ("kaggle://ada/a/keras/b", "kaggle://ada/a/keras/b"),
    ],
)
def test_the_card_tells_how_to_load_it(name, address, tmp_path):
    text = card(make_model(), tmp_path, "mit", name)
    assert f'keras_igpt.load("{address}")' in text
    assert f"\n# {name.removeprefix('kaggle://')}\n" in text


@pytest.mark.parametrize("change", ["size", "bytes", "manifest"])
def test_what_was_changed_is_refused(folder, change):
    path, manifest = folder / "model.keras", folder / "keras_igpt.json"
    content = bytearray(path.read_bytes())
    if change == "size":
        path.write_bytes(content + b"x")
    elif change == "bytes":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        manifest.write_text(json.dumps({"model.keras": 3}))
    with pytest.raises(ValueError, match="Fetch or write it anew"):
        keras_igpt.load(folder)


@pytest.mark.parametrize("licence", ["", "My own", "mit\nlicense: x"])
def test_the_licence_is_an_identifier(source, tmp_path, licence):
    with pytest.raises(ValueError, match="`licence` must be an identifier"):
        write_card(source, tmp_path / "new", licence)


def test_a_folder_that_is_there_stays(source, folder):
    with pytest.raises(ValueError, match="must not exist"):
        write_card(source, folder, "mit")


def test_the_command_writes_it(source, tmp_path):
    out = tmp_path / "shared"
    words = ("--license", "mit", "--name", "Digits", "--out", out)
    invoke("card", "--model", source, *words)
    assert "# Digits\n" in (out / "README.md").read_text("utf-8")


def test_the_licence_is_asked_for(source, tmp_path):
    words = ["card", "--model", str(source), "--out", str(tmp_path / "new")]
    found = CliRunner().invoke(app, words, input="mit\n")
    assert "Licence of the weights" in found.output and found.exit_code == 0
