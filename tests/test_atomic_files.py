"""Tests of files that are whole or absent."""

import json
import os
import subprocess
import sys
import zipfile

import keras
import pytest

import keras_igpt
from keras_igpt import atomic_files
from keras_igpt.atomic_files import replacing, save_json, save_model


def test_replacing_puts_the_file_in_place(tmp_path):
    with replacing(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"


def test_failure_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OSError, match="disk full"):
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("ha")
            raise OSError("disk full")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_failure_leaves_no_other_file(tmp_path):
    with pytest.raises(OSError):
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("ha")
            raise OSError
    assert list(tmp_path.iterdir()) == []


def test_failing_save_leaves_the_old_model(tmp_path, fresh_model, monkeypatch):
    path = tmp_path / "model.keras"
    save_model(fresh_model, path)
    before = path.read_bytes()

    def fail(self, target):
        target.write_bytes(b"half a file")
        raise OSError("No space left on device")

    monkeypatch.setattr(keras_igpt.ImageGPT, "save", fail)
    with pytest.raises(OSError, match="No space"):
        save_model(fresh_model, path)
    assert path.read_bytes() == before


def test_save_json_reads_back(tmp_path):
    save_json(tmp_path / "a.json", {"wörter": [1, 2]})
    content = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert content == {"wörter": [1, 2]}


# === Before the work ===


def test_what_can_be_written_is_left_as_it_was(tmp_path):
    atomic_files.check_output_file("--out", tmp_path / "a" / "b.PNG", ".png")
    atomic_files.check_output_file("--out", None, ".png")
    assert not list(tmp_path.iterdir())


def test_other_suffix_is_told():
    with pytest.raises(ValueError, match=r"ends in .png.*'a.jpg'"):
        atomic_files.check_output_file("--out", "a.jpg", ".png")


def test_folder_below_a_file_is_told(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match="`--out` must be a folder that can be"):
        atomic_files.check_writable("--out", tmp_path / "a" / "b")


# === What killed processes leave ===


def dead_process():
    """Number of a process that has ended."""
    program = "import os; print(os.getpid())"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    return int(ended.stdout)


def test_leftovers_of_the_same_file_are_cleared(tmp_path):
    number = dead_process()
    mine, other = (tmp_path / f".{x}.{number}.json" for x in ("a", "b"))
    mine.touch()
    other.touch()
    atomic_files.save_json(tmp_path / "a.json", 1)
    assert not mine.exists() and other.exists()


def test_leftovers_of_all_files_and_folders_are_cleared(tmp_path):
    number = dead_process()
    (tmp_path / f".a.{number}.json").touch()
    (tmp_path / f".b.{number}").mkdir()
    atomic_files.clear_temporaries(tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_of_living_processes_and_of_others_stay(tmp_path):
    names = [f".a.{os.getppid()}.json", ".config", ".a.json", "a.1.json"]
    for name in names:
        (tmp_path / name).touch()
    atomic_files.clear_temporaries(tmp_path)
    assert sorted(x.name for x in tmp_path.iterdir()) == sorted(names)


def test_what_is_beside_a_model_can_be_read(fresh_model, tmp_path):
    atomic_files.save_model(fresh_model, tmp_path / "a.keras", {"b.json": [1]})
    with zipfile.ZipFile(tmp_path / "a.keras") as file:
        assert json.loads(file.read("b.json")) == [1]
    keras.saving.load_model(tmp_path / "a.keras")
