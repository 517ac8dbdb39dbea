"""Tests of what folders of checkpoints say beside their weights."""

import json

import numpy as np
import original
import pytest

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
