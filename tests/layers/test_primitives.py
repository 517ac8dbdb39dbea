import keras
import numpy as np
import pytest
from keras import ops

from keras_igpt.compiling import training_step
from keras_igpt.layers.primitives import Dropout


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
