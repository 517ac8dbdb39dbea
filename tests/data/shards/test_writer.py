"""Tests of shards that are written: files, TFDS, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_igpt.data.shards.manifest import describe, read_manifest
from keras_igpt.data.shards.reader import ShardReader
from keras_igpt.data.shards.writer import write_shards


def contents(folder):
    """Bytes of all files by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_have_a_fixed_number_of_rows(written):
    assert read_manifest(written).splits["train"].shard_rows == (5, 5, 5, 5, 3)


def test_nothing_else_lies_in_the_folder(written):
    names = read_manifest(written).files("train")
    names += ["manifest.json", "features.json", "dataset_info.json"]
    assert set(contents(written)) == {*names, "label.labels.txt"}


def test_same_rows_make_the_same_bytes(written, rows, manifest, tmp_path):
    write_shards(tmp_path, "train", iter(rows), manifest)
    assert contents(tmp_path) == contents(written)


def test_tfds_opens_the_folder(written, rows):
    builder = tfds.builder_from_directory(written)
    source = builder.as_data_source("train")
    assert len(source) == len(rows)
    for i in (22, 0, 7, 5):  # by random access
        found = source[i]
        np.testing.assert_array_equal(found["tokens"], rows[i]["tokens"])
        np.testing.assert_array_equal(found["image"], rows[i]["image"])
        assert found["label"] == rows[i]["label"]
        assert found["text"].decode() == rows[i]["text"]


def test_tfds_knows_the_classes(written):
    info = tfds.builder_from_directory(written).info
    assert info.features["label"].names == ["cat", "dog", "owl"]
    assert info.splits["train"].num_examples == 23


def test_second_split_joins_the_first(rows, manifest, tmp_path):
    write_shards(tmp_path, "train", rows, manifest)
    write_shards(tmp_path, "test", rows[:2], manifest)
    assert len(ShardReader(tmp_path, "train")) == 23
    assert len(ShardReader(tmp_path, "test")) == 2
    assert set(tfds.builder_from_directory(tmp_path).info.splits) == {
        "train",
        "test",
    }


def test_split_is_not_written_twice(rows, manifest, tmp_path):
    write_shards(tmp_path, "train", rows[:3], manifest)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="must be new, or have other splits"):
        write_shards(tmp_path, "train", rows, manifest)
    assert contents(tmp_path) == before


def test_tokens_of_two_tokenizers_are_not_mixed(rows, manifest, tmp_path):
    write_shards(tmp_path, "train", rows, manifest)
    other = dataclasses.replace(manifest, tokenizer_fingerprint="sha256:0")
    with pytest.raises(ValueError, match="different are .'tokenizer_finger"):
        write_shards(tmp_path, "test", rows, other)


@pytest.mark.parametrize(
    "change,words",
    [
        ({"tokens": np.zeros(15, "int32")}, "must be 16 whole numbers"),
        ({"tokens": np.zeros(16)}, "dtype=float64"),
        ({"tokens": np.full(16, 300)}, "from 0 to 299"),
        ({"tokens": np.full(16, -1)}, "from 0 to 299"),
    ],
)
def test_tokens_that_cannot_be_are_refused(
    rows, manifest, tmp_path, change, words
):
    with pytest.raises(ValueError, match=words):
        write_shards(tmp_path, "train", [{**rows[0], **change}], manifest)
    assert not list(tmp_path.iterdir())


def test_missing_column_is_named(rows, manifest, tmp_path):
    row = {"tokens": rows[0]["tokens"]}
    with pytest.raises(ValueError, match="a row without .'label', 'text'"):
        write_shards(tmp_path, "train", [row], manifest)


def test_no_rows_are_refused(manifest, tmp_path):
    with pytest.raises(ValueError, match="must be at least one"):
        write_shards(tmp_path, "train", [], manifest)


def test_rows_need_no_more_than_tokens(tokenizer, tmp_path):
    row = {"tokens": np.arange(16)}
    write_shards(tmp_path, "train", [row], describe(tokenizer))
    found = ShardReader(tmp_path).read(np.array([0]))
    assert set(found) == {"tokens"}
