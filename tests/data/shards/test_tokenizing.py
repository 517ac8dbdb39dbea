"""Tests of `keras_igpt.data.tokenize`: images in, shards out."""

import io
import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import keras_igpt
from keras_igpt import data
from keras_igpt.data.shards import manifest as manifests
from keras_igpt.data.shards import work
from keras_igpt.data.shards.manifest import read_manifest
from keras_igpt.data.shards.reader import ShardReader
from keras_igpt.holding_out import shuffled_aside

NUM_IMAGES = 40


@pytest.fixture(scope="module")
def tokenizer():
    colors = np.random.default_rng(0).uniform(-1, 1, (16, 3))
    made = keras_igpt.PaletteTokenizer((6, 6), 16)
    made.set_palette(colors)
    return made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 40 images in groups of 4, with captions; one is broken."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    lines = ["file_name,text,label,group"]
    for i in range(NUM_IMAGES):
        pixels = generator.integers(0, 256, (7, 9, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / f"{i}.png")
        lines.append(f"{i}.png,number {i},{'even odd'.split()[i % 2]},{i // 4}")
    (root / "metadata.csv").write_text("\n".join(lines))
    (root / "5.png").write_bytes(b"not an image")
    return root


def tokenized(*args, **kwargs):
    """As `data.tokenize`, in this process; the broken file is reported."""
    kwargs = {"rows_per_shard": 6, "workers": 1, **kwargs}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("always", UserWarning)
        made = data.tokenize(*args, **kwargs)
    (report,) = [str(w.message) for w in seen]
    assert report.startswith("Left out 1 of 40 files: 5.png: not an image")
    return made


@pytest.fixture(scope="module")
def shards(pictures, tokenizer, tmp_path_factory):
    """Shards of these images, not to be changed by a test."""
    out = tmp_path_factory.mktemp("shards") / "of" / "pictures"
    tokenized(pictures, tokenizer, out)
    return out


def contents(folder):
    """Bytes of all files by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def read_whole(folder, split="train"):
    reader = ShardReader(folder, split)
    return reader.read(np.arange(len(reader)))


def test_digits_become_tokens(tmp_path):
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 17, channels=1)
    made = data.tokenize("digits", tokenizer, tmp_path, workers=1)
    assert {k: v.num_rows for k, v in made.splits.items()} == {
        "train": 1437,
        "test": 360,
    }
    images = data.arrays(data.load("digits", "test"))
    found = read_whole(tmp_path, "test")
    np.testing.assert_array_equal(
        found["tokens"], tokenizer.encode_all(images["image"])
    )
    np.testing.assert_array_equal(found["label"], images["label"])
    assert found["tokens"].dtype == np.uint8


def test_tokens_are_those_of_prepare(shards, pictures, tokenizer):
    model = keras_igpt.ImageGPT(
        tokenizer, num_layers=1, num_heads=1, hidden_dim=16
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the broken file
        batches = model.prepare(data.load(pictures, image_size=6))
    found = read_whole(shards)
    np.testing.assert_array_equal(found["tokens"], batches.inputs["tokens"])


def test_captions_labels_and_groups_come_along(shards, pictures):
    found, names = read_whole(shards), read_manifest(shards).class_names
    for text, label, group in zip(
        found["text"], found["label"], found["group"]
    ):
        number = int(text.removeprefix("number "))
        assert names[label] == ("even", "odd")[number % 2]
        assert group == str(number // 4)


def test_images_stay_as_lossless_files(shards, pictures, tokenizer):
    found = read_whole(shards)
    for text, file in zip(found["text"], found["image"]):
        path = pictures / f"{text.removeprefix('number ')}.png"
        wanted = data.read_image(path, (6, 6))
        np.testing.assert_array_equal(decoded(file), wanted)


def decoded(file):
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image)


def test_manifest_says_what_was_left_out(shards):
    manifest = read_manifest(shards)
    assert manifest.num_rejected == 1
    assert manifest.rejected == (
        ("5.png", "not an image that Pillow can read"),
    )


def test_shards_are_of_ranges_of_images(shards):
    manifest = read_manifest(shards)
    rows = manifest.splits["train"].shard_rows
    assert set(rows[:-1]) <= {5, 6}  # one of a range may be broken
    assert sum(map(len, (s.shard_rows for s in manifest.splits.values()))) >= 7


def test_groups_are_of_one_split(shards):
    train = set(read_whole(shards)["group"])
    assert not train & set(read_whole(shards, "test")["group"])


def test_held_out_rows_are_those_of_training(shards):
    manifest, groups = read_manifest(shards), read_whole(shards)["group"]
    count = len(groups)
    _, aside = shuffled_aside(count, max(1, count // 10), groups)
    assert manifest.held_out == tuple(sorted(aside.tolist()))
    inside = {groups[i] for i in manifest.held_out}
    assert not inside & {
        group for i, group in enumerate(groups) if i not in manifest.held_out
    }


def test_tfds_opens_the_folder(shards):
    builder = tfds.builder_from_directory(shards)
    source = builder.as_data_source("train")
    found = read_whole(shards)
    assert len(source) == len(found["tokens"])
    np.testing.assert_array_equal(source[9]["tokens"], found["tokens"][9])
    np.testing.assert_array_equal(
        source[9]["image"], decoded(found["image"][9])
    )


def test_nothing_else_is_left(shards):
    manifest = read_manifest(shards)
    files = {f for split in manifest.splits for f in manifest.files(split)}
    files |= {"manifest.json", "features.json", "dataset_info.json"}
    assert set(contents(shards)) == files | {"label.labels.txt"}


def test_second_run_does_nothing(shards, pictures, tokenizer):
    before = {p: p.stat().st_mtime_ns for p in shards.iterdir()}
    made = data.tokenize(
        pictures, tokenizer, shards, rows_per_shard=6, workers=1
    )
    assert made == read_manifest(shards)
    assert {p: p.stat().st_mtime_ns for p in shards.iterdir()} == before


def test_other_arguments_are_refused(shards, pictures, tokenizer):
    with pytest.raises(ValueError, match="different: rows_per_shard"):
        data.tokenize(pictures, tokenizer, shards, rows_per_shard=7, workers=1)


def test_other_tokenizer_is_refused(shards, pictures):
    other = keras_igpt.PaletteTokenizer((6, 6), 16)
    other.set_palette(np.eye(16, 3))
    with pytest.raises(ValueError, match="different: tokenizer_fingerprint"):
        data.tokenize(pictures, other, shards, rows_per_shard=6, workers=1)


def test_other_images_are_refused(shards, pictures, tokenizer, tmp_path):
    files = sorted(pictures.glob("1*.png"))
    data.tokenize(files, tokenizer, tmp_path, workers=1)
    with pytest.raises(ValueError, match="different: the images"):
        data.tokenize(files[1:], tokenizer, tmp_path, workers=1)


def test_without_images_there_are_tokens_alone(pictures, tokenizer, tmp_path):
    tokenized(pictures, tokenizer, tmp_path, images=False)
    assert read_manifest(tmp_path).columns == (
        *("tokens", "label", "text", "group"),
    )


@pytest.mark.slow
def test_several_processes_write_the_same(
    shards, pictures, tokenizer, tmp_path
):
    tokenized(pictures, tokenizer, tmp_path, workers=2)
    assert contents(tmp_path) == contents(shards)


def test_finished_shards_are_not_made_again(
    shards, pictures, tokenizer, tmp_path, monkeypatch
):
    begun, write = [], work.write_done

    def stop(out, split, shard, content):
        if len(begun) == 3:
            raise OSError("Stop: no space left on device")
        begun.append((split, shard))
        write(out, split, shard, content)

    monkeypatch.setattr(work, "write_done", stop)
    with pytest.raises(ChildProcessError, match="Received: .*Stop"):
        data.tokenize(
            pictures, tokenizer, tmp_path, rows_per_shard=6, workers=1
        )
    assert not (tmp_path / "manifest.json").exists()
    first, begun = begun, []

    def note(out, split, shard, content):
        begun.append((split, shard))
        write(out, split, shard, content)

    monkeypatch.setattr(work, "write_done", note)
    tokenized(pictures, tokenizer, tmp_path)
    assert not set(first) & set(begun)
    assert contents(tmp_path) == contents(shards)


def test_portable_runner_writes_the_same(shards, pictures, tokenizer, tmp_path):
    from apache_beam.runners.portability import local_job_service

    service = local_job_service.LocalJobServicer(str(tmp_path / "staging"))
    port = service.start_grpc_server()
    try:
        tokenized(
            pictures,
            tokenizer,
            tmp_path / "out",
            runner="PortableRunner",
            options=[
                f"--job_endpoint=localhost:{port}",
                "--environment_type=LOOPBACK",
            ],
        )
    finally:
        service.stop()
    assert contents(tmp_path / "out") == contents(shards)


# === Wrong arguments ===


@pytest.mark.parametrize(
    "change,words",
    [
        ({"rows_per_shard": 0}, "`rows_per_shard` must be a positive int"),
        ({"workers": 0}, "`workers` must be a positive int"),
        ({"name": "My pictures"}, "`name` must be small letters"),
        ({"splits": "train"}, "`splits` must be a list"),
        ({"splits": ["train[:9]"]}, "`splits` must be whole ones"),
        ({"splits": ["soup"]}, "`splits` must be among"),
        ({"options": ["--soup=1"]}, "must be Beam's.*Received: --soup=1"),
        ({"runner": "SoupRunner"}, "SoupRunner"),
    ],
)
def test_wrong_argument_is_named(pictures, tokenizer, tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        data.tokenize(pictures, tokenizer, tmp_path, **change)
    assert not list(tmp_path.iterdir())


def test_tokenizer_must_be_adapted(pictures, tmp_path):
    raw = keras_igpt.PaletteTokenizer((6, 6), 16)
    with pytest.raises(ValueError, match="that was never adapted"):
        data.tokenize(pictures, raw, tmp_path)


def test_tokenizer_must_be_one(pictures, tmp_path):
    with pytest.raises(ValueError, match="`tokenizer` must be a tokenizer"):
        data.tokenize(pictures, "palette", tmp_path)


def test_split_without_a_usable_image_is_named(tokenizer, tmp_path):
    root = tmp_path / "broken"
    root.mkdir()
    (root / "1.png").write_bytes(b"?")
    with pytest.raises(ValueError, match="at least one usable image"):
        data.tokenize(root, tokenizer, tmp_path / "out", workers=1)


HOLD = """
import sys
from keras_igpt.data.shards import tokenizing
with tokenizing._locked(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.readline()
"""


def test_too_many_shards_are_refused(
    pictures, tokenizer, tmp_path, monkeypatch
):
    monkeypatch.setattr(manifests, "MAX_SHARDS", 3)
    with pytest.raises(ValueError, match="`rows_per_shard` must be so large"):
        data.tokenize(pictures, tokenizer, tmp_path, rows_per_shard=6)


def test_two_processes_do_not_share_a_folder(pictures, tokenizer, tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError, match="no other process"):
            data.tokenize(pictures, tokenizer, tmp_path)
    finally:
        other.communicate(b"\n")


def test_json_of_a_plan_is_not_executed(shards, pictures, tokenizer, tmp_path):
    plan = tmp_path / ".tokenize" / "plan.json"
    plan.parent.mkdir()
    plan.write_text(json.dumps({"manifest": {"format": "another"}}))
    with pytest.raises(ValueError, match="no format"):
        data.tokenize(pictures, tokenizer, tmp_path, workers=1)
