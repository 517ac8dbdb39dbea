"""Checks of arguments; each error says what was received."""

import numbers
import os
import pathlib
from collections.abc import Container
from typing import Any

# Pixels that an image is high or wide, at most.
MOST_SIDE = 2**14

# Of anything that is counted and takes memory.
MOST = 2**24

# Numbers in a vector, codes of a tokenizer, and layers, at most.
MOST_WIDTH = 2**16
MOST_CODES = 2**20
MOST_LAYERS = 2**12


def check_positive(name: str, value: int, most: int = MOST) -> None:
    """Refuses what is no int from 1 to `most`."""
    _check_whole(name, value, 1, most, "a positive int")


def check_not_negative(name: str, value: int, most: int = MOST) -> None:
    """Refuses what is no int from 0 to `most`."""
    _check_whole(name, value, 0, most, "0 or a positive int")


def check_at_least(name: str, value: int, least: int, most: int = MOST) -> None:
    """Refuses what is no int from `least` to `most`."""
    _check_whole(name, value, least, most, f"an int of at least {least}")


def _check_whole(name, value, least, most, words):
    if not is_whole(value) or not least <= value <= most:
        raise ValueError(
            f"`{name}` must be {words}, and at most {most:,}. "
            f"Received: {name}={value!r}."
        )


def check_number(
    name: str, value: float, most: float, least: float | None = None
) -> None:
    """Refuses what is no number above 0, or from `least`, to `most`."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    low = number and (value > 0 if least is None else value >= least)
    if not (low and value <= most):
        lowest = "above 0" if least is None else f"at least {least:g}"
        raise ValueError(
            f"`{name}` must be a number {lowest} and at most {most:g}. "
            f"Received: {name}={value!r}."
        )


def check_seed(value: int) -> None:
    """Refuses what is no int from 0 that generators take as a seed."""
    if not is_whole(value) or not 0 <= value < 2**32:
        raise ValueError(
            "`seed` must be an int from 0 to 4294967295. "
            f"Received: seed={value!r}."
        )


def check_share(name: str, value: float) -> None:
    """Refuses what is no number from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(
            f"`{name}` must be from 0 to 1. Received: {name}={value!r}."
        )


def check_one_of(name: str, value: Any, allowed: Container) -> None:
    """Refuses what is not among `allowed`."""
    if value not in allowed:
        raise ValueError(
            f"`{name}` must be one of {allowed}. Received: {name}={value!r}."
        )


def check_width(hidden_dim: int, num_heads: int, positions: str) -> None:
    """Refuses a width that the heads cannot share equally."""
    check_positive("num_heads", num_heads)
    check_positive("hidden_dim", hidden_dim, MOST_WIDTH)
    unit = num_heads * (4 if positions == "rotary" else 1)
    if hidden_dim % unit:
        raise ValueError(
            f"`hidden_dim` must be a multiple of {unit} (num_heads"
            f"{' x 4 for rotary positions' if unit != num_heads else ''}). "
            f"Received: hidden_dim={hidden_dim}, num_heads={num_heads}."
        )


def checked_path(path: Any) -> pathlib.Path:
    """A path, of a str or a path; refuses what is neither."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            "`path` must be the name of a file, a str or a path. "
            f"Received: path={path!r}."
        )
    return pathlib.Path(path)


def checked_names(name: str, value: Any) -> tuple[str, ...]:
    """A tuple of str; refuses what is no list or tuple of them."""
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, str) for item in value
    ):
        raise ValueError(
            f"`{name}` must be a list or tuple of names. "
            f"Received: {name}={value!r}."
        )
    return tuple(value)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, of Python's or NumPy's."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a real number, of Python's or NumPy's."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def checked_image_size(
    image_size: int | tuple[int, int] | None,
    optional: bool = True,
    multiple_of: int = 1,
) -> tuple[int, int] | None:
    """Tuple of height and width, from an int or a pair of them.

    Args:
        image_size: int, or tuple of two; or None.
        optional: bool. Whether it may be None, which is returned then.
        multiple_of: int. What both must be multiples of.
    """
    if image_size is None and optional:
        return None
    size = (image_size,) * 2 if is_whole(image_size) else image_size
    if (
        not isinstance(size, (tuple, list))
        or len(size) != 2
        or not all(is_whole(side) and 0 < side <= MOST_SIDE for side in size)
        or any(side % multiple_of for side in size)
    ):
        also = f", multiples of {multiple_of}" if multiple_of > 1 else ""
        raise ValueError(
            "`image_size` must be a positive int or a tuple of two, "
            f"`(height, width)`{also}, each at most {MOST_SIDE:,}. Received: "
            f"image_size={image_size!r}."
        )
    return int(size[0]), int(size[1])
