"""The sampling arguments: their rules and defaults."""

import numpy as np

MAX_SEED = 2**31 - 1


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


def check_sampler_alone(settings):
    """Refuses settings that a `keras_nlp` sampler decides itself.

    Args:
        settings: dict, as the arguments of `check_settings`.
    """
    given = [
        name
        for name, off in (
            ("temperature", 1.0),
            ("top_k", None),
            ("top_p", None),
            ("seed", None),
        )
        if settings.get(name, off) != off
    ]
    if given:
        raise ValueError(
            "`sampler` must come without arguments that it decides itself. "
            f"Received: sampler and {', '.join(given)}. "
            "Do give them to the sampler, or leave `sampler` out."
        )


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
