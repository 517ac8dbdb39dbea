"""Tests of decoding in pieces: watched, stopped, and the same as in one."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from small_models import ORDERS, make_model

from keras_igpt import progress
from keras_igpt.generation import image_decoder, pieces
from keras_igpt.generation.pieces import Canvas, Pieces, Stopped


@pytest.fixture(scope="module", params=ORDERS)
def model(request):
    """An untrained model with an opinion of tokens."""
    steps = {"steps": 32} if request.param == "any" else {}
    model = make_model(image_size=(4, 8), **{**ORDERS[request.param], **steps})
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


@pytest.fixture
def step_by_step(monkeypatch):
    """Pieces of one step each."""
    monkeypatch.setattr(pieces, "FIRST", 1)
    for name in ("WATCHED", "UNWATCHED"):
        monkeypatch.setattr(image_decoder, name, 0.0)


@pytest.fixture
def slow(step_by_step, monkeypatch):
    """Each takes a while."""
    done = Pieces.done

    def slowly(self, tokens, written):
        time.sleep(0.1)
        done(self, tokens, written)

    monkeypatch.setattr(Pieces, "done", slowly)


def threads_end():
    """Whether no thread decodes any more, soon."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        names = [thread.name for thread in threading.enumerate()]
        if not any("ThreadPoolExecutor" in name for name in names):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("seconds", [0.0, 1e-4, 10.0])
def test_pieces_cover_all_steps_once(seconds):
    found = [i for a, b in Pieces(seconds)(3, 40) for i in range(a, b)]
    assert found == list(range(3, 40))


def test_pieces_take_about_as_long_as_they_should():
    sizes, cut = [], Pieces(0.05)
    for first, last in cut(0, 60):
        time.sleep(0.005 * (last - first))
        sizes.append(last - first)
    assert all(4 <= size <= 10 for size in sizes[1:-1])


def test_no_piece_follows_a_stop():
    stop = threading.Event()
    steps = iter(Pieces(0.0, stop=stop)(0, 100))
    next(steps)
    stop.set()
    with pytest.raises(Stopped):
        next(steps)


@pytest.mark.backends
def test_images_do_not_depend_on_pieces(model, step_by_step, monkeypatch):
    seen = []
    found = model.generate(
        labels=[0, 1], seed=3, on_step=lambda done, _: seen.append(done)
    )
    assert len(seen) > 32
    monkeypatch.undo()
    monkeypatch.setattr(pieces, "FIRST", 1000)
    np.testing.assert_array_equal(found, model.generate(labels=[0, 1], seed=3))


def test_cells_are_counted_to_the_end(model, step_by_step):
    seen = []
    model.generate(
        labels=[0, 1, 2], seed=3, on_step=lambda done, _: seen.append(done)
    )
    assert seen == sorted(seen) and seen[-1] == 3 * 32


def test_what_is_written_stays(model, step_by_step):
    final = model.generate(labels=[0, 1], seed=3)
    for image in model.generate_stream(labels=[0, 1], seed=3):
        written = (image != Canvas.EMPTY).all(axis=-1)
        np.testing.assert_array_equal(image[written], final[written])
    np.testing.assert_array_equal(image, final)


def test_a_stream_shows_more_and_more(model, step_by_step):
    empty = [
        (image == Canvas.EMPTY).sum()
        for image in model.generate_stream(labels=1, seed=3)
    ]
    assert empty[0] > 0 == empty[-1] and empty == sorted(empty, reverse=True)


def test_edits_show_what_is_kept(model, step_by_step):
    images = np.full((1, 4, 8, 1), 99, "uint8")
    masks = np.zeros((4, 8), bool)
    masks[2:] = True
    seen = []
    model.edit(
        images,
        "inpaint",
        masks,
        seed=0,
        on_step=lambda _, preview: seen.append(preview()),
    )
    first = seen[0][0]
    assert (first[:2] == first[0, 0]).all() and (first == Canvas.EMPTY).any()


def test_the_best_of_several_is_the_last_to_be_seen(model, step_by_step):
    asked = {"labels": [0, 1], "seed": 3, "best_of": 3}
    *_, last = model.generate_stream(**asked)
    np.testing.assert_array_equal(last, model.generate(**asked))


def test_whoever_stops_asking_stops_the_generating(model, slow):
    stream = model.generate_stream(labels=1)
    next(stream)
    stream.close()
    assert threads_end()


def test_ctrl_c_is_heard_at_once(model, slow, heard):
    model.generate(labels=1)  # compiled by now
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.generate(labels=1)
    assert time.monotonic() - begin < 1.5
    assert threads_end()


def test_a_model_works_on_after_an_interruption(model, slow):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.generate(labels=1, seed=3, on_step=interrupt)
    assert model.generate(labels=1, seed=3).shape == (1, 4, 8, 1)


def test_samplers_are_seen_at_the_end(tiny_model):
    seen = []
    tiny_model.generate(
        labels=1, sampler="greedy", on_step=lambda done, _: seen.append(done)
    )
    assert seen == [tiny_model.num_cells]


def test_arguments_are_checked_before_the_first_image(model):
    with pytest.raises(ValueError, match="`best_of` must be"):
        model.generate_stream(labels=1, best_of=0)


@pytest.mark.parametrize(("verbose", "shown"), [(True, True), (False, False)])
def test_a_bar_counts_cells(model, slow, capsys, monkeypatch, verbose, shown):
    monkeypatch.setattr(progress.bar.__wrapped__, "__defaults__", (0.0,))
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    model.generate(labels=1, verbose=verbose)
    assert ("generating" in capsys.readouterr().err) == shown
