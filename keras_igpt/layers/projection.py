"""Keras's `Dense`, whose int8 form is quick where few rows are multiplied."""

from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor


@keras.saving.register_keras_serializable("keras_igpt")
class Projection(keras.layers.Dense):
    """A matrix, and maybe a bias: as Keras's, but for an int8 kernel's layout.

    Writing an image is reading all weights for each token, so that a quarter
    of the bytes should take a quarter of the time. Keras's int8 kernels are
    of shape `(inputs, units)`, which XLA lays out anew for each product, and
    gains nothing. Those of shape `(units, inputs)` it multiplies as they lie.
    In files they are as Keras's.
    """

    @property
    def kernel(self) -> Any:
        """The kernel, of shape `(inputs, units)`."""
        if self._turned:
            return ops.transpose(self._kernel)
        return super().kernel

    @property
    def _turned(self):
        return self.quantization_mode == "int8"

    def build(self, input_shape: tuple) -> None:
        """Makes the weights."""
        super().build(input_shape)
        self._turn()

    def quantize(
        self, mode: str, type_check: bool = True, config: Any = None
    ) -> None:
        """As Keras's; `type_check` would refuse classes like this."""
        super().quantize(mode, type_check=False, config=config)
        self._turn()

    def _turn(self):
        if not self._turned:
            return
        kernel = ops.transpose(self._kernel)
        del self._kernel
        self._kernel = self.add_weight(
            name="kernel",
            shape=kernel.shape,
            initializer="zeros",
            dtype="int8",
            trainable=False,
        )
        self._kernel.assign(kernel)

    def load_own_variables(self, store: Any) -> None:
        """Takes an int8 kernel of shape `(inputs, units)`, as files have it."""
        if self._turned:
            store = {name: store[name] for name in store.keys()}
            store["0"] = ops.transpose(store["0"])
        super().load_own_variables(store)

    def _get_kernel_with_merged_lora(self):
        if not self._turned:
            return super()._get_kernel_with_merged_lora()
        kernel, scale = self.kernel, self.kernel_scale
        if self.lora_enabled:
            merged = self._float_kernel() + self._lora_scale * ops.matmul(
                self.lora_kernel_a, self.lora_kernel_b
            )
            kernel, scale = keras.quantizers.abs_max_quantize(
                merged, axis=0, to_numpy=True
            )
            scale = scale[0]
        return kernel, scale, None

    @property
    def _lora_scale(self):
        return self.lora_alpha / self.lora_rank

    def _float_kernel(self):
        return ops.cast(self.kernel, self.compute_dtype) / self.kernel_scale

    def _int8_call(self, inputs, training=None):
        @ops.custom_gradient
        def multiplied(inputs):
            def gradient(*args, upstream=None):
                upstream = args[0] if upstream is None else upstream
                return ops.matmul(upstream, ops.transpose(self._float_kernel()))

            return self._multiplied(inputs), gradient

        x = multiplied(inputs)
        if self.lora_enabled:
            more = ops.matmul(inputs, self.lora_kernel_a)
            more = ops.matmul(more, self.lora_kernel_b)
            x = ops.cast(x + self._lora_scale * more, self.compute_dtype)
        if self.bias is not None:
            x = x + self.bias
        return x if self.activation is None else self.activation(x)

    def _multiplied(self, inputs: Tensor) -> Tensor:
        """Inputs of any rank times the int8 kernel, in the compute dtype."""
        shape = ops.shape(inputs)
        rows, scale = inputs, self.kernel_scale
        if self.inputs_quantizer:
            rows, input_scale = self.inputs_quantizer(inputs, axis=-1)
            scale = scale * input_scale
        rows = ops.reshape(rows, (-1, shape[-1]))
        count = ops.shape(rows)[0]
        # A single row XLA multiplies in a loop of its own, which takes half as
        # long again as two: a row of zeros keeps it company.
        alone = count < 2
        static = isinstance(alone, bool)
        missing = int(alone) if static else ops.cast(alone, "int32")
        zeros = ops.zeros((missing, shape[-1]), rows.dtype)
        rows = ops.concatenate([rows, zeros])
        x = ops.matmul(rows, ops.transpose(self._kernel))[:count]
        x = ops.reshape(x, (*shape[:-1], self.units))
        return ops.cast(x, self.compute_dtype) / scale
