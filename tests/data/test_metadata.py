"""Tests of tables in folders, wherever they are and however written."""

import json

import pytest
from small_models import read_all, save_picture

from keras_igpt import data
from keras_igpt.edits.edit_set import EditSet


@pytest.fixture
def images(tmp_path):
    """Three images in `train/` and `test/`, all different."""
    for row, name in enumerate(("train/a", "train/b", "test/c")):
        save_picture(tmp_path / f"{name}.png", (row, 0, 0))
    return tmp_path


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def captions(folder, split="all"):
    examples = read_all(data.load(folder, split))
    return sorted(example["text"].decode() for example in examples)


# Where tables are


def test_table_above_splits_is_read(images):
    rows = ("train/a.png,ah", "train/b.png,bee", "test/c.png,sea")
    write(images / "metadata.csv", "file_name,text", *rows)
    assert captions(images, "train") == ["ah", "bee"]
    assert captions(images, "test") == ["sea"]


def test_table_above_classes_of_splits_keeps_them(tmp_path):
    for row, name in enumerate(("cat", "dog")):
        save_picture(tmp_path / "train" / name / "a.png", (row, 0, 0))
    write(
        tmp_path / "metadata.csv",
        "file_name,text",
        "train/cat/a.png,mew",
        "train/dog/a.png,wow",
    )
    dataset = data.load(tmp_path, "train")
    assert dataset.class_names == ["cat", "dog"]
    assert {(e["label"], e["text"]) for e in read_all(dataset)} == {
        (0, b"mew"),
        (1, b"wow"),
    }


def test_tables_inside_classes_are_read(tmp_path):
    for row, name in enumerate(("cat", "dog")):
        save_picture(tmp_path / name / "a.png", (row, 0, 0))
        write(
            tmp_path / name / "metadata.csv", "file_name,text", f"a.png,{row}"
        )
    dataset = data.load(tmp_path, "all")
    assert dataset.class_names == ["cat", "dog"]
    assert {(e["label"], e["text"]) for e in read_all(dataset)} == {
        (0, b"0"),
        (1, b"1"),
    }


def test_rows_of_the_nearest_table_count(images):
    rows = ("train/a.png,far", "train/b.png,far", "test/c.png,far")
    write(images / "metadata.csv", "file_name,text", *rows)
    write(images / "train" / "metadata.csv", "file_name,text", "a.png,near")
    with pytest.warns(UserWarning, match="of 1 images only the rows in train"):
        assert captions(images) == ["far", "far", "near"]


def test_second_table_of_a_folder_is_reported(tmp_path):
    save_picture(tmp_path / "a.png")
    write(tmp_path / "metadata.csv", "file_name,text", "a.png,one")
    write(tmp_path / "metadata.jsonl", '{"file_name": "a.png", "text": "two"}')
    with pytest.warns(UserWarning, match=r"metadata.csv is\. All"):
        assert captions(tmp_path) == ["one"]


@pytest.mark.parametrize("name", ["metadata.json", "Metadata.CSV"])
def test_table_of_another_kind_is_reported(tmp_path, name):
    save_picture(tmp_path / "a.png")
    write(tmp_path / name, "[]")
    with pytest.warns(UserWarning, match="no table that is read"):
        read_all(data.load(tmp_path, "all"))


def test_table_of_something_else_in_a_class_is_named(picture_folder):
    write(picture_folder / "cat" / "metadata.csv", "id,size", "1,2")
    with pytest.raises(ValueError, match="must have the column `file_name`"):
        data.load(picture_folder, "all")


# What tables say


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("name", ["metadata.csv", "metadata.tsv"])
def test_other_delimiters_are_read(tmp_path, delimiter, name):
    save_picture(tmp_path / "a.png")
    rows = (("file_name", "text"), ("a.png", "red, green"))
    write(tmp_path / name, *map(delimiter.join, rows))
    assert captions(tmp_path) == ["red, green"]


def test_files_without_row_are_reported(images):
    write(images / "metadata.csv", "file_name,text", "train/a.png,ah")
    dataset = data.load(images, "train")
    with pytest.warns(UserWarning, match="Skipped 1 of 2.*no row in metadata"):
        assert len(read_all(dataset)) == 1
    assert dataset.skipped[0][0].endswith("b.png")


def test_split_without_rows_names_what_is_left_out(images):
    write(images / "metadata.csv", "file_name,text", "train/a.png,ah")
    with pytest.raises(ValueError, match="no row in metadata.csv"):
        data.load(images, "test")


def test_several_captions_of_a_file_are_several_examples(tmp_path):
    save_picture(tmp_path / "a.png")
    rows = ("a.png,one", "a.png,two")
    write(tmp_path / "metadata.csv", "file_name,text", *rows)
    assert captions(tmp_path) == ["one", "two"]


def test_columns_of_no_use_are_reported(tmp_path):
    save_picture(tmp_path / "a.png")
    header = "file_name,label,caption"
    write(tmp_path / "metadata.csv", header, "a.png,cat,a cat")
    with pytest.warns(UserWarning, match="has the columns caption"):
        read_all(data.load(tmp_path, "all"))


def test_two_columns_of_one_name_are_named(tmp_path):
    save_picture(tmp_path / "a.png")
    write(tmp_path / "metadata.csv", "file_name,text,text", "a.png,one,two")
    with pytest.raises(ValueError, match="two columns have one name"):
        data.load(tmp_path, "all")


def test_classes_beside_a_table_without_labels_are_reported(picture_folder):
    rows = (f"{name}/{i}.png,x" for name in ("cat", "dog") for i in range(10))
    write(picture_folder / "metadata.csv", "file_name,text", *rows)
    with pytest.warns(UserWarning, match="the 2 subfolders are no classes"):
        assert captions(picture_folder) == ["x"] * 20


def test_images_without_caption_are_counted(tmp_path):
    for row, name in enumerate(("cat", "dog")):
        save_picture(tmp_path / name / "a.png", (row, 0, 0))
    write(tmp_path / "cat" / "metadata.csv", "file_name,text", "a.png,mew")
    with pytest.warns(UserWarning, match="1 images have no caption"):
        assert captions(tmp_path) == ["", "mew"]


def test_notes_are_said_once(tmp_path):
    save_picture(tmp_path / "a.png")
    write(tmp_path / "metadata.csv", "file_name,text,other", "a.png,x,y")
    dataset = data.load(tmp_path, "all")
    with pytest.warns(UserWarning) as caught:
        read_all(dataset)
        read_all(dataset)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"file_name": "a.png", "text": "\ud800"},
        {"file_name": "a.png", "text": "one\0two"},
        {"file_name": "a.png", "label": "\udfff"},
        {"file_name": "a\0.png", "text": "x"},
        {"file_name": "a.png", "label": True},
        {"file_name": "a.png", "label": 1.5},
        {"file_name": "a.png", "text": "x", "group": [1]},
        {"file_name": "a.png", "text": "x", "source_file_name": 3},
    ],
)
def test_odd_cells_are_named_by_row(tmp_path, row):
    save_picture(tmp_path / "a.png")
    write(tmp_path / "metadata.jsonl", json.dumps(row))
    with pytest.raises(ValueError, match="metadata.*row 1"):
        data.load(tmp_path, "all")


@pytest.mark.parametrize("label", ["9" * 5000, "123456"])
def test_long_numbers_as_labels_are_named(tmp_path, label):
    save_picture(tmp_path / "a.png")
    write(tmp_path / "metadata.csv", "file_name,label", f"a.png,{label}")
    with pytest.raises(ValueError, match="`label` of metadata must be"):
        data.load(tmp_path, "all")


# Pairs


@pytest.fixture
def mixed(tmp_path):
    """A table of a pair and of an image without another."""
    for row, name in enumerate(("a", "b", "from/a")):
        save_picture(tmp_path / f"{name}.png", (row + 1, 0, 0))
    write(
        tmp_path / "metadata.csv",
        "file_name,text,source_file_name,style",
        "a.png,pair,from/a.png,red",
        "b.png,plain,,",
    )
    return tmp_path


def test_rows_without_source_are_plain_images(mixed):
    paired = {
        example["text"]: (example["paired"], example["source"].max())
        for example in read_all(data.load(mixed, "all"))
    }
    assert paired == {b"pair": (True, 3), b"plain": (False, 0)}


def test_plain_images_train_no_restyle(mixed):
    edits = EditSet(["restyle/red"], (6, 8, 3))
    whole = data.arrays(data.load(mixed, "all"))
    numbers = dict(zip(whole["text"], edits.column("pair", whole)))
    assert numbers == {"pair": 1, "plain": 0}


def test_pair_without_style_is_named(tmp_path):
    save_picture(tmp_path / "a.png")
    header = "file_name,source_file_name,style"
    write(tmp_path / "metadata.csv", header, "a.png,a.png,")
    with pytest.raises(ValueError, match="pairs their style"):
        data.load(tmp_path, "all")
