"""Tests of shards as a data set."""

import dataclasses
import shutil

import numpy as np
import pytest

import keras_igpt
from keras_igpt import data
from keras_igpt.data.batches import check_tokenizer, some_of
from keras_igpt.data.shards.dataset import TokenDataset, is_shards
from keras_igpt.data.shards.manifest import read_manifest, save
from keras_igpt.data.shards.reader import ShardReader
from keras_igpt.data.shards.writer import write_shards


@pytest.fixture
def dataset(written):
    return data.load(written)


def texts(dataset):
    return data.arrays(dataset)["text"].tolist()


def test_shards_are_loaded_with_what_is_known_of_them(dataset, rows):
    assert dataset.class_names == ["cat", "dog", "owl"]
    assert dataset.image_shape == (4, 4, 1)
    assert data.num_images(dataset) == len(dataset) == len(rows)


def test_rows_are_those_that_were_written(dataset, rows):
    numbers = np.array([17, 2, 2])
    found = dataset.read(numbers)
    for i, number in enumerate(numbers):
        for name in ("tokens", "label", "text", "group", "image"):
            np.testing.assert_array_equal(found[name][i], rows[number][name])


def test_batches_walk_over_all_rows(dataset, rows):
    batches = list(data.batches(dataset, 10))
    assert [len(batch["label"]) for batch in batches] == [10, 10, 3]
    assert texts(dataset) == [row["text"] for row in rows]


def test_images_are_left_out_where_they_are_not_needed(dataset):
    without = dataset.without_images()
    assert "image" not in without.read(np.arange(3))
    assert "image" not in without.columns and "image" in dataset.columns


def test_some_rows_are_taken(dataset, rows):
    assert texts(dataset.take(4)) == [row["text"] for row in rows[:4]]
    some = texts(some_of(dataset, 5))
    assert len(some) == len(set(some)) == 5
    assert some == texts(some_of(dataset, 5))


def test_rows_that_were_set_aside_are_not_learned(written, rows, tmp_path):
    folder = shutil.copytree(written, tmp_path / "shards")
    manifest = read_manifest(folder)
    aside = (0, 3, 4, 11, 22)
    save(dataclasses.replace(manifest, held_out=aside), folder)
    train, held_out = data.load(folder).parts()
    expected = [rows[i]["text"] for i in aside]
    assert texts(held_out) == expected
    assert texts(train) == [
        row["text"] for row in rows if row["text"] not in expected
    ]


def test_a_split_for_validation_is_taken(written, rows, manifest, tmp_path):
    folder = shutil.copytree(written, tmp_path / "shards")
    write_shards(folder, "validation", rows[:6], read_manifest(folder))
    train, held_out = data.load(folder).parts()
    assert len(train) == len(rows)
    assert texts(held_out) == [row["text"] for row in rows[:6]]


def test_images_of_another_size_are_named(rows, manifest, tmp_path):
    content = np.zeros((5, 4, 1), "uint8")
    write_shards(tmp_path, "train", [{**rows[0], "image": content}], manifest)
    with pytest.raises(ValueError, match="must have the width and height"):
        data.load(tmp_path).read(np.arange(1))


# === What is refused ===


@pytest.mark.parametrize("wrong", [{"image_size": 5}, {"channels": 3}], ids=str)
def test_another_size_than_that_of_the_shards_is_refused(written, wrong):
    with pytest.raises(ValueError, match="images that were tokenised"):
        data.load(written, **wrong)


def test_split_must_have_been_written(written):
    with pytest.raises(ValueError, match="one of \\['train'\\]"):
        data.load(written, "test")


def test_its_own_tokenizer_is_all_right(dataset, tokenizer):
    check_tokenizer(dataset, tokenizer)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (keras_igpt.PaletteTokenizer((4, 4), 299, channels=1), "own tokenizer"),
        (keras_igpt.PaletteTokenizer((8, 4), 300, channels=1), "model's shape"),
    ],
)
def test_another_tokenizer_is_refused(dataset, other, message):
    with pytest.raises(ValueError, match=message):
        check_tokenizer(dataset, other)


def test_a_missing_column_is_named(dataset):
    with pytest.raises(ValueError, match="without \\['source'\\]"):
        dataset.check_columns(["image", "source"])


def test_a_folder_of_images_may_have_a_manifest_of_its_own(picture_folder):
    (picture_folder / "manifest.json").write_text('{"start_url": "/"}')
    assert not is_shards(picture_folder)
    assert data.load(picture_folder).class_names == ["cat", "dog"]


def test_a_million_rows_are_not_listed(written):
    """Which rows there are is computed, but for those that were chosen."""

    class Many(ShardReader):
        def __len__(self):
            return 10**12

    dataset = TokenDataset(Many(written), left_out=np.array([3, 5]))
    assert len(dataset) == 10**12 - 2
    numbers = dataset._numbers(np.array([0, 3, 4, 10**11]))
    assert numbers.tolist() == [0, 4, 6, 10**11 + 2]
    assert len(dataset.sample(10)) == 10
