"""Images over two arguments, side by side: what does one change?"""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_igpt.annotations import Array
from keras_igpt.images.labelled_sheet import labelled_sheet

# Arguments of `generate` that may differ within a batch.
PER_IMAGE = ("labels", "text", "seed", "guidance_scale", "temperature")

Axis = tuple[str, Sequence[Any]]


def grid(
    model: Any,
    rows: Axis,
    columns: Axis,
    height: int = 64,
    **asked: Any,
) -> Array:
    """Draws a table of images over two arguments, with both as labels.

    Without a seed among them all images have the same, so that they differ
    in nothing else.

    Args:
        model: an `ImageGPT`; or None, if an axis is "model".
        rows, columns: each a tuple of the name of an argument of
            `ImageGPT.generate`, and of its values. Or `("model", models)`,
            a dict by names or a list.
        height: int. Images are enlarged by whole factors to at least this.
        asked: further arguments of `generate`, one value for all.

    Returns:
        uint8 array `(rows, columns, 3)`.

    Raises:
        ValueError: if an axis has no values, or both are one argument.

    Example:

    >>> sheet = keras_igpt.grid(
    ...     model,
    ...     rows=("text", ["Day, ball", "Night, goal"]),
    ...     columns=("guidance_scale", [1, 2, 4]),
    ... )
    """
    rows, columns = _checked("rows", rows), _checked("columns", columns)
    if rows[0] == columns[0] or {rows[0], columns[0]} & set(asked):
        raise ValueError(
            "`rows`, `columns` and the other arguments must differ. Received: "
            f"{', '.join([rows[0], columns[0], *asked])}."
        )
    shared = {"model": model, "seed": 0, **asked}
    cells = [
        {**shared, rows[0]: row, columns[0]: column}
        for row in rows[1].values()
        for column in columns[1].values()
    ]
    images = _generated(cells)
    wide = len(columns[1])
    return labelled_sheet(
        [images[i : i + wide] for i in range(0, len(images), wide)],
        list(rows[1]),
        list(columns[1]),
        height,
    )


def _checked(argument, axis):
    """The name of an axis, and its values by what is written there."""
    name, values = axis
    if isinstance(values, str) or not len(values):
        raise ValueError(
            f"`{argument}` must be a name and one or more values. "
            f"Received: {argument}={axis!r}."
        )
    if isinstance(values, Mapping):
        return name, dict(values)
    if name in ("text", "labels"):
        return name, {str(value): value for value in values}
    if name == "model":
        return name, {value.name: value for value in values}
    title = name.removesuffix("_scale").replace("_", " ")
    return name, {f"{title} {value}": value for value in values}


def _generated(cells):
    """Images of cells, as many at once as differ in `PER_IMAGE` alone."""
    found = [None] * len(cells)
    for number in range(len(cells)):
        if found[number] is not None:
            continue
        own, asked = _parted(cells[number])
        alike = [
            i
            for i in range(number, len(cells))
            if _parted(cells[i]) == (own, asked)
        ]
        asked |= {name: [cells[i][name] for i in alike] for name in own}
        if not own & {"labels", "text"}:
            asked["num_images"] = len(alike)
        images = asked.pop("model").generate(**asked)
        for i, image in zip(alike, images):
            found[i] = image
    return found


def _parted(cell):
    """Names of what is each image's own, and what a batch has in common."""
    given = {name: value for name, value in cell.items() if value is not None}
    own = {name for name in PER_IMAGE if name in given}
    return own, {k: v for k, v in given.items() if k not in own}
