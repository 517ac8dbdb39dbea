"""Tests of decoding in any order, several cells at once."""

import keras
import numpy as np
import pytest
from small_models import make_model

import keras_igpt
from keras_igpt.generation import parallel
from keras_igpt.generation.plans import GROUPS


@pytest.fixture
def planned(monkeypatch):
    """How many steps each batch took."""
    seen = []
    decode = parallel.ParallelDecoder.__call__

    def spy(self, **asked):
        seen.append(len(asked["plan"].sizes))
        return decode(self, **asked)

    monkeypatch.setattr(parallel.ParallelDecoder, "__call__", spy)
    return seen


@pytest.fixture
def traces(monkeypatch):
    """Grows by one whenever a group of steps is traced."""
    seen = []
    ask = keras_igpt.ImageGPT.ask

    def counting(self, *args):
        seen.append(1)
        return ask(self, *args)

    monkeypatch.setattr(keras_igpt.ImageGPT, "ask", counting)
    return seen


def generate(model, **asked):
    return model.generate(labels=[0, 1], seed=5, jit_compile=False, **asked)


def test_image_takes_as_many_steps_as_it_is_asked_for(any_model, planned):
    for steps in (1, 5, 16):
        generate(any_model, steps=steps)
    assert planned == [1, 5, 16]


def test_image_takes_the_models_steps_by_default(any_model, planned):
    generate(any_model)
    assert planned == [any_model.config["steps"]]


def test_hole_takes_its_share_of_the_steps(any_model, tiny_images, planned):
    masks = np.zeros((4, 4), bool)
    masks[:2, :2] = True
    any_model.edit(tiny_images, "inpaint", masks, steps=8, jit_compile=False)
    any_model.complete(tiny_images, 2, steps=8, jit_compile=False)
    assert planned == [2, 4]


def test_same_order_and_steps_give_the_same_image(any_model):
    order = np.random.default_rng(3).permutation(16)
    one, two = (generate(any_model, steps=5, order=order) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "asked",
    [
        {"steps": 2},
        {"order": range(16)},
        {"step_schedule": "arccos", "temperature": 0.0},
        {"guidance_scale": 3.0},
        {"guidance_scale": 9.0, "guidance_schedule": "linear"},
    ],
    ids=str,
)
def test_what_is_asked_changes_images(any_model, asked):
    asked = {"temperature": 1.5, **asked}
    plain, other = (
        any_model.generate(np.arange(30) % 3, seed=5, jit_compile=False, **more)
        for more in ({"temperature": asked["temperature"]}, asked)
    )
    assert (plain != other).any()


@pytest.mark.backends
def test_row_by_row_is_an_order_too(any_model):
    """One cell a step, each the likeliest, given those before it."""
    images = any_model.generate(
        labels=1, temperature=0, steps=16, order=range(16), jit_compile=False
    )
    tokens = np.asarray(any_model.tokenizer.encode(images))
    logits = any_model({"tokens": tokens, "label": np.array([1])})
    logits = keras.ops.convert_to_numpy(logits)
    np.testing.assert_array_equal(logits.argmax(-1), tokens)


def test_images_of_a_batch_may_have_orders_of_their_own(any_model):
    orders = np.stack([np.arange(16), np.arange(16)[::-1]])
    together = generate(any_model, order=orders)
    for i, order in enumerate(orders):
        alone = any_model.generate(
            labels=i, seed=5 + i, order=order, jit_compile=False
        )
        np.testing.assert_array_equal(together[i], alone[0])


@pytest.mark.filterwarnings("ignore:`masks` is empty")
@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_images_of_a_batch_may_have_holes_of_their_own(
    any_model, guidance_scale
):
    images = any_model.generate(labels=[0, 1, 2, 0], seed=5, jit_compile=False)
    masks = np.zeros((4, 4, 4), bool)  # one image has none, one nothing else
    masks[0, 1, 1:3] = masks[1, 1:] = masks[2] = True
    asked = {
        "labels": 1,
        "steps": 8,
        "guidance_scale": guidance_scale,
        "jit_compile": False,
    }
    seeds = [3, 4, 5, 6]
    together = any_model.edit(images, "inpaint", masks, seed=seeds, **asked)
    np.testing.assert_array_equal(together[~masks], images[~masks])
    for i, seed in enumerate(seeds):
        alone = any_model.edit(
            images[i], "inpaint", masks[i], seed=seed, **asked
        )
        np.testing.assert_array_equal(together[i], alone[0])


def test_programs_serve_every_order_seed_and_mask(traces):
    model = make_model(order="any", steps=4)
    images = generate(model)
    after_first = len(traces)
    generate(model, order=np.arange(16)[::-1])
    model.generate(labels=[2] * 3, temperature=0.5, top_k=2, jit_compile=False)
    masks = np.zeros((4, 4), bool)
    masks[1:, :] = True
    model.edit(images, "inpaint", masks, labels=[0, 1], jit_compile=False)
    assert after_first >= 1 and len(traces) == after_first


def test_programs_for_all_steps_are_few(traces):
    model = make_model(order="any")
    for steps in range(1, 17):
        generate(model, steps=steps)
    fitting = [size for size in GROUPS if size <= 16]
    assert len(traces) <= len(fitting)


def test_model_that_writes_row_by_row_does_not_take_this_way(
    tiny_model, tiny_images, planned
):
    tiny_model.generate(labels=1, jit_compile=False)
    tiny_model.complete(tiny_images, 2, jit_compile=False)
    assert planned == []


@pytest.mark.parametrize("verb", ["complete", "edit"])
def test_edits_name_wrong_steps(any_model, tiny_images, verb):
    asked = {"complete": (2,), "edit": ("inpaint", np.ones((4, 4), bool))}
    with pytest.raises(ValueError, match="`steps` must be"):
        getattr(any_model, verb)(tiny_images, *asked[verb], steps=17)


@pytest.mark.parametrize("guidance_schedule", ["cosine", None, 1])
def test_wrong_guidance_schedules_are_named(either_model, guidance_schedule):
    with pytest.raises(ValueError, match="`guidance_schedule` must be one of"):
        either_model.generate(guidance_schedule=guidance_schedule)
