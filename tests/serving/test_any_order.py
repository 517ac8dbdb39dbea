"""Tests of exported models that write in any order."""

import numpy as np
import pytest
import tensorflow as tf
from run_served import Served
from small_models import make_model

from keras_igpt.generation.plans import make_plan, plan_numbers
from keras_igpt.generation.sampling import uniforms

LABELS = np.array([b"0", b"2", b"1"])
SEEDS = np.int32([5, 6, 9])


def png(images):
    """Images as files, an array of bytes objects."""
    files = [tf.io.encode_png(image).numpy() for image in np.asarray(images)]
    return np.array(files, object)


@pytest.fixture(scope="module")
def model():
    return make_model(order="any", steps=4, edits=("inpaint",))


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    return Served(model.export(tmp_path_factory.mktemp("served") / "m"))


def in_python(model, **asked):
    labels, seed = [0, 2, 1], SEEDS
    return png(model.generate(labels, seed=seed, jit_compile=False, **asked))


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("steps", [1, 3, 7, 16])
def test_every_number_of_steps_answers_as_python_does(
    served, model, steps, scale
):
    request = {
        "label": LABELS,
        "seed": SEEDS,
        "steps": np.int32([steps]),
        "guidance_scale": np.float32([scale]),
    }
    found = served("generate", request)["image_bytes"]
    wanted = in_python(model, steps=steps, guidance_scale=scale)
    assert list(found) == list(wanted)


def test_steps_are_those_of_the_model_by_default(served, model):
    request = {"label": LABELS, "seed": SEEDS}
    found = served("generate", request)["image_bytes"]
    assert list(found) == list(in_python(model, steps=4))


def test_rows_may_have_steps_of_their_own(served, model):
    request = {"label": LABELS, "seed": SEEDS, "steps": np.int32([2, 16, 5])}
    found = served("generate", request)["image_bytes"]
    for i, steps in enumerate((2, 16, 5)):
        assert found[i] == in_python(model, steps=steps)[i]


def test_guidance_may_grow(served, model):
    request = {
        "label": LABELS,
        "seed": SEEDS,
        "guidance_scale": np.float32([6]),
        "guidance_linear": np.int32([1]),
    }
    found = served("generate", request)["image_bytes"]
    asked = {"guidance_scale": 6.0, "guidance_schedule": "linear"}
    assert list(found) == list(in_python(model, **asked))


def test_holes_are_filled_as_python_does(served, model):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 4, 4, 1), "uint8")
    masks = np.zeros((3, 4, 4), bool)
    masks[0, 1:3, 2:] = masks[1] = masks[2, 3, 3] = True
    request = {
        "image": png(images),
        "mask": png(masks[..., None] * np.uint8(255)),
        "label": LABELS,
        "seed": SEEDS,
        "steps": np.int32([8]),
    }
    found = served("edit_inpaint", request)["image_bytes"]
    asked = {"labels": [0, 2, 1], "seed": SEEDS, "jit_compile": False}
    wanted = model.edit(images, "inpaint", masks, steps=8, **asked)
    assert list(found) == list(png(wanted))


@pytest.mark.parametrize("labels", [LABELS, LABELS[:1]], ids=["each", "all"])
def test_score_is_that_of_python(served, model, labels):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), "uint8")
    found = served("score", {"image": png(images), "label": labels})["nats"]
    numbers = [int(label) for label in labels] * (3 // len(labels))
    wanted = model.score(images, labels=numbers)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("steps", [0, -1, 17])
def test_wrong_steps_are_named(served, steps):
    message = "`steps` must be from 1 to 16, the number of cells"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served("generate", {"label": LABELS, "steps": np.int32([steps])})


@pytest.mark.parametrize("linear", [-1, 2])
def test_wrong_schedules_are_named(served, linear):
    request = {"label": LABELS, "guidance_linear": np.int32([linear])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be 0 or 1"):
        served("generate", request)


def test_model_that_writes_row_by_row_has_no_steps(tiny_model, tmp_path):
    path = tiny_model.export(tmp_path / "m", names=["generate"])
    assert "steps" not in Served(path).signatures["generate"].inputs


def numbers(model, steps):
    """A request of the signature `tokens`."""
    plan = make_plan(np.zeros((3, 16), bool), model.decode_order, steps)
    return {
        "label": np.int32([0, 2, 1]),
        "uniforms": np.asarray(uniforms(SEEDS, 16)),
        "temperature": np.ones(3, "float32"),
        "top_k": np.zeros(3, "int32"),
        "top_p": np.ones(3, "float32"),
        "guidance_scale": np.float32([1, 1, 3]),
        "plan": plan_numbers(plan),
    }


@pytest.mark.parametrize("steps", [1, 4, 16])
def test_numbers_alone_take_a_plan(served, model, steps):
    request = numbers(model, steps)
    found = served("tokens", request)["tokens"]
    images = in_python(model, steps=steps, guidance_scale=[1, 1, 3])
    assert list(png(model.tokenizer.decode_all(found))) == list(images)


def test_plan_is_the_models_by_default(served, model):
    request = numbers(model, model.config["steps"])
    found = served("tokens", request)["tokens"]
    del request["plan"]
    np.testing.assert_array_equal(served("tokens", request)["tokens"], found)


def test_litert_gives_equal_tokens(served, model, tmp_path):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    path = model.export(tmp_path / "m.tflite", format="litert")
    runner = litert.Interpreter(str(path)).get_signature_runner("tokens")
    request = numbers(model, 5)
    np.testing.assert_array_equal(
        runner(**request)["tokens"], served("tokens", request)["tokens"]
    )
