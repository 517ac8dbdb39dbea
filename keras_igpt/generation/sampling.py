"""Logits and one uniform number in, one token out.

Every image has numbers of its own that decide it. They are hashed from its
seed, so that an image does not depend on the batch it shares; a token is
drawn by the inverse of the cumulative distribution.

Axes: B batch, V vocabulary.
"""

import numpy as np
from keras import ops

from keras_igpt.annotations import Tensor

# Numbers added up at once in a cumulative sum.
GROUP = 32

# What each step of a search adds to the exponent and mantissa of a float.
EXPONENT_STEPS = np.array([2**i for i in range(7, -1, -1)] + 23 * [0], "int32")

MANTISSA_STEPS = np.array(8 * [0] + [2**i for i in range(22, -1, -1)], "int32")


def uniforms(seeds: Tensor, count: int) -> Tensor:
    """Uniform numbers in [0, 1) from seeds, by a counter-based hash.

    Integer operations only (the finaliser "lowbias32" of Chris Wellons,
    https://nullprogram.com/blog/2018/07/31/, applied to the counter, then to
    that and the hashed seed), so that every backend, compiled or not, gives
    the same numbers.

    Args:
        seeds: int32 tensor of shape `(B,)`.
        count: int. Numbers per seed.

    Returns:
        float32 tensor of shape `(B, count)`.
    """
    counters = _hash(ops.arange(count, dtype="int32") + 1)
    seeds = _hash(ops.cast(seeds, "int32") + 0x3C6EF372)
    bits = _hash(ops.bitwise_xor(counters[None, :], seeds[:, None]))
    return ops.cast(_shift_right(bits, 8), "float32") * 2.0**-24


def _hash(x):
    """Bijective scrambling of int32; products wrap around."""
    x = ops.bitwise_xor(x, _shift_right(x, 16)) * 0x7FEB352D
    x = ops.bitwise_xor(x, _shift_right(x, 15)) * (0x846CA68B - 2**32)
    return ops.bitwise_xor(x, _shift_right(x, 16))


def _shift_right(x, bits):
    """Shifts int32 right, filling with zeros."""
    return ops.bitwise_and(
        ops.bitwise_right_shift(x, bits), 2 ** (32 - bits) - 1
    )


def truncate(probabilities: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Drops unlikely tokens: all but the `top_k`, then the `top_p` nucleus.

    The nucleus is the smallest set of likeliest tokens that holds at least
    `top_p` of what `top_k` left (Holtzman et al. 2020,
    https://arxiv.org/abs/1904.09751). Tokens exactly as likely as the last
    one kept are kept too.

    Args:
        probabilities: float32 tensor of shape `(B, V)`.
        top_k: int32 tensor of shape `(B,)`, V for all.
        top_p: float32 tensor of shape `(B,)`, 1 for all.

    Returns:
        float32 tensor of shape `(B, V)`, not normalised.
    """
    vocabulary_size = ops.shape(probabilities)[-1]
    kept = _keep_largest(
        probabilities,
        ops.ones_like(probabilities),
        ops.cast(top_k, "float32"),
        top_k < vocabulary_size,
    )
    target = top_p * ops.sum(kept, axis=-1)
    return _keep_largest(kept, kept, target, top_p < 1)


def _keep_largest(probabilities, weights, target, rows):
    """Keeps the largest entries until their weights reach the target.

    Sorting a whole vocabulary costs more than finding the one threshold, which
    is built bit by bit, exactly: the eight bits of a float's exponent, then
    the 23 of its mantissa. Both are small integers, since few runtimes can
    look at the bits of a float, and some compute large integers as floats.
    Where no row of `rows` is True the search is left out.
    """

    def try_bit(step, exponent, mantissa):
        higher = (
            exponent + ops.take(EXPONENT_STEPS, step),
            mantissa + ops.take(MANTISSA_STEPS, step),
        )
        reached = probabilities >= _float_of(*higher)[:, None]
        weight = ops.sum(ops.where(reached, weights, 0.0), axis=-1)
        enough = weight >= target
        return (
            step + 1,
            ops.where(enough, higher[0], exponent),
            ops.where(enough, higher[1], mantissa),
        )

    count = len(EXPONENT_STEPS)
    zeros = ops.zeros_like(target, "int32")
    _, *threshold = ops.while_loop(
        lambda step, *_: step < count,
        try_bit,
        (ops.where(ops.any(rows), 0, count), zeros, zeros),
    )
    dropped = probabilities < _float_of(*threshold)[:, None]
    dropped = ops.logical_and(rows[:, None], dropped)
    return ops.where(dropped, 0.0, probabilities)


def _float_of(exponent, mantissa):
    """float32 numbers, not negative, from the two fields of their bits."""
    significand = ops.cast(mantissa, "float32")
    significand = significand + ops.cast(exponent > 0, "float32") * 2.0**23
    powers = np.ldexp(np.float32(1), np.maximum(np.arange(256), 1) - 150)
    return significand * ops.take(powers.astype("float32"), exponent)


def sample(
    logits: Tensor,
    uniform: Tensor,
    temperature: Tensor,
    top_k: Tensor,
    top_p: Tensor,
) -> Tensor:
    """Turns one uniform number into one token per row.

    Args:
        logits: float32 tensor of shape `(B, V)`.
        uniform: float32 tensor of shape `(B,)` in [0, 1).
        temperature: float32 tensor of shape `(B,)`. 0 is greedy.
        top_k: int32 tensor of shape `(B,)`, V for all.
        top_p: float32 tensor of shape `(B,)`, 1 for all.

    Returns:
        int32 tensor of shape `(B,)`.
    """
    greedy = temperature == 0
    probabilities = ops.softmax(
        logits / ops.where(greedy, 1.0, temperature)[:, None]
    )
    probabilities = truncate(probabilities, top_k, top_p)
    cumulative = _cumulative_sum(probabilities)
    reached = cumulative <= uniform[:, None] * cumulative[:, -1:]
    token = ops.sum(ops.cast(reached, "int32"), axis=-1)
    # Not `argmax`, which in Keras looks at bits as well.
    count = ops.shape(logits)[-1]
    most = ops.max(logits, axis=-1, keepdims=True)
    places = ops.where(
        logits == most, ops.arange(count, dtype="int32"), count - 1
    )
    likeliest = ops.min(places, axis=-1)
    # Rounding may place the last step above the number it should reach.
    token = ops.minimum(token, count - 1)
    return ops.where(greedy, likeliest, token)


def _cumulative_sum(x):
    """Cumulative sum along the last axis, as products with triangles.

    Compilers turn those into fast code, which they do not with `cumsum`: a
    sum within groups of 32, then over the groups before.
    """
    count = x.shape[-1]
    groups = -(-count // GROUP)
    x = ops.pad(x, [(0, 0), (0, groups * GROUP - count)])
    x = ops.reshape(x, (-1, groups, GROUP))
    within = ops.matmul(x, np.triu(np.ones((GROUP, GROUP), "float32")))
    before = np.triu(np.ones((groups, groups), "float32"), k=1)
    before = ops.matmul(within[:, :, -1], before)  # (B, groups)
    total = ops.reshape(within + before[:, :, None], (-1, groups * GROUP))
    return total[:, :count]
