"""Tests of image files, as a new user might have them."""

import os
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from small_models import save_picture

from keras_igpt import data
from keras_igpt.images import files
from keras_igpt.images.files import contact_sheet, read_parameters, save_png

RED = (255, 0, 0)


def decoded(path):
    return files.decode(path)


def test_decode_applies_exif_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save_picture(tmp_path / "a.jpg", size=(8, 6), exif=exif)
    assert decoded(path).shape == (8, 6, 3)
    assert data.load(tmp_path, "all").image_shape == (8, 6, 3)


@pytest.mark.parametrize(
    "mode, color", [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))]
)
def test_decode_puts_transparency_on_white(tmp_path, mode, color):
    path = save_picture(tmp_path / "a.png", color, mode=mode)
    assert (decoded(path) == 255).all()


def test_decode_blends_half_transparency(tmp_path):
    path = save_picture(tmp_path / "a.png", (255, 0, 0, 128), mode="RGBA")
    np.testing.assert_allclose(decoded(path)[0, 0], (255, 127, 127), atol=1)


def test_decode_puts_palette_transparency_on_white(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / "a.png", transparency=1)
    assert (decoded(tmp_path / "a.png") == 255).all()


def test_decode_scales_16_bit_grey(tmp_path):
    values = np.array([[0, 257, 32896, 65535]], "uint16")
    Image.fromarray(values).save(tmp_path / "a.png")
    assert decoded(tmp_path / "a.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_decode_rejects_floats_of_unknown_range(tmp_path):
    save_picture(tmp_path / "a.tiff", 0.5, mode="F")
    with pytest.raises(ValueError, match="usable image.*unknown range"):
        data.load(tmp_path, "all")


def test_decode_converts_cmyk(tmp_path):
    path = save_picture(tmp_path / "a.jpg", (0, 255, 255, 0), mode="CMYK")
    np.testing.assert_allclose(decoded(path)[0, 0], RED, atol=3)


def test_decode_takes_first_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (decoded(tmp_path / "a.gif") == RED).all()


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_decode_reduces_large_images(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(files, "LARGE", 1000)
    path = save_picture(tmp_path / f"a.{suffix}", size=(640, 512))
    assert files.decode(path, (16, 16)).shape == (64, 80, 3)


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


def test_postscript_is_no_image_whatever_its_name(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(ValueError, match="not an image that Pillow can read"):
        files.read(path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ValueError, match="not a regular file"):
        files.read(tmp_path / "a.png")


# === Masks ===


def save_mask(path, *strokes):
    """Transparent but for strokes: `(rows, color)`."""
    layer = np.zeros((6, 6, 4), "uint8")
    for rows, color in strokes:
        layer[rows] = (*color, 255)
    Image.fromarray(layer).save(path)


def test_white_strokes_of_a_layer_are_the_mask(tmp_path):
    save_mask(
        tmp_path / "a.png", (slice(2), (255,) * 3), (slice(4, 6), (0,) * 3)
    )
    mask = files.read_mask(tmp_path / "a.png")
    assert mask.any(axis=1).tolist() == [True, True] + 4 * [False]


def test_strokes_of_any_colour_count_on_a_layer_without_white(tmp_path):
    save_mask(tmp_path / "a.png", (slice(1, 3), (90, 0, 0)))
    mask = files.read_mask(tmp_path / "a.png")
    assert mask.all(axis=1).tolist() == [False, True, True] + 3 * [False]


def test_black_image_without_transparency_is_an_empty_mask(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert not files.read_mask(tmp_path / "a.png").any()


# === Large files ===


def test_strips_are_of_the_image(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (37, 20, 4), dtype="uint8")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    whole = files.decode(tmp_path / "a.png")
    monkeypatch.setattr(files, "STRIP", 50)
    np.testing.assert_array_equal(files.decode(tmp_path / "a.png"), whole)


def test_large_images_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr(files, "LARGE", 100)
    at_once, most = [], []
    load = files._load

    def slow(image):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.02)
        load(image)
        at_once.pop()

    monkeypatch.setattr(files, "_load", slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(files.decode, [tmp_path / "a.png"] * 4))
    assert max(most) == 1


def test_memory_of_a_large_image_is_bounded(tmp_path):
    """Beside Pillow's own: the result, and what a strip takes."""
    Image.new("RGBA", (2000, 2000), "red").save(tmp_path / "a.png")
    tracemalloc.start()
    try:
        files.decode(tmp_path / "a.png", (64, 64))
        most = 3 * 2000**2 + 64 * files.STRIP
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
