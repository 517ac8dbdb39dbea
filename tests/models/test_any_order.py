"""Tests of the network that reads and asks in any order."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import ops
from small_models import make_model, some_inputs

import keras_igpt
from keras_igpt.generation.parallel import grow
from keras_igpt.models.config import ORIGINAL
from keras_igpt.models.transfer import from_model, save_packed

VARIANTS = {
    "default": {},
    "original": {**ORIGINAL, "use_bias": True},
    "unconditional": {"num_classes": 0},
    "oblong": {"image_size": (2, 7)},
    "captions": {"text_length": 6},
    "class as start": {"start": "class", "cell_embedding": False},
    "deeper": {"num_layers": 4, "scale_by_layer": True},
}


@pytest.fixture(scope="module", params=VARIANTS)
def model(request):
    return make_model(order="any", **VARIANTS[request.param])


def random_order(model, seed=0):
    return np.random.default_rng(seed).permutation(model.num_cells)


def in_order(model, inputs, order):
    """Logits of every cell, asked in an order."""
    order = np.tile(order.astype("int32"), (len(inputs["tokens"]), 1))
    return np.asarray(model({**inputs, "order": order}))


def begun(model, inputs, cells):
    """Caches of the prompt and known cells, with room for all."""
    cells = np.tile(np.array(cells, "int32"), (3, 1))
    tokens = np.take_along_axis(inputs["tokens"], cells, axis=1)
    conditions = {k: v for k, v in inputs.items() if k != "tokens"}
    known = np.ones(cells.shape, bool)
    caches = model.prefill_known(conditions, tokens, cells, known)
    return grow(caches, model.prompt_length + 1 + model.num_cells)


def check_group(model, inputs, caches, cells, expected):
    cells = np.tile(np.array(cells, "int32"), (3, 1))
    found = np.asarray(model.ask(cells, caches))
    wanted = np.take_along_axis(expected, cells[..., None], axis=1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_groups_with_caches_are_one_pass_with_their_plan(model):
    inputs, order = some_inputs(model), random_order(model)
    groups = np.split(order, [1, 4, 9])
    plan = np.empty((3, model.num_cells), "int32")
    for step, group in enumerate(groups):
        plan[:, group] = step
    expected = np.asarray(model({**inputs, "plan": plan}))
    caches = begun(model, inputs, [])
    index = model.prompt_length + 1
    for group in groups:
        check_group(model, inputs, caches, group, expected)
        cells = np.tile(group.astype("int32"), (3, 1))
        tokens = np.take_along_axis(inputs["tokens"], cells, axis=1)
        valid = np.ones(cells.shape, bool)
        place = ops.convert_to_tensor(index, "int32")
        caches = model.read_group(tokens, cells, valid, place, caches)
        index += len(group)


@pytest.mark.parametrize("count", [1, 6])
def test_known_cells_are_read_as_one_after_the_other(model, count):
    inputs, order = some_inputs(model), random_order(model)
    caches = begun(model, inputs, order[:count])
    expected = in_order(model, inputs, order)
    check_group(model, inputs, caches, order[count : count + 1], expected)


def test_a_token_changes_only_cells_asked_later(model):
    inputs, order = some_inputs(model), random_order(model)
    before = in_order(model, inputs, order)
    changed = {**inputs, "tokens": inputs["tokens"].copy()}
    changed["tokens"][:, order[5]] = (changed["tokens"][:, order[5]] + 1) % 5
    moved = np.abs(in_order(model, changed, order) - before).max((0, 2)) > 1e-6
    assert moved[order].tolist() == [False] * 6 + [True] * (len(order) - 6)


def test_without_an_order_it_is_row_by_row(model):
    inputs = some_inputs(model)
    expected = in_order(model, inputs, np.arange(model.num_cells))
    np.testing.assert_allclose(model(inputs), expected, atol=1e-6)


def test_source_is_told_to_the_cells(tiny_images):
    model = make_model(order="any", edits=("inpaint",))
    kernel = model.source_encoder.output_projection.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    inputs = {**some_inputs(model), "edit": np.ones(3, "int32")}
    known = np.full((3, 4, 4, 1), 255, "uint8")
    dark, light = (
        np.asarray(model({**inputs, "source": np.concatenate(x, -1)}))
        for x in ((known * 0, known), (known, known))
    )
    assert (np.abs(dark - light).max(axis=(0, 2)) > 1e-6).all()


# === Which order it is ===


def test_file_says_which_order_it_is(any_model, tiny_model, tmp_path):
    for model, order in ((any_model, "any"), (tiny_model, "raster")):
        model.save(tmp_path / "m.keras")
        with zipfile.ZipFile(tmp_path / "m.keras") as archive:
            config = json.loads(archive.read("config.json"))["config"]
        assert config["order"] == order


def test_cells_are_not_walked_in_a_model_of_any_order(any_model):
    inputs = some_inputs(any_model)
    for call in (
        lambda: any_model.prefill(inputs, inputs["tokens"][:, :2]),
        lambda: any_model.empty_caches(2),
        lambda: any_model.step(inputs["tokens"][:, :1], np.int32(0), {}),
        lambda: any_model(inputs, start=False),
    ):
        with pytest.raises(ValueError, match="must be 'raster'.*order='any'"):
            call()


def test_groups_are_not_asked_of_a_model_that_writes_row_by_row(tiny_model):
    inputs = some_inputs(tiny_model)
    tokens = inputs["tokens"]
    for call in (
        lambda: tiny_model({**inputs, "order": tokens}),
        lambda: tiny_model({**inputs, "plan": tokens}),
        lambda: tiny_model.prefill_known(inputs, tokens, tokens, tokens > 0),
        lambda: tiny_model.ask(tokens, {}),
        lambda: tiny_model.read_group(tokens, tokens, tokens > 0, 0, {}),
    ):
        with pytest.raises(ValueError, match="must be 'any'.*order='raster'"):
            call()


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"order": "random"}, "`order` must be one of"),
        ({"steps": 4}, "`steps` must be None with the order 'raster'"),
        ({"order": "any", "steps": 0}, "`steps` must be an int"),
        ({"order": "any", "steps": 17}, "`steps` must be .* at most 16"),
        ({"order": "any", "steps": 4.0}, "`steps` must be an int"),
        ({"order": "any", "steps": True}, "`steps` must be an int"),
        ({"order": "any", "num_layers": 3}, "`num_layers` must be even"),
        ({"order": "any", "objective": "bert"}, "`order` must be 'raster'"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_model(**wrong)


# === Made of it ===


def test_model_made_of_it_begins_with_its_logits(any_model):
    more = from_model(any_model, dropout=0.1)
    inputs = some_inputs(any_model)
    np.testing.assert_allclose(more(inputs), any_model(inputs), atol=1e-6)
    assert more.config["order"] == "any"


def test_packed_it_generates_the_same(any_model, tmp_path):
    save_packed(any_model, tmp_path / "m.keras")
    again = keras_igpt.load(tmp_path / "m.keras")
    asked = {"labels": [0, 1, 2], "temperature": 0, "jit_compile": False}
    np.testing.assert_array_equal(
        again.generate(**asked), any_model.generate(**asked)
    )


@pytest.mark.xla
def test_classifier_reads_it_and_loads_again(any_model, tiny_images, tmp_path):
    made = keras_igpt.ImageGPTClassifier.from_model(any_model, num_classes=2)
    made.compile()
    data = {"image": tiny_images, "label": np.arange(8) % 2}
    made.fit(made.prepare(data, batch_size=8), verbose=0)
    made.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    tokens = any_model.tokenizer.encode_all(tiny_images).astype("int32")
    np.testing.assert_allclose(
        again({"tokens": tokens}), made({"tokens": tokens}), atol=1e-6
    )


def test_it_is_no_original_igpt(tmp_path):
    model = make_model(order="any", num_classes=0, **ORIGINAL)
    with pytest.raises(ValueError, match="'order': 'any'"):
        keras_igpt.openai.save(model, tmp_path / "a")


# === Scores ===


def test_score_may_be_of_random_orders(any_model, tiny_images):
    one, two = (
        any_model.score(tiny_images, orders=3, seed=seed) for seed in (0, 1)
    )
    assert (one != two).all() and (one != any_model.score(tiny_images)).all()


def test_score_of_random_orders_is_their_mean(any_model, tiny_images):
    tokens = any_model.tokenizer.encode_all(tiny_images)
    inputs = {"tokens": tokens, **any_model.null_conditions(8)}
    cells = np.tile(np.arange(16), (2, 1))
    orders = np.random.default_rng(4).permuted(cells, axis=1)
    nats = []
    for order in orders:
        logits = in_order(any_model, inputs, order).astype("float64")
        logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        taken = np.take_along_axis(logs, tokens[..., None].astype(int), -1)
        nats.append(-taken.sum((1, 2)))
    found = any_model.score(tiny_images, orders=2, seed=4)
    np.testing.assert_allclose(found, np.mean(nats, axis=0), rtol=1e-5)


def test_score_of_random_orders_does_not_depend_on_the_batch(
    any_model, tiny_images
):
    together = any_model.score(tiny_images, orders=2)
    alone = any_model.score(tiny_images[3], orders=2)
    np.testing.assert_allclose(together[3], alone[0], rtol=1e-6)


@pytest.mark.parametrize("orders", [0, -1, 1.5, True, "many"])
def test_wrong_numbers_of_orders_are_named(any_model, tiny_images, orders):
    with pytest.raises(ValueError, match="`orders` must be a positive int"):
        any_model.score(tiny_images, orders=orders)


def test_rows_have_one_order(tiny_model, tiny_images):
    with pytest.raises(ValueError, match="`orders` must be None"):
        tiny_model.score(tiny_images, orders=2)


# === Features ===


def test_features_in_the_middle_are_what_was_read(any_model, tiny_images):
    tokens = any_model.tokenizer.encode_all(tiny_images)
    inputs = any_model.in_decode_order(
        {"tokens": tokens.astype("int32"), **any_model.null_conditions(8)}
    )
    states = any_model.hidden_states(inputs)
    assert len(states) == len(any_model.blocks) + 1
    expected = np.asarray(any_model.memory.norm(states[1])).mean(axis=1)
    np.testing.assert_allclose(
        any_model.features(tiny_images), expected, atol=1e-5
    )


@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_features_tell_images_apart(any_model, tiny_images, layer):
    found = any_model.features(tiny_images, layer)
    assert len(np.unique(found.round(4), axis=0)) == len(tiny_images)
