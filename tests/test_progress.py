"""Tests of bars."""

import io
import threading
import time

import numpy as np
import pytest
from rich.console import Console

from keras_igpt import progress
from keras_igpt.training import callbacks


@pytest.fixture
def screen():
    return Console(force_terminal=True, width=120, file=io.StringIO())


def shown(screen):
    return screen.file.getvalue()


def test_bar_shows_share_words_and_time_left(screen):
    bar = progress.Bar("generating", 8, screen)
    bar.begin -= 30
    bar.update(2, "two of them")
    bar.close()
    assert "generating" in shown(screen) and "25%" in shown(screen)
    assert "two of them" in shown(screen) and "left 0:01:30" in shown(screen)


def test_time_left_counts_from_where_it_began():
    bar = progress.Bar("training", 1.0, start=0.5)
    bar.begin -= 60
    bar.done = 0.75
    assert bar.time_left == "0:01:00"


def test_time_left_is_unknown_at_first():
    assert progress.Bar("generating", 8).time_left == "-:--:--"


def test_short_work_shows_nothing(screen):
    bar = progress.Bar("generating", 8, screen, patience=3.0)
    bar.update(8)
    bar.close()
    assert shown(screen) == ""


def test_only_one_bar_is_shown_at_a_time(screen):
    outer = progress.Bar("training", 8, screen)
    inner = progress.Bar("scoring", 8, screen)
    outer.update(1)
    inner.update(1)
    inner.close()
    outer.close()
    assert "scoring" not in shown(screen)
    later = progress.Bar("generating", 8, screen)
    later.update(1)
    later.close()
    assert "generating" in shown(screen)


def test_plain_lines_without_a_terminal(capsys):
    bar = progress.Bar("generating", 8, Console(file=io.StringIO()))
    bar.printed -= 2 * progress.PAUSE
    bar.update(2, "words")
    bar.update(3, "too soon")
    bar.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("generating 25%, left") and "words" in lines[0]


def test_plain_lines_in_a_notebook_without_widgets(capsys, monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    bar = progress.Bar("generating", 8, Console(force_jupyter=True))
    bar.printed -= 2 * progress.PAUSE
    bar.update(2)
    bar.close()
    assert capsys.readouterr().err.startswith("generating 25%, left")


def test_bar_ends_with_an_error(screen):
    with (
        pytest.raises(ValueError),
        progress.bar("generating", 8, 0.0) as advance,
    ):
        advance(1)
        raise ValueError
    later = progress.Bar("scoring", 8, screen)
    later.update(1)
    later.close()
    assert "scoring" in shown(screen)


def test_bar_that_takes_its_turn_is_shown_instead(screen):
    failed = progress.Bar("training", 8, screen)
    failed.update(1)
    later = progress.Bar("scoring", 8, screen)
    later.take_turn()
    later.update(1)
    later.close()
    failed.close()
    assert "scoring" in shown(screen)


def test_bar_that_lost_its_turn_comes_back(screen):
    outer = progress.Bar("training", 8, screen)
    outer.update(1, "one")
    inner = progress.Bar("scoring", 8, screen)
    inner.take_turn()
    outer.update(2, "two")
    assert "two" not in shown(screen)
    inner.close()
    outer.update(3, "three")
    outer.close()
    assert "three" in shown(screen)


def test_threads_count_together():
    bar = progress.Bar("generating", 800, patience=60)
    threads = [
        threading.Thread(target=lambda: [bar.advance() for _ in range(100)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bar.done == 800


def test_steps_gives_the_items():
    assert list(progress.steps("reading", "abc")) == ["a", "b", "c"]


def test_unknown_total_shows_nothing(capsys):
    with progress.bar("reading", None, 0.0) as advance:
        advance(5)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def counted(monkeypatch):
    """What is counted on bars while a test runs."""
    counted = []
    update = progress.Bar._show

    def spy(self, done, words):
        counted.append((done, self.total))
        update(self, done, words)

    monkeypatch.setattr(progress.Bar, "_show", spy)
    return counted


def test_generate_counts_cells(tiny_model, counted):
    tiny_model.generate(labels=[0, 1], num_images=10, seed=0)
    cells = 20 * tiny_model.num_cells
    assert max(counted) == (cells, cells) and len(counted) > 1


def test_score_counts_its_batches(tiny_model, tiny_images, counted):
    tiny_model.score(tiny_images, labels=[0] * 8, batch_size=3)
    assert counted == [(1, 3), (2, 3), (3, 3)]


def test_prepare_counts_its_images(tiny_unconditional, counted):
    images = np.zeros((300, 4, 4, 1), "uint8")
    tiny_unconditional.prepare(images)
    assert counted == [(256, 300), (300, 300)]


def test_bar_of_fit_needs_no_budget():
    bar = callbacks.BudgetBar("training", patience=0.0)
    bar.set_params({"steps": 4, "epochs": 2})
    bar.on_epoch_begin(0)
    bar.on_epoch_begin(1)
    bar.on_train_batch_end(1)
    assert bar.bar.done == 0.75
    bar.on_train_end()
    assert bar.bar.done == 1.0 and time.monotonic() >= bar.bar.begin
