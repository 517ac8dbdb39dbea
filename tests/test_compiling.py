import logging
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_igpt.compiling import CompiledFunction


@pytest.fixture
def layer():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    return layer


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
