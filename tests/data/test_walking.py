"""Tests of which files of a folder may be images."""

import os

import pytest
from small_models import read_all, save_picture

from keras_igpt import data
from keras_igpt.data.walking import walk


@pytest.mark.parametrize(
    "name", ["a.HEIC", "a.svg", "a.jxl", "a.psd", "a.cr2", "a.eps", "a.DNG"]
)
def test_images_that_nothing_reads_are_reported(tmp_path, name):
    save_picture(tmp_path / "good.png")
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    dataset = data.load(tmp_path, "all")
    with pytest.warns(UserWarning, match=rf"Skipped 1 of 2.*{name}"):
        assert len(read_all(dataset)) == 1


@pytest.mark.parametrize("name", ["00017", "photo.jpg!large", "photo.1"])
def test_images_of_odd_names_are_read(tmp_path, name):
    os.rename(save_picture(tmp_path / "a.png"), tmp_path / name)
    assert len(read_all(data.load(tmp_path, "all"))) == 1


@pytest.mark.parametrize("name", ["README", "model.keras", "words.xyz", "LOG"])
def test_other_files_are_no_images(tmp_path, name):
    (tmp_path / name).write_bytes(b"some words, or numbers\0\1\2")
    assert walk(tmp_path) == ([], [], [])


def test_second_link_to_a_class_is_reported(picture_folder):
    (picture_folder / "a_cat").symlink_to(picture_folder / "cat")
    dataset = data.load(picture_folder, "all")
    assert dataset.class_names == ["cat", "dog"]
    with pytest.warns(UserWarning, match="a link to a folder that is read"):
        assert len(read_all(dataset)) == 20


def test_folder_inside_a_linked_one_is_read_once(tmp_path):
    save_picture(tmp_path / "outside" / "deep" / "a.png")
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").symlink_to(tmp_path / "outside" / "deep")
    (root / "two").symlink_to(tmp_path / "outside")
    files = walk(root)
    assert files.images == ["one/a.png"]
    assert files.unused[0][0] == "two/deep"


def test_folders_that_may_not_be_read_are_reported(tmp_path, monkeypatch):
    save_picture(tmp_path / "open" / "a.png")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert walk(tmp_path).unused == [("closed", "permission denied")]


def test_pipe_that_is_called_a_table_is_reported(picture_folder):
    os.mkfifo(picture_folder / "metadata.csv")
    assert walk(picture_folder).tables == []
    assert walk(picture_folder).unused[0][0] == "metadata.csv"


def test_images_beside_splits_are_reported(tmp_path):
    save_picture(tmp_path / "train" / "a.png")
    save_picture(tmp_path / "loose.png", (0, 9, 9))
    with pytest.warns(UserWarning, match="not in a split's folder"):
        assert len(read_all(data.load(tmp_path))) == 1


def test_drawings_beside_splits_are_reported(tmp_path):
    save_picture(tmp_path / "train" / "a.png")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "logo.svg").write_text("<svg/>")
    with pytest.warns(UserWarning, match="logo.svg: not in a split's folder"):
        assert len(read_all(data.load(tmp_path))) == 1


def test_classes_that_are_not_utf8_are_named(tmp_path):
    save_picture(tmp_path / "plain" / "a.png")
    try:
        save_picture(tmp_path / os.fsdecode(b"caf\xe9") / "a.png")
    except OSError:
        pytest.skip("no such names here")
    with pytest.raises(ValueError, match=r"must be UTF-8.*caf.*Rename"):
        data.load(tmp_path, "all")
