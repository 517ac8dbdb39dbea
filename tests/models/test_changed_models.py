"""Tests that compiled functions follow a model that is changed.

Each verb is called, the model is changed, and the verb's answer is compared
with that of a model that has never been called before the change.
"""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from small_models import ORDERS, make_model

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), "uint8")
MASK = np.zeros((8, 8), bool)
MASK[2:5, 2:7] = True
SAMPLING = {"labels": [0, 1], "seed": 3, "jit_compile": False}

VERBS = {
    "generate": lambda model: model.generate(**SAMPLING),
    "edit": lambda model: model.edit(IMAGES, "inpaint", MASK, **SAMPLING),
    "score": lambda model: model.score(IMAGES, labels=[0, 1]),
    "features": lambda model: model.features(IMAGES),
}


def new_model(order="raster"):
    model = make_model(image_size=(8, 8), edits=("inpaint",), **ORDERS[order])
    for block in model.blocks:
        randomize(block.weights, seed=1)
    return model


def randomize(weights, seed):
    generator = np.random.default_rng(seed)
    for weight in weights:
        weight.assign(generator.normal(size=weight.shape, scale=0.5))


def first_projection(block):
    """To queries, keys and values; of a block that asks, to queries."""
    attention = block.attention
    return attention.query if attention.asks else attention.query_key_value


def add_lora(model):
    for block in model.blocks:
        layer = first_projection(block)
        layer.enable_lora(2)
        randomize([layer.lora_kernel_a, layer.lora_kernel_b], seed=2)


def load_weights(model, tmp_path):
    other = new_model(model.config["order"])
    randomize([first_projection(block).kernel for block in other.blocks], 5)
    other.save_weights(tmp_path / "other.weights.h5")
    model.load_weights(tmp_path / "other.weights.h5")


def lower_precision(model):
    tokenizer = {id(part) for part in model.tokenizer._flatten_layers()}
    for part in model._flatten_layers():
        if id(part) not in tokenizer:
            part.dtype_policy = keras.DTypePolicy("mixed_bfloat16")


def freeze_and_train(model):
    model.blocks[0].trainable = False
    model.compile(keras.optimizers.SGD(1.0))
    data = {"image": IMAGES, "label": [0, 1]}
    model.fit(
        model.prepare(data, batch_size=2, shuffle=False, edit_share=1.0),
        verbose=0,
    )


CHANGES = {
    "lora": lambda model, path: add_lora(model),
    "quantize": lambda model, path: model.quantize("int8"),
    "load_weights": load_weights,
    "dtype_policy": lambda model, path: lower_precision(model),
    "trainable": lambda model, path: freeze_and_train(model),
}


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("change", CHANGES)
def test_verbs_follow_a_change(change, order, tmp_path):
    model = new_model(order)
    before = {name: verb(model) for name, verb in VERBS.items()}
    keras.utils.set_random_seed(0)
    CHANGES[change](model, tmp_path)
    keras.utils.set_random_seed(0)
    copy = new_model(order)
    CHANGES[change](copy, tmp_path)
    for name, verb in VERBS.items():
        after = verb(model)
        np.testing.assert_array_equal(after, verb(copy), err_msg=name)
        # Rounding alone need not change a token.
        if change != "dtype_policy" or after.dtype != np.uint8:
            assert (after != before[name]).any(), name


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_threads_see_a_change_at_once(verb):
    model = new_model()
    verb = VERBS[verb]
    before = verb(model)
    add_lora(model)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: verb(model), range(8)))
    assert (answers[0] != before).any()
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])
