"""Tests of commands with a released model, from small files in its format."""

import pathlib

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from small_models import invoke

from keras_igpt import load
from keras_igpt.pretrained import hub
from keras_igpt.pretrained.llamagen import names

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "released"
SIDE = 32


@pytest.fixture
def name(monkeypatch, tmp_path, smallest):
    """The name of a released model; it is small, and not downloaded."""
    generator = np.random.default_rng(0)
    arrays = {
        name: generator.standard_normal(row.shape, "float32")
        for row in names.rows(names.Sizes(1, 1, 16, 32, 128, 1000))
        for name in row.names
    }
    save_file(arrays, tmp_path / "c2i.safetensors")
    files = {
        "c2i.safetensors": tmp_path / "c2i.safetensors",
        "vq.pt": GOLDEN / "llamagen_vq_a.pt",
    }
    monkeypatch.setattr(hub, "fetched", lambda _, file, licence: files[file])
    monkeypatch.setitem(names.HEADS, (1, 16), 1)
    small = hub.Released("owner/name", *files, SIDE, "MIT")
    monkeypatch.setitem(hub.RELEASED, "llamagen-b-256", small)
    return "llamagen-b-256"


@pytest.fixture
def photo(tmp_path):
    """The file of an image as large as the model's, and its pixels."""
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), "uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png", pixels


def edited(name, photo, tmp_path, *options):
    out = tmp_path / "edited.png"
    invoke(
        *("edit", photo, "--model", name, "--n", 1, "--seed", 0),
        *(*options, "--out", out),
    )
    return shown(out)


def shown(out):
    """The one image of a file that shows it enlarged."""
    pixels = np.asarray(Image.open(out))
    times = len(pixels) // SIDE
    return pixels[::times, ::times]


@pytest.mark.parametrize("edit", ["inpaint", "replace"])
def test_edit_keeps_what_no_mask_hides(name, photo, tmp_path, edit):
    file, pixels = photo
    found = edited(
        *(name, file, tmp_path, "--edit", edit, "--mask", "20,20,28,28"),
        *("--label", "soccer ball", "--guidance", 2),
    )
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[20:28, 20:28] = True
    np.testing.assert_array_equal(found[~hidden], pixels[~hidden])
    assert np.any(found[hidden] != pixels[hidden])


def test_compose_keeps_what_is_placed(name, photo, tmp_path):
    pixels = photo[1][:8, :10]
    Image.fromarray(pixels).save(tmp_path / "small.png")
    found = edited(
        *(name, tmp_path / "small.png", tmp_path),
        *("--edit", "compose", "--at", "4,6"),
    )
    np.testing.assert_array_equal(found[6:14, 4:14], pixels)


@pytest.mark.parametrize("edit", ["upscale", "colorize"])
def test_edit_that_must_be_learned_is_refused(name, photo, tmp_path, edit):
    with pytest.raises(ValueError, match=edit):
        edited(name, photo[0], tmp_path, "--edit", edit)


def test_generate_takes_names_of_classes(name, tmp_path):
    invoke(
        *("generate", "--model", name, "--label", "soccer ball"),
        *("--n", 1, "--seed", 0, "--out", tmp_path / "ball.png"),
    )
    assert shown(tmp_path / "ball.png").shape == (SIDE, SIDE, 3)


def test_packed_model_is_the_same(name, tmp_path):
    load(name).save(tmp_path / "m.keras")
    invoke(
        "pack", "--model", tmp_path / "m.keras", "--out", tmp_path / "p.keras"
    )
    assert load(tmp_path / "p.keras").config["start"] == "class"
