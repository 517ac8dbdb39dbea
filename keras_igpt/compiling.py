"""The one place that knows how each Keras backend compiles a function."""

import functools
import operator
import os
import threading
from collections.abc import Callable, Sequence

import keras
from keras import ops

from keras_igpt.operations import FEW_ROWS, inference, loops_on_processors

# Whether networks of convolutions learn with `jit_compile`. Under XLA they are
# slow on processors, and TensorFlow does without; PyTorch's compiler takes
# minutes for small ones. JAX has nothing else: step by step it is far slower.
JIT_CONVOLUTIONS = keras.backend.backend() == "jax"


class CompiledFunction:
    """A function of tensors, compiled for its model as the model is now.

    Compiled code keeps the variables and the arithmetic that it was traced
    with. Before each call the model is compared with what it was then: LoRA,
    quantisation, another dtype policy or other variables lead to a new trace,
    and so do arguments of another structure. Values of variables are read at
    each call. It may be called from several threads.

    Args:
        model: a Keras model or layer whose variables the function reads.
        function: callable on nested tensors and arrays, by position only.
        jit_compile: bool. Use XLA on TensorFlow; JAX always does. PyTorch runs
            the function as it is.
        state: variables beside the model's that the function reads and
            assigns, as those that a sampler draws from.
    """

    def __init__(
        self,
        model: keras.layers.Layer,
        function: Callable,
        jit_compile: bool = False,
        state: Sequence[keras.Variable] = (),
    ) -> None:
        self.model = model
        self.function = function
        self.jit_compile = jit_compile
        self.state = state
        # How often it has been compiled for another state of the model.
        self.num_states = 0
        self._state = None
        self._few_bytes = False
        self._traced = {}
        self._lock = threading.Lock()

    def __call__(self, *args):
        with self._lock:
            state = _State(self.model)
            if self._state != state:
                self._traced = {}
                self._state = state
                self._few_bytes = self.jit_compile and state.few_bytes
                self.num_states += 1
            # A trace is of one structure. TensorFlow refuses others, and keeps
            # a lock then, for which all other threads would wait.
            structure = str(keras.tree.map_structure(self._rows, args))
            if structure not in self._traced:
                self._traced[structure] = self._compile(args)
            traced = self._traced[structure]
        return traced(*args)

    def _rows(self, argument):
        """The length of its first axis, if a trace is to know it."""
        if not self._few_bytes:
            return None
        shape = ops.shape(argument)
        return int(shape[0]) if shape and shape[0] <= FEW_ROWS else None

    def _compile(self, args):
        backend = keras.backend.backend()
        if backend == "tensorflow":
            return _compile_tensorflow(
                self.function, args, self.jit_compile, self._rows
            )
        if backend == "jax":
            return _compile_jax(self.model, self.function, self.state)
        if backend == "torch":
            return _without_gradients(self.function)
        return self.function


class _State:
    """What of a model is part of compiled code."""

    def __init__(self, model):
        # The variables themselves: numbers of freed ones would come back.
        self.variables = model.weights
        self.layers = [
            (layer.dtype_policy.name, layer.trainable)
            for layer in model._flatten_layers()
        ]

    @property
    def few_bytes(self):
        """Whether `product` has any use here."""
        tensorflow = keras.backend.backend() == "tensorflow"
        return (
            tensorflow
            and loops_on_processors()
            and any(one.dtype != "float32" for one in self.variables)
        )

    def __eq__(self, other):
        return (
            isinstance(other, _State)
            and self.layers == other.layers
            and len(self.variables) == len(other.variables)
            and all(map(operator.is_, self.variables, other.variables))
        )


def _compile_tensorflow(function, args, jit_compile, rows):
    """One trace for all sizes of the arguments' first three axes.

    XLA, which `jit_compile` asks for, translates it once per size. A first
    axis of which `rows` gives the length is of that alone.
    """
    import tensorflow as tf

    def any_size(tensor):
        shape = tf.convert_to_tensor(tensor).shape
        free = [rows(tensor), None, None][: len(shape)]
        return tf.TensorSpec(free + shape[3:], tensor.dtype)

    def inferring(*args):
        with inference(jit_compile):
            return function(*args)

    traced = tf.function(
        # TensorFlow counts traces per line of code and warns; these are
        # different functions, which `partial` lets it see.
        functools.partial(inferring),
        input_signature=tf.nest.map_structure(any_size, args),
        autograph=False,
        jit_compile=jit_compile,
    )
    # Traced here, once: TensorFlow would count it, and warn, for each of
    # several threads that call for the first time.
    traced.get_concrete_function()
    return traced


def _compile_jax(model, function, state):
    """The variables travel as arguments, so that new values are seen."""
    import jax

    @jax.jit
    def stateless(values, *args):
        mapping = zip([*model.variables, *state], values, strict=True)
        with keras.StatelessScope(state_mapping=mapping) as scope:
            found = function(*args)
        return found, [scope.get_current_value(one) for one in state]

    def run(*args):
        variables = [*model.variables, *state]
        found, new = stateless([one.value for one in variables], *args)
        for variable, value in zip(state, new, strict=True):
            variable.assign(value)
        return found

    return run


def _without_gradients(function):
    """PyTorch, step by step; arrays become tensors as where it is traced."""
    import torch

    @torch.no_grad()
    def run(*args):
        return function(*keras.tree.map_structure(ops.convert_to_tensor, args))

    return run


def num_workers() -> int:
    """How many batches are best generated side by side.

    On processors one each: compiled loops use little more than one. An
    accelerator takes one batch after the other.
    """
    return os.cpu_count() or 1 if loops_on_processors() else 1
