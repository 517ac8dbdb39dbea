"""Tests of files here, and of those that only Beam's file systems reach."""

import os
import pathlib

import numpy as np
import pytest
from apache_beam.io.filesystem import FileMetadata, FileSystem
from PIL import Image

import keras_igpt
from keras_igpt import data
from keras_igpt.data.shards import places


class Bucket(FileSystem):
    """`bucket://…`: files without folders, as cloud storage has them.

    They lie in `root`, under names in which "/" is "|".
    """

    root = None

    @classmethod
    def scheme(cls):
        return "bucket"

    def _place(self, path):
        name = path.removeprefix("bucket://").replace("/", "|")
        return os.path.join(self.root, name)

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        return path.rpartition("/")[::2]

    def mkdirs(self, path):
        raise OSError("there are no folders")

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path in pathlib.Path(self.root).iterdir():
            name = "bucket://" + path.name.replace("|", "/")
            if name.startswith(dir_or_prefix):
                yield self.metadata(name)

    def create(self, path, mime_type=None, compression_type=None):
        return open(self._place(path), "wb")

    def open(self, path, mime_type=None, compression_type=None):
        return open(self._place(path), "rb")

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names):
            os.rename(self._place(source), self._place(target))

    def exists(self, path):
        return os.path.exists(self._place(path))

    def size(self, path):
        return os.path.getsize(self._place(path))

    def last_updated(self, path):
        return os.path.getmtime(self._place(path))

    def checksum(self, path):
        return str(self.size(path))

    def metadata(self, path):
        return FileMetadata(path, self.size(path), self.last_updated(path))

    def delete(self, paths):
        for path in paths:
            if path.endswith("/"):
                self.delete([item.path for item in self._list(path)])
            else:
                os.remove(self._place(path))


@pytest.fixture(params=["here", "bucket"])
def folder(request, tmp_path, monkeypatch):
    """A folder of this machine, and one of another."""
    (tmp_path / "root").mkdir()
    monkeypatch.setattr(Bucket, "root", str(tmp_path / "root"))
    return "bucket://b/c" if request.param == "bucket" else str(tmp_path / "c")


def test_json_is_read_as_it_was_written(folder):
    path = places.join(folder, "d", "x.json")
    assert not places.is_file(path)
    places.write_json(path, {"a": ["ü", "\udcff"]})
    assert places.is_file(path)
    assert places.read_json(path) == {"a": ["ü", "\udcff"]}


def test_files_are_listed_with_their_sizes(folder):
    assert places.list_files(folder) == {}
    assert places.list_names(folder) == set()
    for name in ("b", "a", "d/e"):
        with places.new_file(places.join(folder, name)) as path:
            pathlib.Path(path).write_bytes(name.encode())
    assert places.list_files(folder) == {"a": 1, "b": 1, "d/e": 3}
    assert {"a", "b"} <= places.list_names(folder) <= {"a", "b", "d"}


def test_failed_file_is_absent(folder):
    with pytest.raises(RuntimeError):
        with places.new_file(places.join(folder, "a")) as path:
            pathlib.Path(path).write_bytes(b"half")
            raise RuntimeError
    assert places.list_files(folder) == {}


def test_file_is_replaced(folder):
    for content in (1, 2):
        places.write_json(places.join(folder, "a"), content)
    assert places.read_json(places.join(folder, "a")) == 2


def test_folder_is_removed(folder):
    places.write_json(places.join(folder, "a", "b"), 1)
    places.write_json(places.join(folder, "c"), 1)
    places.remove_folder(places.join(folder, "a"))
    assert list(places.list_files(folder)) == ["c"]
    places.remove_folder(places.join(folder, "a"))


def test_half_of_a_file_is_cleared_away(folder):
    half = ".a.0123.999999999" if "://" not in folder else "a.0123.part"
    places.write_json(places.join(folder, half), 1)
    places.write_json(places.join(folder, "b"), 1)
    places.clear(folder)
    assert list(places.list_files(folder)) == ["b"]


def test_remote_folder_makes_the_same_shards(tmp_path, monkeypatch):
    (tmp_path / "root").mkdir()
    monkeypatch.setattr(Bucket, "root", str(tmp_path / "root"))
    generator = np.random.default_rng(0)
    names = [
        f"{split}/{i}.png" for split in ("train", "test") for i in range(9)
    ]
    table = "file_name,text\n" + "\n".join(f"{n},no. {n}" for n in names)
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (5, 5, 3), dtype="uint8")
        Image.fromarray(pixels).save(tmp_path / "in" / name)
        with places.new_file(f"bucket://b/in/{name}") as copy:
            Image.fromarray(pixels).save(copy, "PNG")
    (tmp_path / "in" / "metadata.csv").write_text(table)
    with places.new_file("bucket://b/in/metadata.csv") as copy:
        pathlib.Path(copy).write_text(table)
    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 5, channels=1)
    asked = {"workers": 1, "rows_per_shard": 4}
    here = data.tokenize(tmp_path / "in", tokenizer, tmp_path / "out", **asked)
    far = data.tokenize("bucket://b/in", tokenizer, "bucket://b/out", **asked)
    assert far.splits == here.splits
    files = places.list_files("bucket://b/out")
    assert set(files) == {path.name for path in (tmp_path / "out").iterdir()}
    for name in files:
        if "array_record" in name:
            with places.local_copy(f"bucket://b/out/{name}") as copy:
                content = pathlib.Path(copy).read_bytes()
            assert content == (tmp_path / "out" / name).read_bytes()
    again = data.tokenize("bucket://b/in", tokenizer, "bucket://b/out", **asked)
    assert again == far
