"""Operations that Keras lacks, or that its backends are slow at.

Some depend on what they are traced for, which contexts here say.
"""

import contextlib
import contextvars
import functools
import math
from collections.abc import Callable, Iterator

import keras
from keras import ops

from keras_igpt.annotations import Array, Tensor

# Bytes of an array that are copied at once.
PART = 2**22

# At most so many rows are multiplied one by one by weights of few bytes: if
# all of them read no more than one does of float32.
FEW_ROWS = 4

_PLAIN = contextvars.ContextVar("plain", default=False)
_TRAINING = contextvars.ContextVar("training", default=False)
_XLA = contextvars.ContextVar("xla", default=None)


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


@contextlib.contextmanager
def inference(xla: bool) -> Iterator[None]:
    """Within, what is traced has no gradients.

    It matters to TensorFlow on processors only.

    Args:
        xla: bool. Whether XLA compiles it.
    """
    tensorflow = keras.backend.backend() == "tensorflow"
    known = tensorflow and loops_on_processors()
    token = _XLA.set(xla if known else None)
    try:
        yield
    finally:
        _XLA.reset(token)


def in_inference(xla: bool = False) -> bool:
    """Whether this is traced within `inference`, by TensorFlow on processors.

    Args:
        xla: bool. Ask whether XLA compiles it as well.
    """
    return bool(_XLA.get()) if xla else _XLA.get() is not None


def loops_on_processors() -> bool:
    """Whether compiled loops run on processors: not on PyTorch, nor on GPUs."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_physical_devices("GPU")
    if backend == "jax":
        import jax

        return jax.default_backend() == "cpu"
    return False


def loop_dtype(dtype: str) -> str:
    """The type of what a loop multiplies again and again, and writes to.

    On processors XLA has products of float32 alone: of anything else it would
    make float32 in each step.
    """
    return "float32" if loops_on_processors() else dtype


def product(x: Tensor, kernel: Tensor) -> Tensor:
    """`matmul(x, kernel)`, which reads weights of few bytes as they are.

    Decoding is reading all weights for each token. XLA would make float32 of
    them before its loop, once for all, and read those. A barrier ties them to
    the row that they are multiplied with, so that they are converted within
    the product: of one row only, else XLA writes them to memory between.

    Args:
        x: float tensor of shape `(..., inputs)`.
        kernel: tensor of shape `(inputs, units)`, of any type that is exact
            in float32.

    Returns:
        float32 tensor of shape `(..., units)`.
    """
    import tensorflow as tf

    kernel = tf.convert_to_tensor(kernel)
    x = tf.cast(x, "float32")
    stored = kernel.dtype
    rows = None if None in x.shape[:-1] else math.prod(x.shape[:-1])
    few = rows and rows * stored.size <= FEW_ROWS
    if not (few and in_inference(xla=True)):
        return tf.matmul(x, tf.cast(kernel, "float32"))
    # Turned, a unit's weights lie side by side. XLA turns them before the loop
    # only for the sake of something else to be done there, as this.
    turned = tf.bitcast(tf.transpose(kernel), f"uint{8 * stored.size}")
    found = []
    for row in tf.split(tf.reshape(x, (rows, kernel.shape[0])), rows):
        weights, row = barrier([turned, row])
        weights = tf.cast(tf.bitcast(weights, stored), "float32")
        found.append(tf.matmul(row, weights, transpose_b=True))
    return tf.reshape(tf.concat(found, 0), (*x.shape[:-1], kernel.shape[1]))


def barrier(tensors: list[Tensor]) -> list[Tensor]:
    """The tensors, which XLA knows together or not at all."""
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    return gen_xla_ops.xla_optimization_barrier(input=tensors)


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
