import keras
import numpy as np
import pytest
from keras import ops

from keras_igpt.compiling import CompiledFunction
from keras_igpt.layers.primitives import Dense, Dropout
from keras_igpt.operations import training_step


@pytest.mark.xla
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_training_step_drops_what_keras_drops(rate):
    x = np.random.default_rng(0).normal(size=(4, 50)).astype("float32")
    layer, keras_layer = (
        Dropout(rate, seed=3),
        keras.layers.Dropout(rate, seed=3),
    )
    with training_step():
        found = ops.convert_to_numpy(layer(x, training=True))
    expected = ops.convert_to_numpy(keras_layer(x, training=True))
    assert (found == 0).any()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.xla
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_drops_as_large_a_share(dtype):
    x = ops.ones((100, 100), dtype)
    with training_step():
        found = Dropout(0.25, seed=0, dtype=dtype)(x, training=True)
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    assert (found == 0).mean() == pytest.approx(0.25, abs=0.02)
    assert found.max() == pytest.approx(1 / 0.75, rel=0.01)


def test_nothing_is_dropped_outside_training():
    x = np.ones((2, 3), "float32")
    with training_step():
        np.testing.assert_array_equal(Dropout(0.5)(x), x)


def dense_pair(dtype="float32", **kwargs):
    """Ours and Keras's, with the same weights."""
    layers = (
        Dense(6, dtype=dtype, **kwargs),
        keras.layers.Dense(6, dtype=dtype, **kwargs),
    )
    for layer in layers:
        generator = np.random.default_rng(1)
        layer.build((None, 8))
        for weight in layer.weights:
            weight.assign(generator.normal(size=weight.shape))
    return layers


def inferred(layer, x, xla):
    run = CompiledFunction(layer, lambda x: layer(x), jit_compile=xla)
    return ops.convert_to_numpy(ops.cast(run(x), "float32"))


@pytest.mark.xla
@pytest.mark.backends
@pytest.mark.parametrize("xla", [True, False])
@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("shape", [(1, 8), (1, 1, 8), (2, 8), (3, 5, 8)])
def test_int8_answers_as_keras_does(shape, use_bias, lora, xla):
    ours, theirs = dense_pair(use_bias=use_bias)
    for layer in (ours, theirs):
        layer.quantize("int8")
        if lora:
            layer.enable_lora(2)
            layer.lora_kernel_a.assign(np.full((8, 2), 0.3))
            layer.lora_kernel_b.assign(np.full((2, 6), 0.2))
    x = np.random.default_rng(2).normal(size=shape).astype("float32")
    np.testing.assert_allclose(
        inferred(ours, x, xla), ops.convert_to_numpy(theirs(x)), rtol=1e-4
    )


@pytest.mark.xla
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16"])
@pytest.mark.parametrize("shape", [(1, 8), (3, 8)])
def test_half_precision_answers_as_keras_does(shape, dtype):
    ours, theirs = dense_pair(dtype, activation="relu", use_bias=True)
    x = np.random.default_rng(2).normal(size=shape).astype("float32")
    expected = ops.convert_to_numpy(ops.cast(theirs(x), "float32"))
    np.testing.assert_allclose(
        inferred(ours, x, True), expected, rtol=2e-2, atol=2e-2
    )


def test_int8_keeps_the_gradient_of_its_input():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("asks TensorFlow for the gradient")
    x = tf.constant(np.random.default_rng(4).normal(size=(3, 8)), tf.float32)
    found = []
    for layer in dense_pair():
        layer.quantize("int8")
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(layer(x) ** 2)
        found.append(tape.gradient(y, x).numpy())
    np.testing.assert_allclose(*found, rtol=1e-5)
