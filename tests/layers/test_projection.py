import keras
import numpy as np
import pytest
from keras import ops

from keras_igpt.layers.projection import Projection


def pair(use_bias=False):
    """Ours and Keras's, of the same weights."""
    keras.utils.set_random_seed(0)
    ours = Projection(6, use_bias=use_bias)
    theirs = keras.layers.Dense(6, use_bias=use_bias)
    for layer in (ours, theirs):
        layer.build((None, 8))
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        mine.assign(np.random.default_rng(1).normal(size=mine.shape))
        other.assign(mine)
    return ours, theirs


def answers(layers, shape=(3, 5, 8)):
    x = np.random.default_rng(2).normal(size=shape).astype("float32")
    return [ops.convert_to_numpy(layer(x)) for layer in layers]


@pytest.fixture(params=[False, True], ids=["no bias", "bias"])
def quantized(request):
    layers = pair(request.param)
    for layer in layers:
        layer.quantize("int8")
    return layers


@pytest.mark.backends
@pytest.mark.parametrize("shape", [(1, 8), (1, 1, 8), (2, 8), (3, 5, 8)])
def test_int8_answers_as_keras_does(quantized, shape):
    ours, theirs = answers(quantized, shape)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_int8_kernel_is_seen_as_keras_has_it(quantized):
    ours, theirs = (ops.convert_to_numpy(one.kernel) for one in quantized)
    np.testing.assert_array_equal(ours, theirs)


def add_lora(layers):
    ours, theirs = layers
    for layer in layers:
        layer.enable_lora(2)
    generator = np.random.default_rng(3)
    for name in ("lora_kernel_a", "lora_kernel_b"):
        values = generator.normal(size=getattr(ours, name).shape)
        getattr(ours, name).assign(values)
        getattr(theirs, name).assign(values)


@pytest.mark.parametrize("lora", [False, True], ids=["plain", "LoRA"])
def test_files_hold_what_keras_writes(quantized, lora):
    if lora:
        add_lora(quantized)
    ours, theirs = {}, {}
    quantized[0].save_own_variables(ours)
    quantized[1].save_own_variables(theirs)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_array_equal(
            ops.convert_to_numpy(ours[name]), ops.convert_to_numpy(theirs[name])
        )


def test_keras_files_are_read(quantized):
    store = {}
    quantized[1].save_own_variables(store)
    read, _ = pair(quantized[0].use_bias)
    read.quantize("int8")
    read.load_own_variables(store)
    ours, theirs = answers([read, quantized[1]])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_lora_on_int8_answers_as_keras_does(quantized):
    add_lora(quantized)
    ours, theirs = answers(quantized)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_dtype_policy_makes_int8_from_the_start():
    layer = Projection(6, dtype="int8_from_float32")
    layer.build((None, 8))
    assert tuple(layer.kernel.shape) == (8, 6)
    layer(np.ones((2, 8), "float32"))


def test_gradients_pass_an_int8_kernel():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("asks TensorFlow for the gradient")
    ours, theirs = pair()
    x = tf.constant(np.random.default_rng(4).normal(size=(3, 8)), tf.float32)
    found = []
    for layer in (ours, theirs):
        layer.quantize("int8")
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(layer(x) ** 2)
        found.append(tape.gradient(y, x).numpy())
    np.testing.assert_allclose(*found, rtol=1e-5)
