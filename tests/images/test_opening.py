"""Tests of what is opened as an image."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_igpt.images import files, opening


def saved(path, pixels=None):
    pixels = np.zeros((6, 6, 3), "uint8") if pixels is None else pixels
    Image.fromarray(pixels).save(path)
    return path


def test_known_suffixes_are_of_known_formats():
    assert {".png", ".jpg", ".webp", ".tif", ".heic"} <= opening.suffixes()
    assert not {".eps", ".ps", ".pdf", ".wmf"} & opening.suffixes()


def test_huge_files_are_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "MAX_BYTES", 10)
    with pytest.raises(OSError, match="larger than"):
        with opening.open_image(saved(tmp_path / "a.png")):
            pass


@pytest.mark.skipif(os.name == "nt", reason="it has no such devices")
def test_devices_are_refused_unread():
    with pytest.raises(OSError, match="not a regular file"):
        with opening.open_image("/dev/zero"):
            pass


def test_heic_needs_a_package_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    with pytest.raises(ValueError, match=r"keras_igpt\[heif\]"):
        files.read(tmp_path / "a.heic")


def test_heic_is_read(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    pixels = np.full((16, 16, 3), 200, "uint8")
    heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "a.heic")
    found = files.read(tmp_path / "a.heic")
    assert abs(found.astype(int) - 200).max() < 8


def test_a_server_opens_no_other_formats():
    program = (
        "from PIL import Image; "
        "from keras_igpt.images import opening; "
        "opening.forget_other_formats(); "
        "print({'EPS', 'WMF'} & (set(Image.OPEN) | set(Image.ID)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert found.stdout.strip() == "set()"


# === Files that are broken, at random ===

SUFFIXES = ("png", "jpg", "gif", "bmp", "webp", "tif", "ppm", "ico", "tga")


def broken(content, generator):
    """A file with bytes that are others, cut or doubled."""
    content = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        place = int(generator.integers(len(content)))
        kind = generator.integers(4)
        if kind == 0:
            content[place] = generator.integers(256)
        elif kind == 1:
            del content[place:]
        elif kind == 2:
            content[place:place] = bytes(generator.integers(0, 256, 4, "uint8"))
        else:  # a size, perhaps
            content[place : place + 4] = b"\xff" * 4
        if len(content) < 2:
            break
    return bytes(content) or b"\0"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_broken_files_are_read_or_told(tmp_path, suffix):
    generator = np.random.default_rng(len(suffix) + ord(suffix[0]))
    pixels = generator.integers(0, 256, (24, 24, 3), dtype="uint8")
    content = saved(tmp_path / f"whole.{suffix}", pixels).read_bytes()
    path = tmp_path / f"broken.{suffix}"
    for _ in range(60):
        path.write_bytes(broken(content, generator))
        for read in (files.read, files.read_mask):
            try:
                assert read(path).dtype in ("uint8", "bool")
            except ValueError as error:
                assert path.name in str(error)
