"""Tests of what belongs together in a folder, and stays in one split."""

import shutil

import pytest
from small_models import read_all, save_picture

from keras_igpt import data
from keras_igpt.models.transfer import from_model


def write(folder, rows, columns="file_name,source_file_name"):
    (folder / "metadata.csv").write_text("\n".join([columns, *rows]))


def groups(folder, split="all"):
    """What each group's images are, by their red."""
    found = {}
    for example in read_all(data.load(folder, split)):
        red = int(example["image"][0, 0, 0])
        found.setdefault(example["group"], []).append(red)
    return sorted(map(sorted, found.values()))


@pytest.fixture
def six(tmp_path):
    """Six images, "0.png" to "5.png", that tell their number by red."""
    for row in range(6):
        save_picture(tmp_path / f"{row}.png", (row, 0, 0))
    return tmp_path


def test_images_alone_have_no_groups(six):
    assert set(data.load(six, "all").element_spec) == {"image"}


def test_pairs_that_share_an_image_are_a_group(six):
    write(six, ["0.png,5.png", "1.png,5.png", "2.png,1.png", "3.png,4.png"])
    assert groups(six) == [[0, 1, 2], [3]]


def test_image_that_all_pairs_share_makes_no_group(six):
    write(six, [f"{row}.png,5.png" for row in range(5)])
    dataset = data.load(six, "all")
    assert "group" not in dataset.element_spec
    with pytest.warns(UserWarning, match="5 of 5 images are joined by pairs"):
        read_all(dataset)


def test_both_ways_of_a_pair_are_a_group(six):
    rows = ["0.png,1.png", "1.png,0.png", "2.png,3.png", "3.png,2.png"]
    write(six, rows)
    with pytest.warns(UserWarning, match="no row in metadata.csv"):
        assert groups(six) == [[0, 1], [2, 3]]


def test_group_column_says_what_belongs_together(six):
    rows = ["0.png,x,a", "1.png,x,b", "2.png,x,a", "3.png,x,", "4.png,x,b"]
    write(six, [*rows, "5.png,x,7"], "file_name,text,group")
    assert groups(six) == [[0, 2], [1, 4], [3], [5]]


def test_group_may_be_a_number(tmp_path):
    for row in range(3):
        save_picture(tmp_path / f"{row}.png", (row, 0, 0))
    with open(tmp_path / "metadata.jsonl", "w") as file:
        for row in range(3):
            line = '{{"file_name": "{}.png", "text": "x", "group": {}}}\n'
            file.write(line.format(row, row // 2))
    assert groups(tmp_path) == [[0, 1], [2]]


def test_copies_of_a_file_are_a_group(six):
    shutil.copy(six / "3.png", six / "copy.png")
    assert groups(six) == [[0], [1], [2], [3, 3], [4], [5]]


def test_captions_of_one_file_are_a_group(six):
    rows = [f"{i}.png,{word}" for i in range(6) for word in ("one", "two")]
    write(six, rows, "file_name,text")
    assert groups(six) == [[i, i] for i in range(6)]


def test_splits_by_name_share_no_group(tmp_path):
    for row in range(120):
        save_picture(tmp_path / f"{row}.png", (row, 0, 0))
    rows = [f"{row}.png,x,scene {row % 40}" for row in range(120)]
    write(tmp_path, rows, "file_name,text,group")
    train, test = groups(tmp_path, "train"), groups(tmp_path, "test")
    assert len(train) + len(test) == 40 and train and test
    assert all(len(group) == 3 for group in train + test)


def test_splits_of_images_alone_stay_as_they_were(tmp_path):
    for row in range(30):
        save_picture(tmp_path / f"{row}.png", (row, 0, 0))
    before = read_all(data.load(tmp_path, "test"))
    shutil.copy(tmp_path / "0.png", tmp_path / "zero.png")
    after = read_all(data.load(tmp_path, "test"))
    reds = [
        {int(e["image"][0, 0, 0]) for e in each} - {0}
        for each in (before, after)
    ]
    assert reds[0] == reds[1] != set()


def test_groups_in_several_splits_are_reported(tmp_path):
    save_picture(tmp_path / "train" / "a.png", (1, 2, 3))
    save_picture(tmp_path / "test" / "b.png", (1, 2, 3))
    with pytest.warns(UserWarning, match="in more than one split: 1 groups"):
        read_all(data.load(tmp_path, "train"))


def test_validation_shares_no_image_with_training(six, tiny_model):
    for row in range(6):
        shutil.copy(six / f"{row}.png", six / f"copy{row}.png")
    images = data.load(six, "all", image_size=4, channels=1)
    model = from_model(tiny_model, num_classes=0)
    rest, aside = model.prepare(images).split(3)
    assert rest.num_images + aside.num_images == 12
    assert not set(rest.groups) & set(aside.groups)
