"""The one place that knows how each Keras backend compiles a function."""

import contextlib
import contextvars
import functools
import operator
import os
import threading
from collections.abc import Callable, Iterator, Sequence

import keras
from keras import ops

from keras_igpt.annotations import Array, Tensor

# Whether networks of convolutions learn with `jit_compile`. Under XLA they are
# slow on processors, and TensorFlow does without; PyTorch's compiler takes
# minutes for small ones. JAX has nothing else: step by step it is far slower.
JIT_CONVOLUTIONS = keras.backend.backend() == "jax"

# Bytes of an array that are copied at once.
PART = 2**22

_PLAIN = contextvars.ContextVar("plain", default=False)
_TRAINING = contextvars.ContextVar("training", default=False)


@contextlib.contextmanager
def plain_operations() -> Iterator[None]:
    """Within, `put` is traced without operations that few runtimes have."""
    token = _PLAIN.set(True)
    try:
        yield
    finally:
        _PLAIN.reset(token)


@contextlib.contextmanager
def training_step(one_pass: bool = True) -> Iterator[None]:
    """Within, functions of `one_pass` are compiled; TensorFlow alone needs it.

    Args:
        one_pass: bool. False, if all of the step is compiled as it is.
    """
    alone = one_pass and keras.backend.backend() == "tensorflow"
    token = _TRAINING.set(alone)
    try:
        yield
    finally:
        _TRAINING.reset(token)


def in_training_step() -> bool:
    """Whether this is traced within a `training_step`, on TensorFlow."""
    return _TRAINING.get()


def one_pass(learned: int) -> Callable[[Callable], Callable]:
    """Decorates a function that treats elements, or rows, by themselves.

    Step by step, each operation reads all elements and writes as many, which
    on processors is a good part of a training step. In a `training_step` XLA
    makes one loop of them, and one of their gradient, which starts from the
    arguments again, so that nothing in between is kept. Products of matrices
    stay outside, for TensorFlow's own are faster.

    Args:
        learned: int. So many of the arguments, the first, have gradients.

    Returns:
        A decorator of a callable on tensors, by position only, to a tensor.
    """

    def decorate(function):
        compiled = functools.cache(
            lambda *specs: _compile_one_pass(function, learned)
        )

        @functools.wraps(function)
        def call(*args):
            if not _TRAINING.get():
                return function(*args)
            import tensorflow as tf

            # Variables too: a gradient is asked of their values.
            args = tuple(map(tf.convert_to_tensor, args))
            return compiled(*((x.dtype, *x.shape) for x in args))(*args)

        return call

    return decorate


def _compile_one_pass(function, learned):
    import tensorflow as tf

    def compiled(function):
        # Another function for each shape, as in `_compile_tensorflow`.
        alone = functools.partial(lambda *args: function(*args))
        return tf.function(alone, autograph=False, jit_compile=True)

    forward = compiled(function)

    @compiled
    def backward(upstream, *args):
        with tf.GradientTape() as tape:
            tape.watch(args[:learned])
            result = function(*args)
        return tape.gradient(result, args[:learned], upstream)

    @tf.custom_gradient
    def run(*args):
        def gradient(upstream):
            none = [None] * (len(args) - learned)
            return [*backward(upstream, *args), *none]

        return forward(*args), gradient

    return run


def put(tensor: Tensor, part: Tensor, index: Tensor, axis: int) -> Tensor:
    """Writes a part of a tensor, a few positions of an axis.

    Args:
        tensor: tensor of rank 3.
        part: tensor of that shape, but for that axis.
        index: int32 scalar tensor. Where the part begins.
        axis: int.

    Returns:
        A tensor of the shape of `tensor`.
    """
    if _PLAIN.get():
        shape = [1, 1, 1]
        shape[axis] = -1
        places = ops.arange(ops.shape(tensor)[axis], dtype="int32") - index
        length = ops.shape(part)[axis]
        inside = ops.logical_and(places >= 0, places < length)
        if part.shape[axis] != 1:
            places = ops.clip(places, 0, length - 1)
            part = ops.take(part, places, axis=axis)
        return ops.where(ops.reshape(inside, shape), part, tensor)
    # In place under XLA, an operation that TensorFlow has from there.
    start = [0, 0, 0]
    start[axis] = index
    return ops.slice_update(tensor, start, part)


def assign_part(
    variable: keras.Variable, array: Array, start: int = 0, axis: int = 0
) -> None:
    """Gives a part of a variable new values; no large copy is made.

    Args:
        variable: of any type, which the values get.
        array: of its shape, but for `axis`; in any order in memory.
        start: int. Where the part begins.
        axis: int. Along which axis.
    """
    place = [start if i == axis else 0 for i in range(array.ndim)]
    if keras.backend.backend() != "tensorflow":
        values = ops.cast(array, variable.dtype)
        variable.assign(ops.slice_update(variable, place, values))
        return
    import tensorflow as tf

    rows = max(1, PART // array[:1].nbytes)
    for first in range(0, len(array), rows):
        part = tf.cast(array[first : first + rows], variable.dtype)
        begin = [place[0] + first, *place[1:]]
        # Not `variable[start:stop].assign`: it reads the variable first, and
        # what is being read is copied before it is written to.
        tf.raw_ops.ResourceStridedSliceAssign(
            ref=variable.value.handle,
            begin=begin,
            end=[a + b for a, b in zip(begin, part.shape)],
            strides=[1] * array.ndim,
            value=part,
        )


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
        self._traced = {}
        self._lock = threading.Lock()

    def __call__(self, *args):
        with self._lock:
            state = _State(self.model)
            if self._state != state:
                self._traced = {}
                self._state = state
                self.num_states += 1
            # A trace is of one structure. TensorFlow refuses others, and keeps
            # a lock then, for which all other threads would wait.
            structure = str(keras.tree.map_structure(lambda _: 0, args))
            if structure not in self._traced:
                self._traced[structure] = self._compile(args)
            traced = self._traced[structure]
        return traced(*args)

    def _compile(self, args):
        backend = keras.backend.backend()
        if backend == "tensorflow":
            return _compile_tensorflow(self.function, args, self.jit_compile)
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

    def __eq__(self, other):
        return (
            isinstance(other, _State)
            and self.layers == other.layers
            and len(self.variables) == len(other.variables)
            and all(map(operator.is_, self.variables, other.variables))
        )


def _compile_tensorflow(function, args, jit_compile):
    """One trace for all sizes of the arguments' first three axes.

    XLA, which `jit_compile` asks for, translates it once per size.
    """
    import tensorflow as tf

    def any_size(tensor):
        shape = tf.convert_to_tensor(tensor).shape
        free = [None] * min(len(shape), 3)
        return tf.TensorSpec(free + shape[3:], tensor.dtype)

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


def replica() -> tuple[int | Tensor, int]:
    """Which of the replicas of `tf.distribute` asks, and how many there are.

    Returns:
        Tuple of an int, or an int32 scalar tensor, from 0; and an int, 1 if a
        model is not divided by rows, or this is no step of it.
    """
    if keras.backend.backend() != "tensorflow":
        return 0, 1
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None:
        return 0, 1
    return context.replica_id_in_sync_group, context.num_replicas_in_sync


def num_workers() -> int:
    """How many batches are best generated side by side.

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
