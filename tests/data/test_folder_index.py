"""Tests of which images a folder has, as a user would load them."""

import json

import pytest
from small_models import read_all, save_picture

from keras_igpt import data

# Layouts and splits


def test_folder_takes_classes_from_subfolders(picture_folder):
    dataset = data.load(picture_folder, split="all")
    assert dataset.class_names == ["cat", "dog"]
    for example in read_all(dataset):
        assert example["label"] == example["image"][0, 0, 1]


def test_folder_accepts_string_path(picture_folder):
    assert data.load(str(picture_folder)).image_shape == (6, 8, 3)


def test_folder_splits_are_disjoint_and_complete(picture_folder):
    names = {"train": set(), "test": set(), "all": set()}
    for split in names:
        for example in read_all(data.load(picture_folder, split)):
            names[split].add(tuple(example["image"][0, 0]))
    assert names["train"] | names["test"] == names["all"]
    assert not names["train"] & names["test"]
    assert len(names["all"]) == 20


def test_folder_has_same_classes_in_every_split(picture_folder):
    save_picture(picture_folder / "bird" / "0.png")
    names = [
        data.load(picture_folder, s).class_names for s in ("train", "test")
    ]
    assert names == [["bird", "cat", "dog"]] * 2


def test_folder_order_is_fixed_and_mixes_classes(picture_folder):
    labels = [e["label"] for e in read_all(data.load(picture_folder, "all"))]
    assert labels == [
        e["label"] for e in read_all(data.load(picture_folder, "all"))
    ]
    assert labels != sorted(labels)


def test_folder_uses_split_subfolders(tmp_path):
    save_picture(tmp_path / "train" / "cat" / "a.png", (1, 0, 0))
    save_picture(tmp_path / "test" / "dog" / "a.png", (2, 0, 0))
    test = data.load(tmp_path, "test")
    (example,) = read_all(test)
    assert example["image"][0, 0, 0] == 2
    assert test.class_names == ["cat", "dog"] and example["label"] == 1


def test_folder_of_splits_loads_all(tmp_path):
    for row, split in enumerate(("train", "validation", "test")):
        save_picture(tmp_path / split / "a.png", (row, 0, 0))
    assert len(read_all(data.load(tmp_path, "all"))) == 3


def test_folder_mixing_splits_and_classes_is_named(tmp_path):
    save_picture(tmp_path / "train" / "a.png")
    save_picture(tmp_path / "plane" / "a.png")
    with pytest.raises(ValueError, match="either splits or classes"):
        data.load(tmp_path)


def test_folder_wrong_split_lists_splits(picture_folder):
    with pytest.raises(ValueError, match="train.*test.*all.*validation"):
        data.load(picture_folder, split="validation")


def test_folder_empty_split_is_named(tmp_path):
    save_picture(tmp_path / "train" / "a.png")
    (tmp_path / "test").mkdir()
    with pytest.raises(ValueError, match="at least one image.*'test'"):
        data.load(tmp_path, split="test")


def test_folder_without_classes_yields_image_alone(tmp_path):
    save_picture(tmp_path / "a.png")
    dataset = data.load(tmp_path, "all")
    assert set(dataset.element_spec) == {"image"}
    assert dataset.class_names == []


def test_folder_skips_image_beside_classes(picture_folder):
    save_picture(picture_folder / "loose.png")
    dataset = data.load(picture_folder, "all")
    with pytest.warns(UserWarning, match="not in the folder of a class"):
        assert len(read_all(dataset)) == 20


def test_folder_ignores_other_and_hidden_files(picture_folder):
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "._1.png", "a.json"):
        (picture_folder / "cat" / name).write_bytes(b"x")
    dataset = data.load(picture_folder, "all")
    assert len(read_all(dataset)) == 20 and dataset.skipped == []


@pytest.mark.parametrize("name", ["", "notes.txt"])
def test_folder_without_images_is_named(tmp_path, name):
    if name:
        (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match="folder with images"):
        data.load(tmp_path)


def test_folder_follows_links_but_not_in_circles(
    picture_folder, tmp_path_factory
):
    other = tmp_path_factory.mktemp("other")
    save_picture(other / "a.png")
    (picture_folder / "bird").symlink_to(other)
    (other / "circle").symlink_to(picture_folder)
    dataset = data.load(picture_folder, "all")
    assert dataset.class_names == ["bird", "cat", "dog"]
    assert len(read_all(dataset)) == 21


# Metadata


def write_csv(folder, text):
    (folder / "metadata.csv").write_text(text, encoding="utf-8")


def test_metadata_csv_gives_captions(tmp_path):
    save_picture(tmp_path / "a.png")
    write_csv(tmp_path, '\ufefffile_name,text\na.png,"rot, grün"\n')
    (example,) = read_all(data.load(tmp_path, "all"))
    assert example["text"].decode() == "rot, grün"


def test_metadata_jsonl_gives_captions_and_labels(tmp_path):
    save_picture(tmp_path / "a.png")
    row = {"file_name": "a.png", "text": "red", "label": 2}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row) + "\n\n")
    dataset = data.load(tmp_path, "all")
    (example,) = read_all(dataset)
    assert example["text"] == b"red" and example["label"] == 2
    assert dataset.class_names == ["0", "1", "2"]


def test_metadata_labels_may_be_names(tmp_path):
    for row, name in enumerate("ab"):
        save_picture(tmp_path / f"{name}.png", (row, 0, 0))
    write_csv(tmp_path, "file_name,label\na.png,dog\nb.png,cat\n")
    dataset = data.load(tmp_path, "all")
    assert dataset.class_names == ["cat", "dog"]
    assert set(dataset.element_spec) == {"image", "label"}


def test_metadata_gives_pairs_and_their_styles(tmp_path):
    save_picture(tmp_path / "a.png", color=(255, 0, 0))
    save_picture(tmp_path / "from" / "a.png", color=(0, 0, 255))
    write_csv(
        tmp_path,
        "file_name,source_file_name,style\na.png,from/a.png,blue\n",
    )
    (example,) = read_all(data.load(tmp_path, "all"))
    assert example["image"][0, 0].tolist() == [255, 0, 0]
    assert example["source"][0, 0].tolist() == [0, 0, 255]
    assert example["style"] == b"blue"


def test_pair_without_its_other_image_is_skipped(tmp_path):
    for name in "ab":
        save_picture(tmp_path / f"{name}.png")
    write_csv(
        tmp_path,
        "file_name,source_file_name\na.png,b.png\nb.png,missing.png\n",
    )
    dataset = data.load(tmp_path, "all")
    with pytest.warns(UserWarning, match=r"b.png: no such file"):
        assert len(read_all(dataset)) == 1


def test_pair_of_two_sizes_is_skipped_unless_resized(tmp_path):
    save_picture(tmp_path / "a.png", size=(8, 6))
    save_picture(tmp_path / "b.png", size=(4, 4))
    write_csv(tmp_path, "file_name,source_file_name\na.png,b.png\n")
    (example,) = read_all(data.load(tmp_path, "all", image_size=4))
    assert example["source"].shape == (4, 4, 3)
    with pytest.raises(ValueError, match="of shape"):
        data.load(tmp_path, "all")


def test_metadata_is_read_inside_split_folders(tmp_path):
    for row, split in enumerate(("train", "test")):
        save_picture(tmp_path / split / "a.png", (row, 0, 0))
        write_csv(tmp_path / split, f"file_name,text\na.png,{split}\n")
    (example,) = read_all(data.load(tmp_path, "test"))
    assert example["text"] == b"test"


def test_metadata_naming_missing_file_is_reported(tmp_path):
    save_picture(tmp_path / "a.png")
    write_csv(tmp_path, "file_name,text\na.png,red\nb.png,blue\n")
    with pytest.warns(UserWarning, match="b.png: no such file"):
        assert len(read_all(data.load(tmp_path, "all"))) == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ("path,text\na.png,red\n", "must have the column `file_name`"),
        ("file_name,words\na.png,red\n", "`text`, `label` and"),
        ("file_name,text\na.png,red, green\n", "needs quotes"),
        ("file_name,text\n,red\n", "row 1"),
        ("file_name,text,label\na.png,red,\n", "row 1"),
        ("", "must have the column"),
    ],
)
def test_metadata_csv_mistake_is_named(tmp_path, text, message):
    save_picture(tmp_path / "a.png")
    write_csv(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        data.load(tmp_path, "all")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1]",
        '{"file_name": "a.png"}',
        '{"file_name": 1, "text": "red"}',
        '{"file_name": "a.png", "text": ["red"]}',
        '{"file_name": "a.png", "label": ["red"]}',
    ],
)
def test_metadata_jsonl_mistake_is_named(tmp_path, line):
    save_picture(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text(line)
    with pytest.raises(ValueError, match="`metadata.jsonl` must"):
        data.load(tmp_path, "all")


def test_metadata_in_other_encoding_is_named(tmp_path):
    save_picture(tmp_path / "a.png")
    text = "file_name,text\na.png,grün\n"
    (tmp_path / "metadata.csv").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="UTF-8"):
        data.load(tmp_path, "all")


@pytest.mark.parametrize("labels", [(0, "cat"), (-1, 0), (0, 10**9)])
def test_metadata_labels_of_no_use_are_named(tmp_path, labels):
    with open(tmp_path / "metadata.jsonl", "w") as file:
        for row, label in enumerate(labels):
            save_picture(tmp_path / f"{row}.png")
            name = {"file_name": f"{row}.png", "label": label}
            file.write(json.dumps(name) + "\n")
    with pytest.raises(ValueError, match="`label` must be"):
        data.load(tmp_path, "all")
