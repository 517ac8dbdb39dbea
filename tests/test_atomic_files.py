"""Tests of files that are whole or absent."""

import json

import pytest

import keras_igpt
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
