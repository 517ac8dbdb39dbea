"""Tests of what the page remembers of a visit."""

import pytest

from keras_igpt.cli.demo import history

# Importing gradio warns of libraries' own affairs.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def entry(tmp_path):
    def make(seed, text=""):
        path = tmp_path / f"{seed}.png"
        path.touch()
        return history.Entry(str(path), seed, "generate", {"text": text})

    return make


def test_newest_are_first(entry):
    entries = history.added([], [entry(0), entry(1)])
    entries = history.added(entries, [entry(7)])
    assert [e.seed for e in entries] == [7, 0, 1]


def test_number_of_images_is_bounded(entry):
    entries = []
    for first in range(0, 96, 16):
        entries = history.added(entries, [entry(first + i) for i in range(16)])
    assert len(entries) == history.MAX_ENTRIES
    assert entries[0].seed == 80


def test_deleted_files_are_forgotten(entry, tmp_path):
    entries = history.added([], [entry(0), entry(1)])
    (tmp_path / "0.png").unlink()
    assert [e.seed for e in history.added(entries, [entry(2)])] == [2, 1]


def test_images_are_called_by_seed_and_caption(entry):
    shown = history.thumbnails(
        [entry(3), entry(4, "a ball"), entry(5, "x" * 99)]
    )
    titles = [title for _, title in shown]
    assert titles[:2] == ["seed 3", "seed 4: a ball"]
    assert len(titles[2]) < 60


@pytest.mark.parametrize("index", [-1, 2, "0", None, [0, 0]])
def test_browsers_choose_among_their_own_alone(entry, index):
    assert history.entry_at([entry(0), entry(1)], index) is None
