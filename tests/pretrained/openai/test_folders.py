"""Tests of what folders of checkpoints say beside their weights."""

import json
import random

import numpy as np
import original
import pytest

import keras_igpt
from keras_igpt.pretrained.openai import folders


@pytest.mark.parametrize(
    "size, expected",
    [(32, (32, 32)), ({"height": 8, "width": 9}, (8, 9))],
    ids=["a number", "two sides"],
)
def test_sizes_of_images_come_in_two_forms(tmp_path, size, expected):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({"size": size}))
    assert folders._preprocessing(tmp_path) == {"image_size": expected}


def test_broken_json_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json must be JSON"):
        folders.read_huggingface(tmp_path)


def test_palette_of_another_shape_is_named(tmp_path):
    np.save(tmp_path / "kmeans_centers.npy", np.zeros((5, 4)))
    with pytest.raises(ValueError, match=r"kmeans_centers.npy of shape \(5, 4"):
        folders.checked_palette(tmp_path / "kmeans_centers.npy")


def test_palettes_with_programs_are_not_read(tmp_path):
    strange = np.array([{}], dtype=object)
    np.save(tmp_path / "a.npy", strange, allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        folders.checked_palette(tmp_path / "a.npy")


def test_sizes_are_read_off_the_checkpoint(tmp_path):
    variables = original.random_variables(layers=3, heads=4)
    original.write_checkpoint(tmp_path, variables)
    sizes, _, options, found = folders.read_openai(tmp_path)
    assert sizes == (3, 4, 12, 48, 9, 6)
    assert options == {} and found == {}


def test_more_blocks_than_tensors_are_refused_at_once():
    with pytest.raises(ValueError, match="`n_layer` in config.json"):
        folders._sizes({**folders.DEFAULTS, "n_layer": 2**20}, 9, "folder")


@pytest.mark.parametrize("name", ["n_layer", "n_head", "n_embd", "vocab_size"])
@pytest.mark.parametrize("value", ["1", [1], 1.5, -1, True], ids=str)
def test_sizes_of_another_kind_are_named(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive int"):
        folders._sizes({**folders.DEFAULTS, name: value}, 999, "folder")


def test_palette_that_says_to_be_larger_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    header = {"descr": "<f4", "fortran_order": False, "shape": (2**40, 3)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match=r"a.npy, which cannot be read"):
        folders.checked_palette(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_mutated_folders_load_or_are_refused(tmp_path, name):
    sizes = {**keras_igpt.ImageGPT.SIZES["igpt_s"], "num_layers": 1}
    sizes |= {"num_heads": 2, "hidden_dim": 16}
    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 5)
    tokenizer.set_palette(np.zeros((5, 3)))
    keras_igpt.openai.save(keras_igpt.ImageGPT(tokenizer, **sizes), tmp_path)
    whole, chance = (tmp_path / name).read_bytes(), random.Random(1)
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            place = chance.randrange(min(len(content), 2000))
            content[place] = chance.randrange(256)
        (tmp_path / name).write_bytes(content)
        try:
            keras_igpt.openai.load(tmp_path)
        except (ValueError, OSError) as error:
            assert "Received" in str(error)
