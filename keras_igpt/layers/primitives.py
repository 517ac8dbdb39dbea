"""Small layers with the initial values of this model."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.compiling import in_training_step, one_pass, replica

NORM_EPSILON = 1e-5

_EMPTY = contextvars.ContextVar("empty", default=False)


@contextlib.contextmanager
def empty_weights(empty: bool = True) -> Iterator[None]:
    """Within, weights are made of zeros, for a file's to take their place.

    Random ones take time, and twice the memory while they are drawn.

    Args:
        empty: bool. False for parts inside that no released file has: they
            begin at random as ever.
    """
    token = _EMPTY.set(empty)
    try:
        yield
    finally:
        _EMPTY.reset(token)


def _initial(initializer: Any) -> Any:
    return "zeros" if _EMPTY.get() else initializer


@one_pass(learned=2)
def _normalized(x, scale, epsilon):
    return ops.rms_normalization(x, scale, epsilon=epsilon)


@keras.saving.register_keras_serializable("keras_igpt")
class RMSNorm(keras.layers.RMSNormalization):
    """Keras's, of the last axis, in fewer passes over memory."""

    def call(self, x: Tensor) -> Tensor:
        return _normalized(x, self.scale, self.epsilon)


def norm(dtype: Any, name: str) -> RMSNorm:
    """RMS norm with the original iGPT's epsilon."""
    return RMSNorm(epsilon=NORM_EPSILON, dtype=dtype, name=name)


@one_pass(learned=1)
def _dropped(x, draws, rate):
    kept = x / ops.cast(1 - rate, x.dtype)
    return ops.where(draws < rate, ops.zeros_like(x), kept)


@keras.saving.register_keras_serializable("keras_igpt")
class Dropout(keras.layers.Dropout):
    """As Keras's, in fewer passes over memory."""

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if not (training and 0 < self.rate < 1 and in_training_step()):
            return super().call(inputs, training)
        draws = keras.random.uniform(
            ops.shape(inputs), dtype="float32", seed=self.seed_generator
        )
        return _dropped(inputs, draws, ops.cast(self.rate, "float32"))


def zero_dense(
    units: int, dtype: Any, name: str, use_bias: bool = False
) -> keras.layers.Dense:
    """Projection that starts as zero: what it is added to is unchanged."""
    return keras.layers.Dense(
        units,
        use_bias=use_bias,
        kernel_initializer="zeros",
        dtype=dtype,
        name=name,
    )


def table(
    rows: int, hidden_dim: int, dtype: Any, name: str
) -> keras.layers.Embedding:
    """Embeddings that start small."""
    return keras.layers.Embedding(
        rows,
        hidden_dim,
        embeddings_initializer=_initial(
            keras.initializers.RandomNormal(stddev=0.02)
        ),
        dtype=dtype,
        name=name,
    )


def dense(
    units: int, use_bias: bool, scale: float, dtype: Any, name: str
) -> keras.layers.Dense:
    """Projection that starts with variance `scale**2 / inputs`."""
    return keras.layers.Dense(
        units,
        use_bias=use_bias,
        kernel_initializer=_initial(
            keras.initializers.VarianceScaling(
                scale**2, mode="fan_in", distribution="untruncated_normal"
            )
        ),
        dtype=dtype,
        name=name,
    )


def row_uniforms(
    batch: int | Tensor, seed: keras.random.SeedGenerator
) -> Tensor:
    """One random number for each row, whatever replicas divide the rows.

    Args:
        batch: int, or int scalar tensor. Rows of this replica, B; all have as
            many.
        seed: with the same state on all replicas.

    Returns:
        float32 tensor of shape `(B,)`, from 0 to 1.
    """
    index, count = replica()
    draw = keras.random.uniform((batch * count,), seed=seed)
    return draw[index * batch : (index + 1) * batch] if count > 1 else draw
