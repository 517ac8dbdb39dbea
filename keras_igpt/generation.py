"""The decoding loop: tokens in, tokens out; it knows no pictures.

Every picture has numbers of its own that decide it: the loop draws nothing,
it turns one uniform number per cell into one token by the inverse of the
cumulative distribution. The numbers are hashed from the picture's seed, so a
picture does not depend on the batch it shares.

Axes: B batch, N cells, V vocabulary.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from keras_igpt.compiled import compile_function

MAX_SEED = 2**31 - 1
# Numbers added up at once in a cumulative sum.
GROUP = 32
# At most so many stretches of cells, each with caches of its own length, and
# none shorter than that: every length is compiled once.
STRETCHES = 4
SHORTEST_STRETCH = 128


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

    Sorting a whole vocabulary costs more than finding the one threshold. The
    bits of floats that are not negative, read as an integer, are ordered as
    the floats are: the threshold is found bit by bit, exactly. Where no row
    of `rows` is True the search is left out.
    """
    bits = ops.view(probabilities, "int32")  # (B, V)

    def try_bit(shift, threshold):
        higher = threshold + ops.left_shift(1, shift)
        reached = bits >= higher[:, None]
        weight = ops.sum(ops.where(reached, weights, 0.0), axis=-1)
        return shift - 1, ops.where(weight >= target, higher, threshold)

    _, threshold = ops.while_loop(
        lambda shift, _: shift >= 0,
        try_bit,
        (ops.where(ops.any(rows), 30, -1), ops.zeros_like(bits[:, 0])),
    )
    dropped = ops.logical_and(rows[:, None], bits < threshold[:, None])
    return ops.where(dropped, 0.0, probabilities)


def sample(logits, uniform, temperature, top_k, top_p):
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
    likeliest = ops.cast(ops.argmax(logits, axis=-1), "int32")
    # Rounding may place the last step above the number it should reach.
    token = ops.minimum(token, ops.shape(logits)[-1] - 1)
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


class Decoder:
    """Compiled decoding for one way of sampling.

    The cells are written in a few stretches. In each the caches are only as
    long as its end needs, for attention reads them whole.

    Args:
        model: has `prefill`, `step`, `empty_caches`, `null_conditions`,
            `prompt_length` and `num_cells`.
        guided: bool. Whether any guidance scale differs from 1.
        jit_compile: bool. Run the loop under XLA.
    """

    def __init__(self, model, guided, jit_compile):
        self.model = model
        self.guided = guided
        self.prefill = compile_function(
            model, functools.partial(prefill, model, guided=guided)
        )
        self.write = compile_function(
            model,
            functools.partial(write, model, guided=guided),
            jit_compile,
        )
        self.compiled = set()

    def __call__(self, conditions, tokens, known, prefix, last, settings):
        """Writes the cells that are not known, from the prefix to `last`.

        Args:
            conditions: dict of arrays with B rows, the prompt's contents.
            tokens: int32 array `(B, N)`. Known tokens in their cells.
            known: bool array `(B, N)`, True where `tokens` stays.
            prefix: int32 array `(B, n)`, the tokens of the first n cells,
                known in all rows. They cost one pass in all.
            last: int. No cell from here on is visited.
            settings: dict of `(B,)` arrays, as `check_settings` makes them.

        Returns:
            int32 tensor of shape `(B, N)`.
        """
        cell = prefix.shape[1]
        caches = self._read(conditions, prefix)
        draws = uniforms(settings["seed"], self.model.num_cells)

        def write(first, last, tokens, caches, end):
            caches = grow(caches, self.model.prompt_length + end)
            first, last = np.int32(first), np.int32(last)
            return self.write(
                first, last, tokens, known, draws, caches, settings
            )

        ends = stretches(cell, last, self.model.num_cells)
        self._compile_all(
            functools.partial(write, cell, cell, tokens, caches),
            [(len(tokens), end) for end in ends],
        )
        for end in ends:
            tokens, caches = write(cell, min(end, last), tokens, caches, end)
            cell = end
        return tokens

    def _read(self, conditions, prefix):
        """Caches of the prompt and the prefix, if there is any."""
        if self.model.prompt_length + prefix.shape[1] == 0:
            return self.model.empty_caches(len(prefix) * (1 + self.guided))
        return self.prefill(conditions, prefix)

    def _compile_all(self, write_nothing, sizes):
        """Compiles what is new side by side, rather than on the way."""
        new = [size for size in sizes if size not in self.compiled]
        if len(new) > 1:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda size: write_nothing(size[1]), new))
        self.compiled.update(new)


def stretches(first, last, num_cells):
    """Where the stretches end that lead from cell `first` to `last`."""
    step = max(-(-num_cells // STRETCHES), SHORTEST_STRETCH)
    begins = range(0, min(last, num_cells), step)
    ends = [min(begin + step, num_cells) for begin in begins]
    return [end for end in ends if first < end]


def grow(caches, length):
    """Appends zeros to caches of S positions until S is `length`."""

    def pad(tensor, axis):
        padding = [(0, 0)] * 3
        padding[axis] = (0, length - ops.shape(tensor)[axis])
        return ops.pad(tensor, padding)

    blocks = tuple(
        (pad(keys, 2), pad(values, 1)) for keys, values in caches["blocks"]
    )
    return {**caches, "blocks": blocks}


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


def write(
    model,
    first,
    last,
    tokens,
    known,
    draws,
    caches,
    settings,
    guided=False,
):
    """The loop: cell by cell from `first` up to `last`, its end left out.

    Args:
        first, last: int32 scalar tensors.
        tokens: int32 tensor of shape `(B, N)`.
        known: bool tensor of shape `(B, N)`.
        draws: float32 tensor of shape `(B, N)`, uniform in [0, 1).
        caches: of all positions before `first`, with room up to `last`.
        settings: dict of tensors of shape `(B,)`.

    Returns:
        Tuple of the tokens and the caches with these cells written.
    """
    scale = settings["guidance_scale"] if guided else None

    def write_cell(cell, tokens, caches):
        logits, caches = next_logits(model, tokens, cell, caches, scale)
        token = sample(
            logits,
            ops.take(draws, cell, axis=1),
            settings["temperature"],
            settings["top_k"],
            settings["top_p"],
        )
        here = ops.arange(model.num_cells) == cell
        unknown = ops.logical_and(here, ops.logical_not(known))
        return cell + 1, ops.where(unknown, token[:, None], tokens), caches

    _, tokens, caches = ops.while_loop(
        lambda cell, *_: cell < last, write_cell, (first, tokens, caches)
    )
    return tokens, caches


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


class SamplerDecoder:
    """As `Decoder`, with a `keras_nlp` sampler choosing the tokens.

    The sampler draws from a generator of its own, one for the whole batch,
    and always goes on to the end of the picture.
    """

    def __init__(self, model, guided, sampler):
        self.model = model
        self.guided = guided
        self.sampler = sampler
        self.decode = compile_function(model, self._decode)

    def __call__(self, conditions, tokens, known, prefix, last, settings):
        del last
        scale = settings["guidance_scale"]
        return self.decode(conditions, tokens, known, prefix, scale)

    def _decode(self, conditions, tokens, known, prefix, guidance_scale):
        model = self.model
        caches = prefill(model, conditions, prefix, self.guided)
        scale = guidance_scale if self.guided else None

        def next_step(tokens, caches, cell):
            logits, caches = next_logits(model, tokens, cell, caches, scale)
            return logits, None, caches

        return self.sampler(
            next_step,
            prompt=tokens,
            cache=grow(caches, model.prompt_length + model.num_cells),
            index=ops.convert_to_tensor(ops.shape(prefix)[1], "int32"),
            mask=known,
        )


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
