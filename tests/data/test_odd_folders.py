"""Tests of folders and tables that chance has changed: all end in words."""

import os
import random
import shutil
import time
import warnings

import pytest
from small_models import save_picture

from keras_igpt import data

CSV = """file_name,text,label,group,source_file_name,style
cat/0.png,"a cat, red",cat,1,dog/0.png,red
cat/1.png,katze,cat,1,,
dog/0.png,dog,dog,2,cat/1.png,blue
dog/1.png,"say ""wow"" 犬",dog,,,
"""

JSONL = """{"file_name": "cat/0.png", "text": "a cat", "label": 0, "group": 3}
{"file_name": "cat/1.png", "text": "katze", "label": 0}
{"file_name": "dog/0.png", "text": "犬 \\ud83d\\ude00", "label": 1}
{"file_name": "dog/1.png", "source_file_name": "cat/0.png", "label": 1}
"""

PIECES = [
    *(b",", b";", b"\t", b"\n", b"\r", b'"', b"'", b"{", b"}", b"[", b"]"),
    *(b"\\", b"\\ud800", b"\0", b"\xff", b"\xef\xbb\xbf", b"null", b"NaN"),
    *(b"9" * 5000, b"[" * 5000, b"-1", b"1e999", b"true", b"../", b"/etc/"),
    *(b"file_name", b"label", b"text", b"group", b"x" * 200_000, b"\xe2\x80"),
]

WORDS = (
    "`metadata.",
    "`label` ",
    "`source` ",
    "`split` ",
    "Names of class folders",
)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Two classes of two images."""
    folder = tmp_path_factory.mktemp("start")
    for row, name in enumerate(("cat/0", "cat/1", "dog/0", "dog/1")):
        save_picture(folder / f"{name}.png", (row, 0, 0), (4, 4))
    return folder


def changed(generator, text):
    """A table with some bytes cut out, doubled, swapped or put in."""
    table = text.encode()
    for _ in range(generator.randint(1, 4)):
        first, last = sorted(generator.choices(range(len(table) + 1), k=2))
        if generator.random() < 0.7:
            last = min(last, first + 3)
        piece = generator.choice([b"", *PIECES, table[first:last] * 2])
        table = table[:first] + piece + table[last:]
    return table


def change_tree(generator, folder):
    """Moves, links, empties or adds files and folders."""
    paths = sorted(folder.rglob("*"))
    path = generator.choice(paths)
    other = generator.choice([folder, *paths])
    place = other if other.is_dir() else other.parent
    fresh = place / generator.choice(
        ["train", "test", "validation", "a.png", "b.svg", "metadata.csv"]
        + ["metadata.jsonl", "x", os.fsdecode(b"\xff"), "Ä", "9" * 200]
    )
    actions = [
        lambda: os.rename(path, fresh),
        lambda: fresh.symlink_to(path),
        lambda: fresh.symlink_to(fresh),
        lambda: os.mkfifo(fresh),
        lambda: fresh.mkdir(),
        lambda: shutil.copy(path, fresh),
        lambda: fresh.write_text(CSV),
        lambda: path.write_bytes(b""),
        lambda: shutil.rmtree(path),
        lambda: path.unlink(),
    ]
    if path.is_fifo() or fresh.is_fifo():  # would be waited for
        return
    try:
        generator.choice(actions)()
    except OSError:  # cannot be done there
        return


def outcome(folder, split):
    """What is read: images, or in which words it is refused."""
    begin = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            dataset = data.load(folder, split, image_size=4)
            read = len(list(dataset.as_numpy_iterator()))
    except ValueError as error:
        assert str(error).startswith(WORDS), error
        assert "Received" in str(error) and len(str(error)) < 5000
        read = -1
    assert time.process_time() - begin < 2
    return read


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "text"), [("metadata.csv", CSV), ("metadata.jsonl", JSONL)]
)
def test_changed_tables_are_read_or_refused(start, tmp_path, name, text, seed):
    generator = random.Random(seed)
    shutil.copytree(start, tmp_path, dirs_exist_ok=True)
    read = []
    for _ in range(50):
        (tmp_path / name).write_bytes(changed(generator, text))
        read.append(outcome(tmp_path, "all"))
    assert -1 in read and max(read) > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_changed_folders_are_read_or_refused(start, tmp_path, seed):
    generator = random.Random(seed)
    read = []
    for number in range(40):
        folder = tmp_path / str(number)
        shutil.copytree(start, folder)
        for _ in range(generator.randint(1, 6)):
            if list(folder.rglob("*")):
                change_tree(generator, folder)
        read.append(outcome(folder, generator.choice(["train", "all"])))
    assert max(read) > 0
