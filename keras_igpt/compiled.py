"""The one place that knows how each Keras backend compiles a function."""

import functools

import keras


def compile_function(model, function, jit_compile=False):
    """Compiles a function of tensors that reads a model's variables.

    On TensorFlow there is one trace for all sizes of the arguments; inside
    another compiled function the sizes known there are kept, and XLA, which
    `jit_compile` asks for, translates once per size. On JAX the variables
    travel as arguments, so that weights loaded later are seen.

    Args:
        model: a Keras model whose variables the function reads.
        function: callable on nested tensors, positional arguments only.
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

    def any_size(tensor):
        tensor = tf.convert_to_tensor(tensor)
        return tf.TensorSpec([None] * len(tensor.shape), tensor.dtype)

    def call(*args):
        nonlocal compiled
        if compiled is None:
            # Traced inside another function: that trace is the only one.
            signature = None
            if tf.executing_eagerly():
                signature = tf.nest.map_structure(any_size, args)
            compiled = tf.function(
                # TensorFlow counts traces per line of code and warns; these
                # are different functions, which `partial` lets it see.
                functools.partial(lambda *args: function(*args)),
                input_signature=signature,
                autograph=False,
                jit_compile=jit_compile,
            )
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
