"""Tests of the class as START, and of the other switches of places."""

import numpy as np
import pytest
from small_models import make_model, some_inputs

import keras_igpt
from keras_igpt.generation.loop import grow

SWITCHES = {
    "start": "class",
    "cell_embedding": False,
    "rotary_base": 10_000.0,
    "plain_guidance": True,
}
ADDED = {"text_length": 6, "edits": ("inpaint",)}


@pytest.fixture(scope="module", params=[{}, ADDED], ids=["class", "all"])
def model(request):
    made = make_model(**{**SWITCHES, "trained": False, **request.param})
    random = np.random.default_rng(7)
    layers = [made.head]
    if request.param:
        layers.append(made.prompt_summary.output_projection)
        layers.append(made.source_encoder.output_projection)
    for layer in layers:
        shape = layer.kernel.shape
        layer.kernel.assign(random.normal(size=shape, scale=0.5))
    return made


def inputs_of(model):
    inputs = some_inputs(model)
    if model.edit_set.names:
        source = np.random.default_rng(1).integers(0, 256, (3, 4, 4, 2))
        inputs["source"] = source.astype("uint8")
        inputs["edit"] = np.ones(3, "int32")
    return inputs


@pytest.mark.parametrize("read", [0, 1, 5])
def test_cached_logits_are_those_of_a_full_pass(model, read):
    inputs = inputs_of(model)
    tokens = inputs.pop("tokens")
    caches = grow(model.prefill(inputs, tokens[:, :read]), model.num_cells)
    before = np.pad(tokens, [(0, 0), (1, 0)], constant_values=model.start_token)
    found = []
    for cell in range(read, model.num_cells):
        previous = before[:, cell : cell + 1]
        logits, caches = model.step(previous, np.int32(cell), caches)
        found.append(np.asarray(logits)[:, 0])
    expected = np.asarray(model({"tokens": tokens, **inputs}))[:, read:]
    np.testing.assert_allclose(np.stack(found, 1), expected, atol=1e-5)


def test_cells_see_those_before_them_alone(model):
    inputs = inputs_of(model)
    changed = {**inputs, "tokens": inputs["tokens"].copy()}
    changed["tokens"][:, 6] = (changed["tokens"][:, 6] + 1) % 5
    first, second = np.asarray(model(inputs)), np.asarray(model(changed))
    np.testing.assert_array_equal(first[:, :7], second[:, :7])
    assert np.any(first[:, 7] != second[:, 7])


def test_class_changes_the_first_cell(model):
    inputs = inputs_of(model)
    other = {**inputs, "label": (inputs["label"] + 1) % 3}
    assert np.all(np.any(model(inputs)[:, 0] != model(other)[:, 0], axis=-1))


def test_nothing_stands_in_front(model):
    assert model.prompt_length == 0


def test_saved_and_loaded_it_generates_the_same(model, tmp_path):
    model.save(tmp_path / "m.keras")
    again = keras_igpt.load(tmp_path / "m.keras")
    assert {k: again.config[k] for k in SWITCHES} == SWITCHES
    asked = {"labels": [0, 2], "guidance_scale": 2.0, "jit_compile": False}
    np.testing.assert_array_equal(
        model.generate(**asked, seed=0), again.generate(**asked, seed=0)
    )


def test_image_does_not_depend_on_its_batch(model):
    asked = {"guidance_scale": 2.0, "guidance_interval": (2, 9), "top_k": 3}
    both = model.generate(labels=[0, 2], seed=[4, 5], **asked)
    alone = model.generate(labels=[2], seed=[5], **asked)
    np.testing.assert_array_equal(both[1:], alone)


def test_known_cells_are_kept(model):
    images = np.random.default_rng(0).integers(0, 5, (2, 16)).astype("int32")
    images = model.tokenizer.decode_all(images)
    masks = np.zeros((4, 4), bool)
    masks[1:3, 2:] = True
    found = model.edit(images, "inpaint", masks, 1, seed=0)
    np.testing.assert_array_equal(found[:, ~masks], images[:, ~masks])


def test_features_and_scores_are_finite(model):
    images = np.zeros((2, 4, 4, 1), "uint8")
    assert np.all(np.isfinite(model.features(images)))
    assert np.all(np.isfinite(model.score(images, labels=[0, 1])))


# === The arguments ===


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"start": "class", "num_classes": 0}, "`start` must be 'token'"),
        ({"start": "class", "objective": "bert"}, "`start` must be 'token'"),
        ({"start": "row"}, "`start` must be one of"),
        (
            {"cell_embedding": False, "positions": "learned"},
            "`cell_embedding` must be True",
        ),
        ({"rotary_base": 0.0}, "`rotary_base` must be a number above 1"),
        ({"rotary_base": "100"}, "`rotary_base` must be a number above 1"),
        ({"rotary_base": float("nan")}, "`rotary_base` must be a number"),
    ],
)
def test_arguments_that_do_not_fit(arguments, words):
    with pytest.raises(ValueError, match=words):
        make_model(**arguments)
