"""The sampling arguments: one table of their rules, for Python and graphs.

Axes: B images.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.argument_checks import check_one_of, is_whole
from keras_igpt.prompts.conditions import one_per_image

MAX_SEED = 2**31 - 1

# How the scale of guidance goes; numbers of "guidance_linear".
SCHEDULES = ("constant", "linear")


class Setting(NamedTuple):
    """One sampling argument.

    Attributes:
        default: number. What a request that does not name it gets.
        dtype: str.
        rule: str, the end of a sentence that begins with "must be".
        allows: function of an array or tensor, whether values keep the rule.
        off: number that turns it off, in Python None; or None.
    """

    default: float
    dtype: str
    rule: str
    allows: Callable[[Tensor], Tensor]
    off: float | None = None


SETTINGS = {
    "seed": Setting(
        0,
        "int32",
        f"from 0 to 2**31 - 1 = {MAX_SEED}",
        lambda x: (x >= 0) & (x <= MAX_SEED),
    ),
    "temperature": Setting(
        1.0, "float32", "0 (greedy) or positive", lambda x: x >= 0
    ),
    "top_k": Setting(0, "int32", "a positive int", lambda x: x >= 1, off=0),
    "top_p": Setting(
        1.0,
        "float32",
        "above 0 and at most 1",
        lambda x: (x > 0) & (x <= 1),
        off=1.0,
    ),
    "guidance_scale": Setting(
        1.0, "float32", "0 or positive; 1 is off", lambda x: x >= 0
    ),
    # 1: it grows from 1 to its scale, as more and more cells are known.
    "guidance_linear": Setting(
        0, "int32", "0 or 1", lambda x: (x >= 0) & (x <= 1)
    ),
    # Guidance is on from this cell up to that one, counted row by row.
    "guidance_first": Setting(
        0, "int32", "0 or a positive int", lambda x: x >= 0
    ),
    "guidance_last": Setting(
        MAX_SEED, "int32", "0 or a positive int", lambda x: x >= 0
    ),
}


def check_settings(
    count: int,
    vocabulary_size: int,
    temperature: Any = 1.0,
    top_k: Any = None,
    top_p: Any = None,
    guidance_scale: Any = 1.0,
    seed: Any = None,
    guidance_interval: tuple[int, int] | None = None,
    guidance_schedule: str = "constant",
) -> dict[str, Array]:
    """Checks how to sample, and makes it one value per image.

    Args:
        count: int. Number of images, B.
        vocabulary_size: int.
        temperature, top_k, top_p, guidance_scale: number or one per image;
            None turns `top_k` and `top_p` off.
        seed: int, one int per image, or None for any. Of one int, image i
            gets `seed + i`.
        guidance_interval: tuple of two ints, the first cell that is guided
            and the first one that is not any more; None for all.
        guidance_schedule: `"constant"`, or `"linear"`: it grows from 1 with
            the share of the cells that are known.

    Returns:
        dict of arrays of shape `(B,)`: float32, `top_k` and `seed` int32.
    """
    if seed is None:
        seed = int(np.random.default_rng().integers(MAX_SEED - count))
    if is_whole(seed) and abs(seed) <= MAX_SEED:
        seed = seed + np.arange(count)
    first, last = _checked_interval(guidance_interval)
    check_one_of("guidance_schedule", guidance_schedule, SCHEDULES)
    given = {
        "seed": seed,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "guidance_scale": guidance_scale,
        "guidance_linear": SCHEDULES.index(guidance_schedule),
        "guidance_first": first,
        "guidance_last": last,
    }
    settings = {n: _per_image(n, value, count) for n, value in given.items()}
    top_k = kept_tokens(settings["top_k"], vocabulary_size)
    return {**settings, "top_k": ops.convert_to_numpy(top_k)}


def _checked_interval(interval):
    """Where guidance begins and ends; everywhere for None."""
    if interval is None:
        return SETTINGS["guidance_first"].default, MAX_SEED
    if (
        not isinstance(interval, tuple | list)
        or len(interval) != 2
        or not all(map(is_whole, interval))
        or not 0 <= interval[0] < interval[1] <= MAX_SEED
    ):
        raise ValueError(
            "`guidance_interval` must be two ints, the first cell that is "
            "guided and, after it, the first one that is not; or None for "
            f"all cells. Received: guidance_interval={interval!r}."
        )
    return tuple(interval)


def kept_tokens(top_k: Tensor, vocabulary_size: int) -> Tensor:
    """`top_k` as the loop reads it: all tokens where it is 0.

    Args:
        top_k: int32 tensor or array of shape `(B,)`.
        vocabulary_size: int.

    Returns:
        int32 tensor of shape `(B,)`, from 1 to the size.
    """
    some = ops.minimum(top_k, vocabulary_size)
    return ops.where(top_k < 1, vocabulary_size, some)


def _per_image(name, value, count):
    setting = SETTINGS[name]
    if value is None and setting.off is not None:
        return np.full((count,), setting.off, setting.dtype)
    try:
        values = np.asarray(value, "float64")
    except (TypeError, ValueError):
        values = np.array(np.nan)
    allowed = np.isfinite(values) & setting.allows(values)
    if setting.dtype == "int32":
        allowed &= (values == np.floor(values)) & (values <= MAX_SEED)
    if not np.all(allowed):
        large = setting.dtype == "int32" and np.any(values > MAX_SEED)
        most = f", at most {MAX_SEED}" if large and name != "seed" else ""
        off = "" if setting.off is None else ", or None for off"
        raise ValueError(
            f"`{name}` must be {setting.rule}{most}{off}. "
            f"Received: {name}={value!r}."
        )
    return one_per_image(name, values, count).astype(setting.dtype)


def check_sampler_alone(settings: dict[str, Any]) -> None:
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
            "Give them to the sampler, or leave `sampler` out."
        )
