"""The one place that knows how each Keras backend compiles a function."""

import contextlib
import contextvars
import functools
import os
import threading

import keras
from keras import ops

_PLAIN = contextvars.ContextVar("plain", default=False)


@contextlib.contextmanager
def plain_operations():
    """Within, `put` is traced without operations that few runtimes have."""
    token = _PLAIN.set(True)
    try:
        yield
    finally:
        _PLAIN.reset(token)


def put(tensor, part, index, axis):
    """Writes a part of a tensor, a few positions of an axis.

    Args:
        tensor: tensor of rank 3.
        part: tensor of that shape, but for that axis; with plain operations
            its length there is 1.
        index: int32 scalar tensor. Where the part begins.
        axis: int.

    Returns:
        A tensor of the shape of `tensor`.
    """
    if _PLAIN.get():
        shape = [1, 1, 1]
        shape[axis] = -1
        places = ops.arange(ops.shape(tensor)[axis], dtype="int32")
        return ops.where(ops.reshape(places == index, shape), part, tensor)
    # In place under XLA, an operation that TensorFlow has from there.
    start = [0, 0, 0]
    start[axis] = index
    return ops.slice_update(tensor, start, part)


def compile_function(model, function, jit_compile=False):
    """Compiles a function of tensors that reads a model's variables.

    On TensorFlow there is one trace for all sizes of the arguments' first three
    axes; XLA, which `jit_compile` asks for, translates it once per size. On
    JAX the variables travel as arguments, so that weights loaded later are
    seen. The result may be called from several threads.

    Args:
        model: a Keras model whose variables the function reads.
        function: callable on nested tensors and arrays, by position only.
        jit_compile: bool. Use XLA on TensorFlow; JAX always does.

    Returns:
        A callable with the function's arguments.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _compile_tensorflow(function, jit_compile)
    if backend == "jax":
        return _compile_jax(model, function)
    if backend == "torch":
        import torch

        return torch.no_grad()(function)
    return function


def _compile_tensorflow(function, jit_compile):
    import tensorflow as tf

    compiled = None
    lock = threading.Lock()

    def any_size(tensor):
        shape = tf.convert_to_tensor(tensor).shape
        free = [None] * min(len(shape), 3)
        return tf.TensorSpec(free + shape[3:], tensor.dtype)

    def compile_for(args):
        traced = tf.function(
            # TensorFlow counts traces per line of code and warns; these are
            # different functions, which `partial` lets it see.
            functools.partial(lambda *args: function(*args)),
            input_signature=tf.nest.map_structure(any_size, args),
            autograph=False,
            jit_compile=jit_compile,
        )
        # Traced here, once: TensorFlow would count it, and warn, for each of
        # several threads that call for the first time.
        traced.get_concrete_function()
        return traced

    def call(*args):
        nonlocal compiled
        with lock:
            compiled = compiled or compile_for(args)
        return compiled(*args)

    return call


def _compile_jax(model, function):
    import jax

    @jax.jit
    def stateless(values, *args):
        mapping = zip(model.variables, values, strict=True)
        with keras.StatelessScope(state_mapping=mapping):
            return function(*args)

    return lambda *args: stateless(
        [variable.value for variable in model.variables], *args
    )


def num_workers():
    """How many batches are best painted side by side.

    On processors one each: compiled loops use little more than one. An
    accelerator takes one batch after the other.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        accelerators = tf.config.list_physical_devices("GPU")
    elif backend == "jax":
        import jax

        accelerators = jax.default_backend() != "cpu"
    else:
        return 1
    return 1 if accelerators else os.cpu_count() or 1
