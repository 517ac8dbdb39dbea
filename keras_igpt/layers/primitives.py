"""Small layers with the initial values of this model."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.operations import (
    in_inference,
    in_training_step,
    one_pass,
    product,
    replica,
)

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


@keras.saving.register_keras_serializable("keras_igpt")
class Dense(keras.layers.Dense):
    """As Keras's, but decoding reads weights of few bytes as they are.

    What int8 weights are multiplied with is rounded as Keras does, and then
    multiplied as floats: TensorFlow is slow at products of whole numbers.
    """

    def quantize(
        self,
        mode: str | None = None,
        type_check: bool = True,
        config: Any = None,
    ) -> None:
        """As Keras's, whose `type_check` refuses classes made of its own."""
        super().quantize(mode, type_check=False, config=config)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        whole = self.variable_dtype == "float32" or self.lora_enabled
        if whole or not in_inference(xla=True):
            return super().call(inputs, training=training)
        return self._finished(product(inputs, self._kernel))

    def quantized_call(
        self, inputs: Tensor, training: bool | None = None
    ) -> Tensor:
        """`call`, where weights are whole numbers."""
        other = self.quantization_mode != "int8" or self.lora_enabled
        if other or not in_inference():
            return super().quantized_call(inputs, training=training)
        if self.inputs_quantizer:
            rows, scale = self.inputs_quantizer(inputs, axis=-1)
            # Divided last: XLA repeats what is cheaper for each weight.
            inputs = ops.cast(rows, "float32") / ops.cast(scale, "float32")
        x = product(inputs, self._kernel)
        return self._finished(x / ops.cast(self.kernel_scale, "float32"))

    def _finished(self, x):
        x = ops.cast(x, self.compute_dtype)
        x = x if self.bias is None else x + self.bias
        return x if self.activation is None else self.activation(x)


def zero_dense(
    units: int, dtype: Any, name: str, use_bias: bool = False
) -> Dense:
    """Projection that starts as zero: what it is added to is unchanged."""
    return Dense(
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
) -> Dense:
    """Projection that starts with variance `scale**2 / inputs`."""
    return Dense(
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
