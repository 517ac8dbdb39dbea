import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_igpt import operations
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
    operations.assign_part(layer.kernel, part, 1, axis)
    expected[(1, slice(None)) if axis == 0 else (slice(None), 1)] = 7
    np.testing.assert_array_equal(layer.kernel, expected)


def test_large_arrays_arrive_in_parts(layer, monkeypatch):
    monkeypatch.setattr(operations, "PART", 8)
    new = np.arange(6, dtype="float32").reshape(2, 3).T
    operations.assign_part(layer.kernel, new)
    np.testing.assert_array_equal(layer.kernel, new)


@pytest.mark.parametrize("axis", [1, 2])
def test_put_writes_one_place(axis):
    tensor = np.zeros((2, 3, 4), "float32")
    part = np.ones([1 if i == axis else s for i, s in enumerate((2, 3, 4))])
    found = np.asarray(operations.put(tensor, part.astype("float32"), 1, axis))
    assert np.take(found, 1, axis).all()
    assert found.sum() == part.sum()


@pytest.mark.parametrize("places", [[2], [2, 0]])
@pytest.mark.parametrize("axis", [1, 2])
def test_plain_operations_put_the_same(axis, places):
    generator = np.random.default_rng(0)
    tensor = generator.normal(size=(2, 3, 4)).astype("float32")
    part = np.take(tensor, places, axis) + 1
    wanted = np.asarray(operations.put(tensor, part, 1, axis))
    with operations.plain_operations():
        found = np.asarray(operations.put(tensor, part, 1, axis))
    np.testing.assert_array_equal(found, wanted)


@operations.one_pass(learned=1)
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
    with operations.training_step():
        found, (of_x, of_factor) = value_and_gradients(x, factor)
    np.testing.assert_allclose(found, y, rtol=1e-6)
    np.testing.assert_allclose(of_x, gradient, rtol=1e-6)
    assert of_factor is None  # only the first is learned


def calls(function, *args):
    graph = tf.function(function).get_concrete_function(*args).graph
    return sum("Call" in one.type for one in graph.get_operations())


def test_functions_are_compiled_in_training_steps_alone():
    def step(x, **kwargs):
        with operations.training_step(**kwargs):
            return scaled(x, 2.0)

    x = tf.constant([1.0])
    assert calls(step, x) == 1
    assert calls(lambda x: step(x, one_pass=False), x) == 0
    assert calls(lambda x: scaled(x, 2.0), x) == 0


def random(shape, dtype="float32"):
    values = np.random.default_rng(0).normal(size=shape)
    return tf.cast(20 * values if dtype == "int8" else values, dtype)


class Kernel(keras.Layer):
    """A matrix of a type, multiplied over and over in a loop."""

    def __init__(self, kernel):
        super().__init__()
        self.kernel = self.add_weight(
            name="kernel", shape=kernel.shape, dtype=kernel.dtype.name
        )
        self.kernel.assign(kernel)

    def call(self, x):
        # The sum, for the next product to differ from the one before.
        return operations.product(x, self.kernel)

    def loop(self, x, times):
        def body(i, x):
            return i + 1, keras.ops.tanh(self(x))

        return keras.ops.while_loop(lambda i, x: i < times, body, (0, x))[1]


def decoding(kernel, xla=True):
    layer = Kernel(kernel)
    return CompiledFunction(layer, layer.loop, jit_compile=xla)


@pytest.mark.xla
@pytest.mark.parametrize("xla", [True, False])
@pytest.mark.parametrize("dtype", ["int8", "bfloat16", "float16"])
@pytest.mark.parametrize("rows", [(1,), (1, 1), (2, 1), (1, 3), (5,)])
def test_products_are_those_of_floats(dtype, rows, xla):
    kernel, x = random((8, 8), dtype), random((*rows, 8))
    found = decoding(kernel, xla)(x, np.int32(2))
    wanted = x
    for _ in range(2):
        wanted = np.tanh(wanted @ np.asarray(kernel).astype("float32"))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def what_loops_carry(run, x):
    """The types of what XLA's loops keep, as `u8[8,16]`."""
    run(x, np.int32(2))
    (traced,) = run._traced.values()
    text = traced.experimental_get_compiler_ir(x, np.int32(2))(
        stage="optimized_hlo"
    )
    return "".join(line for line in text.splitlines() if " while(" in line)


@pytest.mark.xla
@pytest.mark.parametrize(
    "dtype, rows, kept",
    [
        ("int8", 1, "u8"),
        ("int8", 4, "u8"),
        ("bfloat16", 1, "u16"),
        ("bfloat16", 2, "u16"),
        ("bfloat16", 3, "f32"),
        ("int8", 5, "f32"),
    ],
)
def test_loops_keep_weights_as_they_are_stored(dtype, rows, kept):
    carried = what_loops_carry(
        decoding(random((64, 64), dtype)), random((rows, 64))
    )
    others = {"u8", "u16", "f32", "s32", "bf16", "s8"} - {kept}
    assert f"{kept}[64,64]" in carried
    assert not any(f"{other}[64,64]" in carried for other in others)


def test_few_rows_have_traces_of_their_own():
    run = decoding(random((8, 8), "int8"))
    for rows in (1, 2, 5, 7):
        assert run(random((rows, 8)), np.int32(1)).shape == (rows, 8)
    assert len(run._traced) == 3


def test_float32_has_one_trace_for_all():
    run = decoding(random((8, 8)))
    for rows in (1, 2, 5):
        run(random((rows, 8)), np.int32(1))
    assert len(run._traced) == 1
