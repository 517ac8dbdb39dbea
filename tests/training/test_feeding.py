"""Tests of how batches come to `fit`."""

import keras
import numpy as np
import pytest

from keras_igpt.training.feeding import Arrays, Batches, fed


class Points(keras.utils.PyDataset):
    """Two batches of points and their classes."""

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return np.full((3, 1), float(i), "float32"), np.full((3,), i)


def arrays():
    return Arrays(np.zeros((6, 1), "float32"), np.zeros(6), batch_size=3)


@pytest.mark.parametrize("make", [lambda: fed(Points()), arrays])
def test_tensorflow_does_not_tune_the_reading(make):
    pytest.importorskip("tensorflow")
    assert make().get_tf_dataset().options().autotune.enabled is False


def test_classes_keep_their_weights():
    batches = Batches(Points(), {0: 1.0, 1: 5.0}).get_numpy_iterator()
    weights = [batch[2].tolist() for batch in batches]
    assert weights == [[1.0] * 3, [5.0] * 3]


def test_other_data_stay_as_they_are():
    data = object()
    assert fed(data) is data


@pytest.mark.backends
def test_batches_are_what_fit_takes():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    ended = []
    batches = Points()
    batches.on_epoch_end = lambda: ended.append(True)
    history = model.fit(fed(batches), epochs=2, verbose=0).history["loss"]
    assert len(history) == 2 and np.isfinite(history).all()
    assert ended
