"""Tests of rows read by number, and of damaged shards."""

import dataclasses
import io
import pickle
import threading
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from keras_igpt.data.shards import manifest as manifests
from keras_igpt.data.shards import reader as readers
from keras_igpt.data.shards.manifest import Split, describe
from keras_igpt.data.shards.reader import ShardReader
from keras_igpt.data.shards.writer import write_shards

ORDER = np.array([22, 0, 7, 7, 21, 4, 5, 0])


def test_length_is_that_of_all_shards(written):
    assert len(ShardReader(written)) == 23


def test_tokens_come_in_the_order_asked_for(written, rows):
    tokens = ShardReader(written).read(ORDER)["tokens"]
    np.testing.assert_array_equal(tokens, [rows[i]["tokens"] for i in ORDER])
    assert tokens.dtype == np.uint16


def test_labels_are_int64(written, rows):
    labels = ShardReader(written).read(ORDER)["label"]
    np.testing.assert_array_equal(labels, [rows[i]["label"] for i in ORDER])
    assert labels.dtype == np.int64


@pytest.mark.parametrize("column", ["text", "group"])
def test_texts_are_str(written, rows, column):
    texts = ShardReader(written).read(ORDER)[column]
    assert texts == [rows[i][column] for i in ORDER]


def test_images_are_png_without_loss(written, rows):
    files = ShardReader(written).read(ORDER)["image"]
    for i, file in zip(ORDER, files):
        with Image.open(io.BytesIO(file)) as image:
            assert image.format == "PNG"
            np.testing.assert_array_equal(image, rows[i]["image"][..., 0])


def test_no_rows_are_an_empty_batch(written):
    found = ShardReader(written).read(np.array([], np.int64))
    assert found["tokens"].shape == (0, 16)
    assert found["label"].shape == (0,)
    assert found["text"] == []


@pytest.mark.parametrize("row", [-1, 23])
def test_row_that_is_not_there_is_refused(written, row):
    with pytest.raises(IndexError, match="must be from 0 to 22"):
        ShardReader(written).read(np.array([0, row]))


@pytest.mark.parametrize("indices", [np.array([0.5]), np.array([[0]]), 3])
def test_indices_of_another_kind_are_refused(written, indices):
    with pytest.raises(ValueError, match="must be whole numbers of shape"):
        ShardReader(written).read(indices)


def test_unknown_split_is_named(written):
    with pytest.raises(ValueError, match=r"must be one of \['train'\]"):
        ShardReader(written, "test")


def test_files_are_opened_when_needed(written):
    reader = ShardReader(written)
    assert not reader._open
    reader.read(np.array([6, 7]))
    assert list(reader._open) == [1]


def test_few_files_are_open_at_once(written, rows, monkeypatch):
    monkeypatch.setattr(readers, "MAX_OPEN", 2)
    reader = ShardReader(written)
    tokens = reader.read(np.arange(23))["tokens"]
    np.testing.assert_array_equal(tokens, [row["tokens"] for row in rows])
    assert list(reader._open) == [3, 4]


def test_pickled_reader_reads(written, rows):
    reader = ShardReader(written)
    reader.read(np.array([0]))
    again = pickle.loads(pickle.dumps(reader))
    assert again.read(np.array([9]))["text"] == [rows[9]["text"]]


def test_threads_may_share_a_reader(written, rows, monkeypatch):
    monkeypatch.setattr(readers, "MAX_OPEN", 1)
    reader, wrong = ShardReader(written), []

    def read(seed):
        for row in np.random.default_rng(seed).integers(0, 23, 50):
            if reader.read(np.array([row]))["text"] != [rows[row]["text"]]:
                wrong.append(row)

    threads = [threading.Thread(target=read, args=[i]) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_million_rows_open_at_once(manifest, tmp_path):
    shards = Split((1000,) * 1000)
    manifests.save(
        dataclasses.replace(
            manifest, rows_per_shard=1000, splits={"train": shards}
        ),
        tmp_path,
    )
    tracemalloc.start()
    begin = time.perf_counter()
    assert len(ShardReader(tmp_path)) == 1_000_000
    seconds = time.perf_counter() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 2
    assert peak < 2_000_000  # bytes; an index of all rows would be 8 million


# === Damaged shards ===


@pytest.fixture
def damaged(rows, manifest, tmp_path):
    """Shards that a test may damage, and the path of their second file."""
    made = write_shards(tmp_path, "train", rows, manifest)
    return tmp_path / made.files("train")[1]


def test_missing_shard_is_named(damaged):
    damaged.unlink()
    reader = ShardReader(damaged.parent)
    reader.read(np.array([0]))
    with pytest.raises(ValueError, match="-00001-of-00005.*no such file"):
        reader.read(np.array([5]))


def test_shard_of_other_rows_is_refused(damaged, rows, manifest, tmp_path):
    other = tmp_path / "other"
    few = write_shards(other, "train", rows[:2], manifest)
    (other / few.files("train")[0]).replace(damaged)
    with pytest.raises(ValueError, match="it has 2 rows, not 5"):
        ShardReader(damaged.parent).read(np.array([5]))


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_are_an_error_or_a_row(damaged, seed):
    generator = np.random.default_rng(seed)
    content = bytearray(damaged.read_bytes())
    for place in generator.integers(0, len(content), 5):
        content[place] ^= int(generator.integers(1, 256))
    damaged.write_bytes(content[: generator.integers(1, len(content) + 1)])
    reader = ShardReader(damaged.parent)
    try:
        found = reader.read(np.arange(5, 10))
    except ValueError as error:
        assert "Write them anew" in str(error)
    else:
        assert found["tokens"].max() < 300


def test_tokens_of_a_larger_vocabulary_are_refused(damaged, manifest):
    found = manifests.read_manifest(damaged.parent)
    small = dataclasses.replace(found, vocabulary_size=257)
    manifests.save(small, damaged.parent)
    with pytest.raises(ValueError, match="from 0 to 256"):
        ShardReader(damaged.parent).read(np.arange(23))


def test_labels_without_a_class_are_refused(damaged, manifest):
    found = manifests.read_manifest(damaged.parent)
    few = dataclasses.replace(found, class_names=("cat", "dog"))
    manifests.save(few, damaged.parent)
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        ShardReader(damaged.parent).read(np.arange(23))


def test_read_is_a_function_of_the_rows_alone(tokenizer, tmp_path):
    rows = [{"tokens": np.full(16, i)} for i in range(40)]
    one = describe(tokenizer, rows_per_shard=40)
    many = describe(tokenizer, rows_per_shard=7)
    write_shards(tmp_path / "one", "train", rows, one)
    write_shards(tmp_path / "many", "train", rows, many)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(
        ShardReader(tmp_path / "one").read(order)["tokens"],
        ShardReader(tmp_path / "many").read(order)["tokens"],
    )
