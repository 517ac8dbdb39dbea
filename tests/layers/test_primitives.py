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


def test_nothing_is_dropped_outside_training():
    x = np.ones((2, 3), "float32")
    with training_step():
        np.testing.assert_array_equal(Dropout(0.5)(x), x)
