"""Tests of images that are shown while they are generated."""

import threading
import time

import numpy as np
import pytest
from small_models import make_caption_model

from keras_igpt.cli.demo import actions
from keras_igpt.cli.demo.growing import growing
from keras_igpt.generation import image_decoder, pieces


@pytest.fixture(scope="module")
def model():
    return make_caption_model()


@pytest.fixture
def step_by_step(monkeypatch):
    monkeypatch.setattr(pieces, "FIRST", 1)
    monkeypatch.setattr(image_decoder, "WATCHED", 0.0)


def test_images_grow_into_those_of_the_action(model, step_by_step):
    asked = {"count": 2, "text": "a ball", "seed": 3}
    *before, (images, seed) = growing(actions.generate, model, **asked)
    wanted, wanted_seed = actions.generate(model, **asked)
    np.testing.assert_array_equal(images, wanted)
    assert seed == wanted_seed == 3
    assert len(before) > 4 and all(seed is None for _, seed in before)


def test_mistakes_are_raised_where_somebody_looks(model):
    with pytest.raises(ValueError, match="`count` must be"):
        list(growing(actions.generate, model, count=99))


def test_whoever_leaves_stops_the_action(model, step_by_step):
    names = {thread.name for thread in threading.enumerate()}
    grown = growing(actions.generate, model, count=2, text="a ball")
    next(grown)
    grown.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if {thread.name for thread in threading.enumerate()} <= names:
            return
        time.sleep(0.05)
    pytest.fail("A thread goes on.")
