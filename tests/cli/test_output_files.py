"""Tests of the files that commands write."""

import numpy as np
import pytest
from PIL import Image

from keras_igpt.cli import output_files
from keras_igpt.images.files import read_parameters

ASKED = {"seed": 5, "label": None, "text": None, "n": 2}


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (4, 4, 4, 3), "uint8")


def test_a_png_is_one_sheet(images, tmp_path):
    out = output_files.write_images(images, tmp_path / "a.png", ASKED, 2)
    with Image.open(out) as sheet:
        assert sheet.size == (2 * 64 + 2, 2 * 64 + 2)
    assert read_parameters(out) == ASKED


def test_a_folder_has_each_image_with_its_seed(images, tmp_path):
    out = output_files.write_images(images[:2], tmp_path / "some", ASKED)
    files = sorted(out.iterdir())
    assert [path.name for path in files] == ["0000.png", "0001.png"]
    assert [read_parameters(path)["seed"] for path in files] == [5, 6]


def test_each_image_of_a_folder_says_what_it_shows(images, tmp_path):
    asked = {**ASKED, "label": ["goal", "0"]}
    out = output_files.write_images(images, tmp_path / "some", asked)
    found = [read_parameters(path) for path in sorted(out.iterdir())]
    labels = [parameters["label"] for parameters in found]
    assert labels == [["goal"], ["goal"], ["0"], ["0"]]
    assert {parameters["n"] for parameters in found} == {1}


@pytest.mark.parametrize("name", ["a.jpg", "a.PDF", "taken"])
def test_out_must_be_a_folder_or_png(tmp_path, name):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match="a folder, or a file that ends in"):
        output_files.check_asked(1, tmp_path / name)


def test_count_must_be_positive():
    with pytest.raises(ValueError, match="`--n` must be a positive int"):
        output_files.check_asked(0, "a")


def test_a_seed_is_chosen_and_told():
    sampling = {"top_k": 2, "seed": None}
    one, two = (output_files.with_seed(sampling)["seed"] for _ in range(2))
    assert one != two and sampling["seed"] is None
    assert output_files.with_seed({"seed": 0}) == {"seed": 0}
