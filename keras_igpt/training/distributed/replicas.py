"""What Keras's `fit` needs to train the same model on several replicas.

Keras 3.15 runs under `tf.distribute`, but divides batches by itself, clips
gradients before it adds them up, and does not add up its figures over workers.
Here each replica gets its own rows of a batch, and a step is that of one
device with all rows.
"""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_igpt.training.callbacks import inner_optimizer, update_variables
from keras_igpt.training.distributed.strategies import check_batches
from keras_igpt.training.distributed.workers import (
    data_part,
    is_multiworker,
    num_replicas,
    part_of,
    strategy_of,
    worker_index,
)
from keras_igpt.training.feeding import Batches, fed, untuned

if TYPE_CHECKING:
    import tensorflow as tf


class ReplicaBatches(Batches):
    """Feeds batches to the replicas: to each its own part, in order.

    Nothing is left for TensorFlow to shard or to batch anew, so that a step
    sees the same rows whatever the number of workers.

    Args:
        batches: a `TokenBatches`.
        strategy: a `tf.distribute.Strategy`.
        class_weight: as `fit` takes it.
    """

    def __init__(
        self,
        batches: Any,
        strategy: Any,
        class_weight: dict[int, float] | None = None,
    ) -> None:
        super().__init__(batches, class_weight)
        self.strategy = strategy

    def get_tf_dataset(self) -> Any:
        """A `tf.distribute.DistributedDataset` of the replicas' parts."""
        return self.strategy.distribute_datasets_from_function(self._parts)

    def _parts(self, context: "tf.distribute.InputContext") -> Any:
        """The parts of this worker's replicas, one after the other."""
        import tensorflow as tf

        local = context.num_replicas_in_sync // context.num_input_pipelines

        def parts():
            for batch in self._get_iterator():
                for replica in range(local):
                    yield keras.tree.map_structure(
                        lambda rows: part_of(rows, replica, local), batch
                    )

        signature = keras.tree.map_structure(
            lambda rows: tf.TensorSpec((None, *rows.shape[1:]), rows.dtype),
            self._standardize_batch(self.py_dataset[0]),
        )
        parts = tf.data.Dataset.from_generator(
            parts, output_signature=signature
        )
        return untuned(parts.prefetch(2 * local))


def divided(
    model: keras.Model,
    batches: Any,
    learns: bool = True,
    class_weight: dict[int, float] | None = None,
) -> Any:
    """Batches as the replicas of a model take them.

    Args:
        model: a `keras.Model`.
        batches: a `TokenBatches`; anything else is left as it is.
        learns: whether they are for `fit`, whose batches must be divided
            evenly. For `evaluate` and `predict` on JAX they must be so, too.
        class_weight: as `fit` takes it, which leaves it to this.

    Raises:
        ValueError: if there is a batch that cannot be divided evenly.
    """
    strategy = strategy_of(model)
    if strategy is None or not hasattr(batches, "worker"):
        return fed(batches, class_weight)
    on_jax = keras.backend.backend() == "jax"
    if learns or on_jax:
        check_batches(strategy, *batches.sizes)
    batches.worker = data_part(strategy)
    if on_jax:
        return fed(batches, class_weight)
    return ReplicaBatches(batches, strategy, class_weight)


def sum_before_clipping(model: keras.Model) -> None:
    """Makes an optimizer add up the replicas' gradients before all else.

    Keras would clip each replica's own, and look at each replica's own for
    what is not finite, and so do another step than one device does.

    Args:
        model: a compiled `keras.Model`.

    Raises:
        ValueError: if the optimizer does what fails under `tf.distribute`.
    """
    if keras.backend.backend() != "tensorflow":
        return
    if num_replicas(strategy_of(model)) == 1 or not model.compiled:
        return
    import tensorflow as tf

    optimizer = model.optimizer
    inner = inner_optimizer(model)
    for name in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
        if getattr(inner, name):
            raise ValueError(
                f"`{name}` must be None in an optimizer of several replicas, "
                "where Keras cannot do it. Received: "
                f"{name}={getattr(inner, name)}."
            )
    if "apply" in vars(optimizer):  # It does so already.
        return
    apply = optimizer.apply

    def apply_sums(grads, trainable_variables=None):
        known = [grad for grad in grads if grad is not None]
        replica = tf.distribute.get_replica_context()
        sums = iter(replica.all_reduce(tf.distribute.ReduceOp.SUM, known))
        grads = [None if grad is None else next(sums) for grad in grads]
        return apply(grads, trainable_variables)

    optimizer.apply = apply_sums
    inner._all_reduce_sum_gradients = lambda pairs: pairs


def first_batch(model: keras.Model, iterator: Any) -> Any:
    """A batch of the first replica, for Keras to build metrics with.

    Args:
        model: a `keras.Model` on TensorFlow.
        iterator: Keras's, of an epoch.
    """
    for _, _, batches in iterator:
        return keras.tree.map_structure(
            lambda rows: model.distribute_strategy.experimental_local_results(
                rows
            )[0],
            next(batches),
        )


def reducible(model: keras.Model, figures: Any) -> Any:
    """A step's figures in the shape in which Keras averages those of workers.

    Args:
        model: a `keras.Model`.
        figures: what a step of Keras returns.
    """
    if keras.backend.backend() != "tensorflow":
        return figures
    if not is_multiworker(strategy_of(model)):
        return figures
    return {
        name: keras.ops.reshape(figure, (1,))
        for name, figure in figures.items()
    }


class RandomStates:
    """What a model's random draws depend on, in training.

    It is the same on all replicas, which draw for the rows of all of them and
    take their own (`layers/primitives.py`). Keras's dropout does not know
    other rows: each replica's has a state of its own.

    Args:
        model: a `keras.Model`.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        # Looked for once: a model is large.
        self.states = [
            variable
            for variable in model.non_trainable_variables
            if variable.name == "seed_generator_state"
        ]
        self.copies, self.first = [], 0
        strategy = strategy_of(model)
        if keras.backend.backend() != "tensorflow" or strategy is None:
            return
        self.copies = [
            strategy.experimental_local_results(
                layer.seed_generator.state.value
            )
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
        ]
        if self.copies:
            self.first = len(self.copies[0]) * worker_index(strategy)

    def seed(self, key: tuple[int, ...]) -> None:
        """Makes what is drawn next a function of some ints."""
        if not self.states:
            return
        update_variables(self.model)
        _seed([state.assign for state in self.states], key)
        if keras.backend.backend() == "torch":
            import torch

            # Its dropout looks at no state, but draws from all there is.
            seeds = np.random.SeedSequence(key).generate_state(1)
            torch.manual_seed(int(seeds[0]))
        for place in range(len(self.copies[0]) if self.copies else 0):
            replica = self.first + place
            if replica:
                assigns = [copies[place].assign for copies in self.copies]
                _seed(assigns, (*key, replica))


def _seed(assigns, key):
    seeds = np.random.SeedSequence(key).generate_state(len(assigns))
    for assign, seed in zip(assigns, seeds):
        assign([int(seed) >> 1, 0])
