"""How batches come to Keras's `fit` on TensorFlow.

TensorFlow looks for a better division of the work of reading 5, 10, 20, 41, …
seconds after an epoch begins, and with version 2.21 the end of the epoch may
wait for the next of these: half of them then take twice as long. There is
nothing to divide here, so that it need not look.
"""

from typing import TYPE_CHECKING, Any

import keras
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

if TYPE_CHECKING:
    import tensorflow as tf


def untuned(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """A data set whose reading TensorFlow does not tune."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class Batches(PyDatasetAdapter):
    """Batches of a `keras.utils.PyDataset`, as `fit` takes them for `x`.

    Args:
        batches: a `keras.utils.PyDataset`.
        class_weight: as `fit` takes it, which leaves it to this.
    """

    def get_tf_dataset(self) -> "tf.data.Dataset":
        """What TensorFlow reads."""
        return untuned(super().get_tf_dataset())


class Arrays(ArrayDataAdapter):
    """Arrays in batches, as `fit` takes them for `x`.

    Args:
        x, y, batch_size, shuffle: as `fit` takes them.
    """

    def get_tf_dataset(self) -> "tf.data.Dataset":
        """What TensorFlow reads."""
        return untuned(super().get_tf_dataset())


def fed(batches: Any, class_weight: dict[int, float] | None = None) -> Any:
    """Batches as `fit` takes them best.

    Args:
        batches: a `keras.utils.PyDataset`; anything else is left as it is.
        class_weight: as `fit` takes it.
    """
    if isinstance(batches, keras.utils.PyDataset):
        return Batches(batches, class_weight)
    return batches
