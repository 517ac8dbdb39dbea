"""Tests of the names of weights: complete, each once, and of whom."""

import numpy as np
import pytest
from small_models import make_model

from keras_igpt.models.config import ORIGINAL
from keras_igpt.pretrained.openai import names as openai_names
from keras_igpt.pretrained.openai.names import Sizes
from keras_igpt.pretrained.tensor_files import Tensor

SIZES = Sizes(2, 2, 16, 64, 16, 5)


def test_rows_are_all_weights_of_a_model():
    model = make_model(num_classes=0, **{**ORIGINAL, "use_bias": True})
    shapes = {
        weight.path.partition("/")[2]: tuple(weight.shape)
        for weight in model.weights
        if "codebook" not in weight.path
    }
    rows = {row.place: row for row in openai_names.rows(SIZES)}
    assert set(rows) == set(shapes)
    for place, row in rows.items():
        shape = row.shape[::-1] if row.transposed else row.shape
        assert shape == shapes[place]


@pytest.mark.parametrize(
    "name, buffer",
    [
        ("transformer.h.0.attn.bias", True),
        ("transformer.h.0.attn.masked_bias", True),
        ("transformer.h.0.attn.c_attn.bias", False),
        ("transformer.h.0.mlp.c_fc.bias", False),
    ],
)
def test_buffers_are_told_from_biases(name, buffer):
    assert openai_names.is_buffer(name) == buffer


@pytest.mark.parametrize(
    "name, left_out",
    [
        ("global_step", True),
        ("gen_step", True),
        ("model/wte/adam_m", True),
        ("model/clf/wclf", True),
        ("model/h0/attn/q_proj", False),
    ],
)
def test_what_training_left_is_told_from_weights(name, left_out):
    assert openai_names.is_of_training(name) == left_out


def test_heads_become_columns():
    """Head h of a query is `x @ columns[h D : (h + 1) D]`."""
    generator = np.random.default_rng(0)
    shapes = openai_names.tensorflow_shapes(SIZES, start=True)
    arrays = {k: generator.normal(size=shape) for k, shape in shapes.items()}
    tensors = {k: Tensor(a.shape, lambda a=a: a) for k, a in arrays.items()}
    found = openai_names.from_tensorflow(tensors, SIZES)
    matrix = found["transformer.h.1.attn.c_attn.weight"].read()
    x = generator.normal(size=16)
    for part, name in enumerate(("q_proj", "k_proj", "v_proj")):
        for head in range(2):
            begin = 16 * part + 8 * head
            np.testing.assert_allclose(
                x @ matrix[:, begin : begin + 8],
                arrays[f"model/h1/attn/{name}"][head] @ x,
            )
