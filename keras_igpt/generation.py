"""The decoding loop: tokens in, tokens out; it knows no pictures.

Every picture has numbers of its own that decide it: the loop draws nothing,
it turns one uniform number per cell into one token by the inverse of the
cumulative distribution. The numbers are hashed from the picture's seed, so a
picture does not depend on the batch it shares.

Axes: B batch, N cells, V vocabulary.
"""

import numpy as np
from keras import ops

from keras_igpt.compiled import compile_function

MAX_SEED = 2**31 - 1


def uniforms(seeds, count):
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
    x = ops.bitwise_xor(x, _shift_right(x, 15)) * np.int32(0x846CA68B - 2**32)
    return ops.bitwise_xor(x, _shift_right(x, 16))


def _shift_right(x, bits):
    """Shifts int32 right, filling with zeros."""
    return ops.bitwise_and(
        ops.bitwise_right_shift(x, bits), 2 ** (32 - bits) - 1
    )


def truncate(probabilities, top_k, top_p):
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
    descending = -ops.sort(-probabilities, axis=-1)
    ranks = ops.arange(ops.shape(probabilities)[-1])
    descending = ops.where(ranks < top_k[:, None], descending, 0.0)
    cumulative = ops.cumsum(descending, axis=-1)
    before = cumulative - descending
    kept = before < top_p[:, None] * cumulative[:, -1:]
    kept = ops.logical_and(kept, ranks < top_k[:, None])
    kept = ops.logical_or(kept, ranks == 0)
    least = ops.min(ops.where(kept, descending, 1.0), axis=-1, keepdims=True)
    return ops.where(probabilities >= least, probabilities, 0.0)


def sample(logits, uniform, temperature, top_k=None, top_p=None):
    """Turns one uniform number into one token per row.

    Args:
        logits: float32 tensor of shape `(B, V)`.
        uniform: float32 tensor of shape `(B,)` in [0, 1).
        temperature: float32 tensor of shape `(B,)`. 0 is greedy.
        top_k: int32 tensor of shape `(B,)`, or None together with `top_p`.
        top_p: float32 tensor of shape `(B,)`, or None.

    Returns:
        int32 tensor of shape `(B,)`.
    """
    greedy = temperature == 0
    probabilities = ops.softmax(
        logits / ops.where(greedy, 1.0, temperature)[:, None]
    )
    if top_k is not None:
        probabilities = truncate(probabilities, top_k, top_p)
    cumulative = ops.cumsum(probabilities, axis=-1)
    reached = cumulative <= uniform[:, None] * cumulative[:, -1:]
    token = ops.sum(ops.cast(reached, "int32"), axis=-1)
    likeliest = ops.cast(ops.argmax(logits, axis=-1), "int32")
    # Rounding may place the last step above the number it should reach.
    token = ops.minimum(token, ops.shape(logits)[-1] - 1)
    return ops.where(greedy, likeliest, token)


def guide(logits, guidance_scale):
    """Classifier-free guidance on a batch of conditional, then null, rows.

    Args:
        logits: float32 tensor of shape `(2 B, V)`.
        guidance_scale: float32 tensor of shape `(B,)`. 1 changes nothing.

    Returns:
        float32 tensor of shape `(B, V)`.
    """
    conditional, unconditional = ops.split(logits, 2, axis=0)
    scale = guidance_scale[:, None]
    return unconditional + scale * (conditional - unconditional)


def decode(
    model,
    conditions,
    tokens,
    known,
    prefix,
    last,
    settings,
    guided=False,
    truncated=False,
    jit_compile=False,
):
    """Writes the cells that are not known, from the prefix up to `last`.

    Args:
        model: has `prefill`, `step`, `null_conditions` and `num_cells`.
        conditions: dict of tensors with B rows, what the prompt is made of.
        tokens: int32 tensor of shape `(B, N)`. Known tokens in their cells.
        known: bool tensor of shape `(B, N)`, True where `tokens` stays.
        prefix: int32 tensor of shape `(B, n)`, the tokens of the first n
            cells, known in all rows. They cost one pass in all.
        last: int32 scalar tensor. No cell from here on is visited.
        settings: dict of tensors of shape `(B,)`, as `check_settings` makes.
        guided: bool. Whether any guidance scale differs from 1.
        truncated: bool. Whether any `top_k` or `top_p` is on.
        jit_compile: bool. Run the loop under XLA.

    Returns:
        int32 tensor of shape `(B, N)`.
    """
    caches = prefill(model, conditions, prefix, guided)
    draws = uniforms(settings["seed"], model.num_cells)

    def loop(first, last, tokens, known, draws, caches, settings):
        scale = settings["guidance_scale"] if guided else None

        def write(cell, tokens, caches):
            logits, caches = next_logits(model, tokens, cell, caches, scale)
            token = sample(
                logits,
                ops.take(draws, cell, axis=1),
                settings["temperature"],
                settings["top_k"] if truncated else None,
                settings["top_p"] if truncated else None,
            )
            here = ops.arange(model.num_cells) == cell
            unknown = ops.logical_and(here, ops.logical_not(known))
            return cell + 1, ops.where(unknown, token[:, None], tokens), caches

        return ops.while_loop(
            lambda cell, *_: cell < last, write, (first, tokens, caches)
        )[1]

    if jit_compile:
        loop = compile_function(model, loop, jit_compile=True)
    first = ops.convert_to_tensor(ops.shape(prefix)[1], "int32")
    return loop(first, last, tokens, known, draws, caches, settings)


def decode_with_sampler(
    model,
    sampler,
    conditions,
    tokens,
    known,
    prefix,
    last,
    settings,
    guided=False,
):
    """As `decode`, with a `keras_nlp` sampler choosing the tokens.

    The sampler draws from a generator of its own, one for the whole batch,
    and always goes on to the end of the picture.
    """
    del last
    scale = settings["guidance_scale"] if guided else None

    def next_step(tokens, caches, cell):
        logits, caches = next_logits(model, tokens, cell, caches, scale)
        return logits, None, caches

    return sampler(
        next_step,
        prompt=tokens,
        cache=prefill(model, conditions, prefix, guided),
        index=ops.convert_to_tensor(ops.shape(prefix)[1], "int32"),
        mask=known,
    )


def prefill(model, conditions, prefix, guided):
    """Caches of prompt and prefix; of the null prompt too when guided."""
    if guided:
        nulls = model.null_conditions(ops.shape(prefix)[0])
        conditions = {
            name: ops.concatenate([value, nulls[name]])
            for name, value in conditions.items()
        }
        prefix = ops.concatenate([prefix, prefix])
    return model.prefill(conditions, prefix)


def next_logits(model, tokens, cell, caches, guidance_scale):
    """Logits `(B, V)` of one cell, and the caches with that cell in them."""
    before = ops.take(tokens, ops.maximum(cell - 1, 0), axis=1)
    previous = ops.where(cell == 0, model.start_token, before)
    if guidance_scale is None:
        return model.step(previous, cell, caches)
    logits, caches = model.step(
        ops.concatenate([previous, previous]), cell, caches
    )
    return guide(logits, guidance_scale), caches


def check_settings(
    count,
    vocabulary_size,
    temperature=1.0,
    top_k=None,
    top_p=None,
    guidance_scale=1.0,
    seed=None,
):
    """Checks how to sample, and makes it one value per picture.

    Args:
        count: int. Number of pictures, B.
        vocabulary_size: int.
        temperature, top_k, top_p, guidance_scale: number or one per picture;
            None turns `top_k` and `top_p` off.
        seed: int, one int per picture, or None for a surprise. Of one int,
            picture i gets `seed + i`.

    Returns:
        dict of arrays of shape `(B,)`: float32, `top_k` and `seed` int32.
    """
    if seed is None:
        seed = int(np.random.default_rng().integers(MAX_SEED - count))
    if np.ndim(seed) == 0 and isinstance(seed, (int, np.integer)):
        seed = seed + np.arange(count)
    top_k = vocabulary_size if top_k is None else top_k
    top_p = 1.0 if top_p is None else top_p
    return {
        "seed": _per_picture(
            "seed", seed, count, "int32", "from 0 to 2**31 - 1", _is_seed
        ),
        "temperature": _per_picture(
            "temperature",
            temperature,
            count,
            "float32",
            "0 (greedy) or positive",
            lambda t: t >= 0,
        ),
        "top_k": np.minimum(
            _per_picture(
                "top_k",
                top_k,
                count,
                "int32",
                "a positive int, or None for off",
                lambda k: (k >= 1) & (k == np.floor(k)),
            ),
            vocabulary_size,
        ),
        "top_p": _per_picture(
            "top_p",
            top_p,
            count,
            "float32",
            "above 0 and at most 1, or None for off",
            lambda p: (p > 0) & (p <= 1),
        ),
        "guidance_scale": _per_picture(
            "guidance_scale",
            guidance_scale,
            count,
            "float32",
            "0 or positive; 1 is off",
            lambda s: s >= 0,
        ),
    }


def _is_seed(seed):
    return (seed >= 0) & (seed <= MAX_SEED) & (seed == np.floor(seed))


def _per_picture(name, value, count, dtype, rule, allowed):
    try:
        values = np.asarray(value, "float64")
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.shape not in ((), (count,)):
        raise ValueError(
            f"`{name}` must be one value or one per picture ({count}). "
            f"Received: {name}={value!r}."
        )
    if not np.all(np.isfinite(values) & allowed(values)):
        raise ValueError(
            f"`{name}` must be {rule}. Received: {name}={value!r}."
        )
    return np.broadcast_to(values, (count,)).astype(dtype)
