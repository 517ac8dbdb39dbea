import numpy as np
import pytest
from PIL import Image

from keras_igpt.images.files import contact_sheet, read_parameters, save_png


def test_sheet_lays_images_out_in_rows():
    images = np.arange(6, dtype="uint8").reshape(6, 1, 1, 1)
    sheet = contact_sheet(images, columns=3, height=1, gap=0)
    assert sheet[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_sheet_enlarges_by_whole_factors():
    images = np.array([[[[7], [8]], [[9], [10]]]], "uint8")
    sheet = contact_sheet(images, height=4, gap=0)[..., 0]
    assert sheet.tolist() == [
        [7, 7, 8, 8],
        [7, 7, 8, 8],
        [9, 9, 10, 10],
        [9, 9, 10, 10],
    ]


def test_sheet_fills_gaps_and_missing_images():
    images = np.zeros((3, 1, 1, 3), "uint8")
    sheet = contact_sheet(images, columns=2, height=1, gap=1, background=9)
    assert sheet[..., 0].tolist() == [[0, 9, 0], [9, 9, 9], [0, 9, 9]]


@pytest.mark.parametrize("channels", [1, 3])
def test_png_reads_back(tmp_path, channels):
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (5, 7, channels), dtype="uint8")
    save_png(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as saved:
        np.testing.assert_array_equal(
            np.asarray(saved).reshape(image.shape), image
        )


def test_png_carries_its_parameters(tmp_path):
    parameters = {"seed": 3, "label": ["球"], "top_p": None}
    save_png(tmp_path / "a.png", np.zeros((2, 2, 1), "uint8"), parameters)
    assert read_parameters(tmp_path / "a.png") == parameters


def test_png_without_parameters_has_none(tmp_path):
    save_png(tmp_path / "a.png", np.zeros((2, 2, 1), "uint8"))
    assert read_parameters(tmp_path / "a.png") == {}
