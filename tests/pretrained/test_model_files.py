"""Tests of model files that are damaged, foreign, or say to be larger."""

import io
import json
import pathlib
import random
import time
import zipfile

import h5py
import numpy as np
import pytest
from small_models import make_model

import keras_igpt
from keras_igpt.pretrained import model_files

SAVED = pathlib.Path(__file__).parents[1] / "golden" / "saved"


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """What a small model's file holds, by name."""
    path = tmp_path_factory.mktemp("whole") / "model.keras"
    make_model(text_length=6).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def refused(tmp_path, parts):
    """A function that loads changed parts, and returns what is said."""

    def load(changes, compression=zipfile.ZIP_STORED):
        path = tmp_path / "strange.keras"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in (parts | changes).items():
                archive.writestr(name, content)
        with pytest.raises(ValueError, match="strange.keras") as caught:
            keras_igpt.load(path)
        return str(caught.value)

    return load


def changed(parts, part=(), **values):
    """The configuration with other values, in a part of it."""
    config = json.loads(parts["config.json"])
    inner = config["config"]
    for name in part:
        inner = inner[name]
    inner.update(values)
    return {"config.json": json.dumps(config)}


@pytest.mark.parametrize("path", sorted(SAVED.glob("*.keras")), ids=str)
def test_earlier_files_pass(path):
    model_files.check_model_file(path)


@pytest.mark.parametrize(
    "name",
    ["num_layers", "hidden_dim", "num_classes", "text_length", "inner_dim"],
)
def test_sizes_beyond_the_weights_are_refused(refused, parts, name):
    begin = time.monotonic()
    said = refused(changed(parts, **{name: 2**40}))
    assert "weights of the model" in said
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "values", [{"image_size": [2**14, 2**14]}, {"num_colors": 2**40}], ids=str
)
def test_tokenizers_beyond_the_weights_are_refused(refused, parts, values):
    said = refused(changed(parts, ("tokenizer", "config"), **values))
    assert "weights of the model" in said


@pytest.mark.parametrize("value", ["2", 1.5, [2], -1, True])
def test_sizes_that_are_no_numbers_are_refused(refused, parts, value):
    assert "num_layers" in refused(changed(parts, num_layers=value))


def test_layers_that_run_programs_are_refused(refused, parts):
    tokenizer = {"module": "keras.layers", "class_name": "Lambda", "config": {}}
    said = refused(changed(parts, tokenizer=tokenizer))
    assert "'Lambda' of keras.layers" in said


def test_weights_that_unpack_to_more_are_refused(refused):
    blanks = {model_files.WEIGHTS: bytes(2**25)}
    said = refused(blanks, zipfile.ZIP_DEFLATED)
    assert "must unpack to" in said


def test_configurations_that_unpack_to_more_are_refused(refused):
    blanks = {model_files.CONFIG: b" " * (model_files.MAX_CONFIG + 1)}
    assert "must unpack to" in refused(blanks, zipfile.ZIP_DEFLATED)


def test_deep_configurations_are_refused(refused):
    assert "must be JSON" in refused({model_files.CONFIG: b"[" * 10**5})


def weights(write):
    """A weights' file that a function writes into."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        write(file)
    return {model_files.WEIGHTS: content.getvalue()}


@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.create_dataset("a", (2**30,), "f4"),
        lambda file: file.create_dataset("a", (2**30,), "f4", chunks=(2**20,)),
        lambda file: file.update({"a": h5py.ExternalLink("/etc/hosts", "b")}),
        lambda file: file.update({"a": h5py.SoftLink("/")}),
        lambda file: file.create_group("a").update({"b": file}),
    ],
    ids=["never written", "in chunks", "external", "soft", "circle"],
)
def test_weights_that_are_not_there_are_refused(refused, write):
    assert "Its weights must be" in refused(weights(write))


def test_cut_files_are_named(tmp_path):
    content = (SAVED / "grey.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cut.keras, which is damaged"):
        keras_igpt.load(tmp_path / "cut.keras")


def test_missing_files_are_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        keras_igpt.load(tmp_path / "none.keras")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_mutated_files_load_or_are_refused(tmp_path, parts, seed):
    chance = random.Random(seed)
    path = tmp_path / "mutated.keras"
    for _ in range(50):
        changes = dict(parts)
        name = chance.choice([model_files.CONFIG, model_files.WEIGHTS])
        content = bytearray(changes[name])
        for _ in range(chance.choice([1, 1, 4, 30])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        changes[name] = bytes(content[: chance.choice([None, None, -7])])
        with zipfile.ZipFile(path, "w") as archive:
            for part, data in changes.items():
                archive.writestr(part, data)
        if chance.random() < 0.3:
            whole = bytearray(path.read_bytes())
            whole[-chance.randrange(1, 300)] = chance.randrange(256)
            path.write_bytes(whole)
        begin = time.monotonic()
        try:
            assert np.isfinite(keras_igpt.load(path).count_params())
        except (ValueError, OSError) as error:
            assert "mutated.keras" in str(error)
        assert time.monotonic() - begin < 20


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_weights_are_looked_through_without_beginning_anew(
    tmp_path, parts, how, monkeypatch
):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)

    def seek(*args):
        raise AssertionError("This reads all that is before the place.")

    monkeypatch.setattr(zipfile.ZipExtFile, "seek", seek)
    model_files.check_model_file(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_parts_of_archives_are_read_here_and_there(tmp_path, how):
    content = bytes(range(200))
    with zipfile.ZipFile(tmp_path / "parts.zip", "w", how) as archive:
        archive.writestr("before", b"something")
        archive.writestr("part", content)
        archive.writestr("behind", b"something")
    with zipfile.ZipFile(tmp_path / "parts.zip") as archive:
        with model_files._seekable(archive, "part") as file:
            assert file.read() == content
            assert file.seek(-10, io.SEEK_END) == 190
            assert file.read(20) == content[190:]
            file.seek(5)
            file.seek(2, io.SEEK_CUR)
            assert file.read(3) == content[7:10]
            assert file.seek(300) == 300 and file.read() == b""
