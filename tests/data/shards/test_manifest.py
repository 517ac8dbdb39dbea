"""Tests of manifests: what they say, and what they refuse."""

import dataclasses
import json

import numpy as np
import pytest

from keras_igpt.data.shards import manifest as manifests
from keras_igpt.data.shards.manifest import Split, from_json, read_manifest


@pytest.fixture
def whole(manifest):
    """A manifest with splits."""
    return dataclasses.replace(
        manifest,
        splits={"train": Split((5, 5, 3)), "test": Split((2,))},
        held_out=(3, 12),
        num_rejected=1,
        rejected=(("a.png", "empty file"),),
    )


def test_saved_manifest_reads_as_it_was(whole, tmp_path):
    manifests.save(whole, tmp_path)
    assert read_manifest(tmp_path) == whole


@pytest.mark.parametrize(
    "count,dtype",
    [(2, "uint8"), (256, "uint8"), (257, "uint16"), (70_000, "uint32")],
)
def test_token_dtype_is_the_smallest(manifest, count, dtype):
    some = dataclasses.replace(manifest, vocabulary_size=count)
    assert some.token_dtype == np.dtype(dtype)


def test_cells_are_those_of_the_grid(manifest):
    assert manifest.num_cells == 16


def test_files_are_named_as_tfds_names_them(whole):
    assert whole.files("train") == [
        f"tokens-train.array_record-0000{i}-of-00003" for i in range(3)
    ]


CHANGES = {
    "no format": lambda c: c.pop("format"),
    "a later version": lambda c: c.update(version=2),
    "a name that leads elsewhere": lambda c: c.update(name="../x"),
    "a split that leads elsewhere": lambda c: c["splits"].update(
        {"../../x": {"shard_rows": [1]}}
    ),
    "a split of another kind": lambda c: c["splits"].update(train=[1]),
    "no splits": lambda c: c.pop("splits"),
    "rows below zero": lambda c: c["splits"]["train"].update(shard_rows=[-1]),
    "more rows than fit": lambda c: c["splits"]["train"].update(shard_rows=[6]),
    "shards without end": lambda c: c["splits"]["train"].update(
        shard_rows=[5] * (manifests.MAX_SHARDS + 1)
    ),
    "no tokens": lambda c: c.update(columns=["label"]),
    "an unknown column": lambda c: c.update(columns=["tokens", "soup"]),
    "a column twice": lambda c: c.update(columns=["tokens", "tokens"]),
    "a column that is no str": lambda c: c.update(columns=["tokens", {}]),
    "no vocabulary": lambda c: c.update(vocabulary_size=0),
    "a vocabulary of words": lambda c: c.update(vocabulary_size="many"),
    "an image without end": lambda c: c.update(image_size=[10**9, 4]),
    "a grid finer than pixels": lambda c: c.update(grid_size=[4, 5]),
    "a grid of one side": lambda c: c.update(grid_size=[4]),
    "two channels": lambda c: c.update(channels=2),
    "names that are numbers": lambda c: c.update(class_names=[1]),
    "held-out rows that are not there": lambda c: c.update(held_out=[13]),
    "held-out rows twice": lambda c: c.update(held_out=[3, 3]),
    "files without reason": lambda c: c.update(rejected=[["a.png"]]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_strange_manifest_is_refused(whole, change, tmp_path):
    content = json.loads(json.dumps(manifests.as_json(whole)))
    change(content)
    (tmp_path / manifests.FILE).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"manifest.json` must be .*Received"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "nul\0"])
def test_what_is_no_manifest_is_refused(text, tmp_path):
    (tmp_path / manifests.FILE).write_text(text)
    with pytest.raises(ValueError, match="Write the shards anew"):
        read_manifest(tmp_path)


def test_large_manifest_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(manifests, "MAX_BYTES", 10)
    (tmp_path / manifests.FILE).write_text(" " * 11)
    with pytest.raises(ValueError, match="more than 0 MiB"):
        read_manifest(tmp_path)


def test_folder_without_manifest_is_named(tmp_path):
    with pytest.raises(ValueError, match="must hold shards that are complete"):
        read_manifest(tmp_path)


def test_unknown_fields_are_left_out(whole):
    content = {**manifests.as_json(whole), "later": 1}
    assert from_json(content) == whole
