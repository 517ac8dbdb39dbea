"""Tests of images found once and read by ranges."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from keras_igpt import data
from keras_igpt.data.football import scenes
from keras_igpt.data.shards.image_source import (
    open_images,
    read_files,
    read_named,
)

SHAPE = (6, 6, 3)


def read_all(source, split="train", shape=SHAPE):
    return list(read_files(source.files[split], shape))


def test_folder_has_the_splits_of_load(class_folder):
    source = open_images(str(class_folder), SHAPE)
    for split, count in source.rows.items():
        loaded = data.load(class_folder, split, image_size=6)
        assert count == len(list(loaded))
    assert set(source.rows) == {"train", "test"}


def test_files_are_read_as_load_reads_them(class_folder):
    found = read_all(open_images(str(class_folder), (4, 5, 1)), shape=(4, 5, 1))
    loaded = data.load(class_folder, image_size=(4, 5), channels=1)
    for (_, row), example in zip(
        found, loaded.as_numpy_iterator(), strict=True
    ):
        np.testing.assert_array_equal(row["image"], example["image"])
        assert row["label"] == example["label"]


def test_class_names_are_those_of_load(class_folder):
    source = open_images(str(class_folder), SHAPE)
    assert source.class_names == data.load(class_folder).class_names


def test_pairs_have_both_images(tmp_path):
    for i in range(12):
        Image.new("RGB", (6, 6), (i, 0, 0)).save(tmp_path / f"{i}.png")
        Image.new("RGB", (6, 6), (0, i, 0)).save(tmp_path / f"{i}o.png")
    lines = [f"{i}.png,{i}o.png,grass,{i // 3}" for i in range(11)]
    head = "file_name,source_file_name,style,group"
    table = "\n".join([head, *lines, "11.png,,,3"])
    (tmp_path / "metadata.csv").write_text(table)
    source = open_images(str(tmp_path), SHAPE)
    assert source.columns == {"source", "style", "group", "paired"}
    rows = {
        name: row
        for split in source.files
        for name, row in read_all(source, split)
    }
    assert (rows["7.png"]["image"][..., 0] == 7).all()
    assert (rows["7.png"]["source"][..., 1] == 7).all()
    assert rows["7.png"]["paired"] and rows["7.png"]["style"] == "grass"
    assert not rows["11.png"]["paired"] and not rows["11.png"]["source"].any()


def test_broken_file_is_a_reason(class_folder, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    Image.new("RGB", (6, 6)).save(tmp_path / "b.png")
    source = open_images([tmp_path / "a.png", tmp_path / "b.png"], SHAPE)
    found = dict(
        row for split in source.files for row in read_all(source, split)
    )
    assert found[str(tmp_path / "a.png")] == "not an image that Pillow can read"
    assert found[str(tmp_path / "b.png")]["image"].shape == SHAPE


def test_file_without_class_is_counted(class_folder, tmp_path):
    for name in ("cat/1.png", "dog/2.png", "3.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (6, 6), (len(name), 0, 0)).save(path)
    source = open_images(str(tmp_path), SHAPE)
    assert source.unusable == [("3.png", "not in the folder of a class")]
    assert sum(source.rows.values()) == 2


def test_list_may_be_a_text_file(tmp_path):
    paths = []
    for i in range(30):
        path = tmp_path / f"{i}.png"
        Image.new("RGB", (6, 6), (i, 0, 0)).save(path)
        paths.append(str(path))
    (tmp_path / "all.txt").write_text("\n".join(paths) + "\n\n")
    source = open_images(str(tmp_path / "all.txt"), SHAPE)
    assert source.files == open_images(paths, SHAPE).files
    assert sum(source.rows.values()) == 30


def test_copies_in_a_list_are_of_one_group(tmp_path):
    for i in range(20):
        Image.new("RGB", (6, 6), (i // 2, 0, 0)).save(tmp_path / f"{i}.png")
    source = open_images([tmp_path / f"{i}.png" for i in range(20)], SHAPE)
    groups = {}
    for split, rows in source.files.items():
        for row in rows:
            groups.setdefault(row["group"], set()).add(split)
    assert len(groups) == 10
    assert all(len(splits) == 1 for splits in groups.values())


@pytest.mark.parametrize("first,last", [(0, 1437), (100, 103), (1400, 1437)])
def test_range_of_digits_is_a_part_of_them(first, last):
    found = list(read_named("digits", "train", first, last, (8, 8, 1)))
    loaded = data.load("digits", channels=1).skip(first).take(last - first)
    assert [name for name, _ in found] == [
        f"train {i}" for i in range(first, last)
    ]
    for (_, row), example in zip(
        found, loaded.as_numpy_iterator(), strict=True
    ):
        np.testing.assert_array_equal(row["image"], example["image"])
        assert row["label"] == example["label"]


def test_digits_have_their_splits():
    source = open_images("digits", (8, 8, 1))
    assert source.rows == {"train": 1437, "test": 360}
    assert source.columns == {"label"}


def test_unknown_split_is_named():
    with pytest.raises(ValueError, match="`split` must be one of"):
        open_images("digits", (8, 8, 1), ["soup"])


def test_split_that_a_folder_lacks_is_named(class_folder):
    with pytest.raises(ValueError, match="`splits` must be among"):
        open_images(str(class_folder), SHAPE, ["validation"])


def test_missing_folder_is_named():
    with pytest.raises(ValueError, match="must be an existing folder"):
        open_images("no/such/folder", SHAPE)


def test_arrays_are_refused():
    with pytest.raises(ValueError, match="data of type ndarray"):
        open_images(np.zeros((2, 6, 6, 3), "uint8"), SHAPE)


def test_empty_list_is_refused(tmp_path):
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(ValueError, match="names none"):
        open_images(str(tmp_path / "none.txt"), SHAPE)


@pytest.fixture(scope="module")
def few_scenes(tmp_path_factory):
    """A folder of TFDS with a few football images."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("tfds"))
        patch.setattr(tfds.core.constants, "DATA_DIR", folder)
        counts = {"train": 6, "validation": 2, "test": 4}
        patch.setattr(scenes, "SPLITS", counts)
        yield


@pytest.mark.parametrize("name", ["football", "football/layout+twin"])
def test_ranges_of_a_tfds_data_set_are_all_of_it(few_scenes, name):
    shape = (32, 32, 3)
    source = open_images(name, shape)
    count = source.rows["train"]
    assert count == (12 if "+" in name else 6)
    assert list(source.rows) == ["train", "validation", "test"]
    edges = [0, 2, 5, count // 2 + 2, count]
    found = [
        row
        for first, last in zip(edges, edges[1:])
        for _, row in read_named(name, "train", first, last, shape)
    ]
    loaded = list(data.load(name, image_size=32).as_numpy_iterator())
    assert len(found) == len(loaded)
    for row, example in zip(found, loaded):
        np.testing.assert_array_equal(row["image"], example["image"])
        assert row["text"] == example["text"].decode()
        assert row.get("group") == (
            str(example["group"]) if "group" in example else None
        )
    assert source.columns == set(found[0]) - {"image"}
