"""Tests of models that are fed with tokens."""

import functools

import keras
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


@pytest.mark.parametrize("groups", [[0, 0, 1, 1, 2, 2, 3, 3], list("abcdabcd")])
def test_validation_split_shares_no_group(
    fresh_model, tiny_images, groups, monkeypatch
):
    given = {}

    @functools.wraps(keras.Model.fit)
    def fit(model, **kwargs):
        given.update(kwargs)

    monkeypatch.setattr(keras.Model, "fit", fit)
    images = {"image": tiny_images, "label": np.zeros(8, int)}
    fresh_model.compile()
    fresh_model.fit(
        fresh_model.prepare({**images, "group": groups}), validation_split=0.3
    )
    learned, held_out = given["x"].groups, given["validation_data"].groups
    assert len(held_out) == 2 and not set(learned) & set(held_out)


def test_groups_are_not_given_to_the_model(fresh_model, tiny_images):
    images = {"image": tiny_images, "label": np.zeros(8, int)}
    batches = fresh_model.prepare({**images, "group": np.arange(8)})
    assert set(batches[0][0]) == {"tokens", "label"}
