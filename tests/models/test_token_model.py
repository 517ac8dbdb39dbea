"""Tests of models that are fed with tokens."""

import numpy as np
import pytest

import keras_igpt


def test_raw_images_in_fit_are_named(fresh_model, tiny_images):
    fresh_model.compile()
    with pytest.raises(ValueError, match=r"fit\(model.prepare\(images\)\)"):
        fresh_model.fit(tiny_images)


def test_raw_dataset_in_fit_is_named(fresh_model, tiny_images):
    fresh_model.compile()
    images = keras_igpt.data.load((tiny_images, np.zeros(8, int)))
    with pytest.raises(ValueError, match=r"fit\(model.prepare\(images\)\)"):
        fresh_model.fit(images)


def test_first_step_is_traced_once(fresh_model, tiny_images, monkeypatch):
    fresh_model.compile(jit_compile=False)
    traces, step = [], fresh_model.train_step
    monkeypatch.setattr(
        fresh_model, "train_step", lambda x: traces.append(x) or step(x)
    )
    batches = fresh_model.prepare((tiny_images, np.zeros(8, int)))
    fresh_model.fit(batches, verbose=0)
    assert len(traces) == 1
