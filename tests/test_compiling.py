import logging
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_igpt import compiling
from keras_igpt.compiling import CompiledFunction


@pytest.fixture
def layer():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    return layer


@pytest.mark.parametrize("axis", [0, 1])
def test_part_of_a_variable_takes_its_place(layer, axis):
    expected = np.asarray(layer.kernel).copy()
    part = np.full((1, 2) if axis == 0 else (3, 1), 7, "float32")
    compiling.assign_part(layer.kernel, part, 1, axis)
    expected[(1, slice(None)) if axis == 0 else (slice(None), 1)] = 7
    np.testing.assert_array_equal(layer.kernel, expected)


def test_large_arrays_arrive_in_parts(layer, monkeypatch):
    monkeypatch.setattr(compiling, "PART", 8)
    new = np.arange(6, dtype="float32").reshape(2, 3).T
    compiling.assign_part(layer.kernel, new)
    np.testing.assert_array_equal(layer.kernel, new)


@pytest.mark.xla
@pytest.mark.parametrize("jit_compile", [True, False])
def test_compiled_equals_plain(layer, jit_compile):
    x = np.ones((4, 3), "float32")
    run = CompiledFunction(layer, lambda x: layer(x), jit_compile)
    np.testing.assert_allclose(np.asarray(run(x)), layer(x), rtol=1e-6)


def test_one_trace_serves_all_sizes(layer):
    traces = []

    def function(x, scales):
        traces.append(1)
        return layer(x) * scales["a"][:, None]

    run = CompiledFunction(layer, function)
    for size in (1, 5, 2):
        scales = {"a": np.ones(size, "float32")}
        assert run(np.ones((size, 3), "float32"), scales).shape == (size, 2)
    assert len(traces) == 1


def test_arguments_of_another_structure_get_a_trace_of_their_own(layer):
    run = CompiledFunction(layer, lambda given: sum(given.values()))
    one = np.ones(2, "float32")
    assert np.asarray(run({"a": one})).tolist() == [1, 1]
    assert np.asarray(run({"a": one, "b": one})).tolist() == [2, 2]
    assert run.num_states == 1


def test_threads_share_one_trace(layer):
    traces = []

    def function(x):
        traces.append(1)
        return layer(x)

    run = CompiledFunction(layer, function)
    inputs = [np.full((i + 1, 3), i, "float32") for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(run, inputs))
    assert len(traces) == 1
    for x, y in zip(inputs, outputs, strict=True):
        np.testing.assert_allclose(np.asarray(y), layer(x), rtol=1e-6)


def test_first_calls_side_by_side_raise_no_warning(layer):
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = tf.get_logger()
    logger.addHandler(handler)

    def function(x):
        time.sleep(0.2)  # all others have begun by then
        return layer(x)

    run = CompiledFunction(layer, function)
    inputs = [np.ones((i + 1, 3), "float32") for i in range(8)]
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(run, inputs))
    finally:
        logger.removeHandler(handler)
    assert not messages


def test_compiled_sees_new_weights(layer):
    run = CompiledFunction(layer, lambda x: layer(x))
    x = np.ones((1, 3), "float32")
    before = np.asarray(run(x))
    layer.kernel.assign(layer.kernel * 2)
    np.testing.assert_allclose(np.asarray(run(x)), 2 * before, rtol=1e-6)


@pytest.mark.parametrize("axis", [1, 2])
def test_put_writes_one_place(axis):
    tensor = np.zeros((2, 3, 4), "float32")
    part = np.ones([1 if i == axis else s for i, s in enumerate((2, 3, 4))])
    found = np.asarray(compiling.put(tensor, part.astype("float32"), 1, axis))
    assert np.take(found, 1, axis).all()
    assert found.sum() == part.sum()


@pytest.mark.parametrize("places", [[2], [2, 0]])
@pytest.mark.parametrize("axis", [1, 2])
def test_plain_operations_put_the_same(axis, places):
    generator = np.random.default_rng(0)
    tensor = generator.normal(size=(2, 3, 4)).astype("float32")
    part = np.take(tensor, places, axis) + 1
    wanted = np.asarray(compiling.put(tensor, part, 1, axis))
    with compiling.plain_operations():
        found = np.asarray(compiling.put(tensor, part, 1, axis))
    np.testing.assert_array_equal(found, wanted)


@compiling.one_pass(learned=1)
def scaled(x, factor):
    return keras.ops.silu(x) * factor


def value_and_gradients(x, factor):
    with tf.GradientTape() as tape:
        tape.watch([x, factor])
        y = tf.reduce_sum(scaled(x, factor) ** 2)
    return y, tape.gradient(y, [x, factor])


@pytest.mark.xla
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_one_pass_has_the_gradient_of_the_function(shape):
    generator = np.random.default_rng(0)
    x, factor = (tf.constant(generator.normal(size=shape)) for _ in "xf")
    y, (gradient, _) = value_and_gradients(x, factor)
    with compiling.training_step():
        found, (of_x, of_factor) = value_and_gradients(x, factor)
    np.testing.assert_allclose(found, y, rtol=1e-6)
    np.testing.assert_allclose(of_x, gradient, rtol=1e-6)
    assert of_factor is None  # only the first is learned


def calls(function, *args):
    graph = tf.function(function).get_concrete_function(*args).graph
    return sum("Call" in one.type for one in graph.get_operations())


def test_functions_are_compiled_in_training_steps_alone():
    def step(x, **kwargs):
        with compiling.training_step(**kwargs):
            return scaled(x, 2.0)

    x = tf.constant([1.0])
    assert calls(step, x) == 1
    assert calls(lambda x: step(x, one_pass=False), x) == 0
    assert calls(lambda x: scaled(x, 2.0), x) == 0
