"""Tests of the Transformer block."""

import keras
import numpy as np
import pytest

from keras_igpt.layers.block import TransformerBlock


def test_config_makes_the_same_layer():
    layer = TransformerBlock(8, 2, 3, "quick_gelu", dropout=0.1)
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("part", ["attention", "feed_forward"])
def test_block_adds_each_part_to_its_input(part):
    block = TransformerBlock(8, 2)
    block.build()
    for name in {"attention", "feed_forward"} - {part}:
        kernel = getattr(block, name).output_projection.kernel
        kernel.assign(np.zeros(kernel.shape))
    x = np.random.default_rng(0).normal(size=(1, 3, 8)).astype("float32")
    bias = np.zeros((1, 1, 3, 3), "float32")
    out, _ = block(x, bias)
    if part == "attention":
        added, _ = block.attention(block.attention_norm(x), bias)
    else:
        added = block.feed_forward(block.feed_forward_norm(x))
    np.testing.assert_allclose(out, x + np.asarray(added), atol=1e-5)
