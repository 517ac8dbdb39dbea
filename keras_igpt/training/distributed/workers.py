"""Who does which part: replicas, workers and their chief.

A replica is a copy of the model that takes a part of each batch, on a device
or, with model parallelism, on several. A worker is a process, and the chief
the one that writes files. `strategy` is a `tf.distribute.Strategy`, a
`keras.distribution.Distribution`, or None for one device.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_igpt.training.rows import bounds


def strategy_of(model: keras.Model) -> Any:
    """The strategy that a model is trained with; None for one device."""
    backend = keras.backend.backend()
    if backend == "jax":
        return keras.distribution.distribution()
    return model._distribute_strategy if backend == "tensorflow" else None


def scope(strategy: Any) -> Any:
    """The context in which a strategy's models are made; None has one too."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def fit_scope(strategy: Any) -> Any:
    """The context in which they are fitted. (TensorFlow's know by themselves.)

    There variables made by the chief alone would wait for other workers.
    """
    return scope(strategy if _is_of_keras(strategy) else None)


def _is_of_keras(strategy):
    return isinstance(
        strategy,
        keras.distribution.DataParallel | keras.distribution.ModelParallel,
    )


def num_replicas(strategy: Any) -> int:
    """Into how many parts a strategy divides a batch; 1 for None."""
    if strategy is None:
        return 1
    if hasattr(strategy, "num_replicas_in_sync"):
        return strategy.num_replicas_in_sync
    return strategy.num_model_replicas


def data_part(strategy: Any) -> tuple[int, int]:
    """Which part of each batch this process takes, and of how many."""
    if _is_of_keras(strategy):
        count = min(strategy.num_processes, strategy.num_model_replicas)
        return strategy.data_shard_id, count
    return worker_index(strategy), num_workers(strategy)


def num_workers(strategy: Any) -> int:
    """How many processes there are, this one among them, on TensorFlow."""
    resolver = getattr(strategy, "cluster_resolver", None)
    jobs = resolver.cluster_spec().as_dict() if resolver else {}
    return max(sum(len(hosts) for hosts in jobs.values()), 1)


def is_multiworker(strategy: Any) -> bool:
    """Whether there are other workers than this process."""
    return num_workers(strategy) > 1


def worker_index(strategy: Any) -> int:
    """The number of this process among all workers, from 0."""
    if not is_multiworker(strategy):
        return 0
    resolver = strategy.cluster_resolver
    chiefs = len(resolver.cluster_spec().as_dict().get("chief", ()))
    return resolver.task_id + chiefs * (resolver.task_type == "worker")


def is_chief(strategy: Any) -> bool:
    """Whether this process is the one that writes files."""
    return worker_index(strategy) == 0


def part_of(rows: Any, index: int, count: int) -> Any:
    """One of `count` parts of some rows, which are as even as can be.

    Args:
        rows: array, or what can be sliced like one.
        index: int. Which part.
        count: int.
    """
    first, last = bounds(len(rows), index, count)
    return rows[first:last]


# === Workers together ===


def wait_for_all(strategy: Any) -> None:
    """Returns when all workers have come here."""
    if is_multiworker(strategy):
        from_chief(strategy, np.zeros(1, "float32"))


def from_chief(strategy: Any, array: np.ndarray) -> np.ndarray:
    """An array as the chief has it. All workers call it.

    Args:
        strategy: as `new_strategy` returns it.
        array: of the same shape on all workers.
    """
    if not is_multiworker(strategy):
        return array
    import tensorflow as tf

    def value(context):
        first = context.replica_id_in_sync_group == 0
        return tf.constant(array if first else np.zeros_like(array))

    values = strategy.experimental_distribute_values_from_function(value)
    return strategy.reduce("SUM", values, axis=None).numpy()


def share_weights(strategy: Any, weights: Iterable[keras.Variable]) -> None:
    """Gives weights their values at the chief, on all workers and devices.

    Args:
        strategy: as `new_strategy` returns it; None for one device.
        weights: variables made outside of its scope.
    """
    for weight in weights:
        if _is_of_keras(strategy):
            layout = keras.distribution.TensorLayout(
                [None] * len(weight.shape), strategy.device_mesh
            )
            weight.assign(
                keras.distribution.distribute_tensor(weight.value, layout)
            )
        elif is_multiworker(strategy):
            value = keras.ops.convert_to_numpy(weight)
            weight.assign(from_chief(strategy, value))


@contextlib.contextmanager
def explained(strategy: Any) -> Iterator[None]:
    """Within, an error that comes of a lost worker says so.

    Raises:
        ConnectionError: if another worker has ended or cannot be reached.
    """
    if not is_multiworker(strategy):
        yield
        return
    import tensorflow as tf

    lost = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.InternalError,
    )
    try:
        yield
    except lost as error:
        said = " ".join(error.message.split()).partition("} ")[2][:160]
        raise ConnectionError(
            "All workers must live until the end. Received: another one has "
            f"ended or cannot be reached ({said} …). Start all of them again "
            "with --resume."
        ) from error
