"""The commands `generate`, `complete` and `grid`."""

import pathlib
from typing import Annotated, Any

import typer

from keras_igpt.cli.options import (
    FileArgument,
    LabelOption,
    ModelOption,
    OutOption,
    TextOption,
    load_image_gpt,
    new_console,
    read_labels,
    with_sampling,
)

# Axes of `grid` that are numbers; and arguments that are called otherwise.
AXES = {
    **{"seed": int, "guidance": float, "temperature": float, "top-k": int},
    **{"top-p": float, "steps": int, "best-of": int},
}
ARGUMENTS = {"guidance": "guidance_scale", "label": "labels"}

AXIS = (
    "model, label or text, for the values of these options; or numbers, as "
    "guidance=1,2,4 or seed=0,1,2."
)


@with_sampling
def generate(
    model: ModelOption,
    sampling: dict[str, Any],
    label: LabelOption = None,
    text: TextOption = None,
    n: Annotated[int, typer.Option(help="Images per label or caption.")] = 16,
    out: OutOption = pathlib.Path("generated.png"),
) -> None:
    """Generates images: of a class, from a caption, or of anything."""
    from keras_igpt.cli import output_files

    output_files.check_asked(n, out)
    image_gpt = load_image_gpt(model)
    sampling = output_files.with_seed(sampling)
    images = image_gpt.generate(
        read_labels(label, image_gpt), text or None, num_images=n, **sampling
    )
    asked = {
        "command": "generate",
        "model": str(model),
        "label": label,
        "text": text,
        "n": n,
        **sampling,
    }
    columns = n if 1 < len(images) // n else None
    written = output_files.write_images(images, out, asked, columns)
    new_console().print(f"Wrote {written}")


@with_sampling
def complete(
    file: FileArgument,
    model: ModelOption,
    sampling: dict[str, Any],
    keep_rows: Annotated[
        int | None, typer.Option(help="Pixel rows to keep. Default: half.")
    ] = None,
    label: LabelOption = None,
    text: TextOption = None,
    n: Annotated[int, typer.Option(help="How many completions.")] = 8,
    out: OutOption = pathlib.Path("completed.png"),
) -> None:
    """Keeps the upper part of an image and generates the rest."""
    import numpy as np

    from keras_igpt import data
    from keras_igpt.cli import output_files

    output_files.check_asked(n, out)
    image_gpt = load_image_gpt(model)
    sampling = output_files.with_seed(sampling)
    height, width, channels = image_gpt.tokenizer.image_shape
    image = data.read_image(file, (height, width), channels)
    keep_rows = height // 2 if keep_rows is None else keep_rows
    images = image_gpt.complete(
        np.repeat(image[None], n, axis=0),
        keep_rows,
        labels=read_labels(label, image_gpt),
        text=text or None,
        **sampling,
    )
    asked = {
        "command": "complete",
        "model": str(model),
        "file": str(file),
        "keep_rows": keep_rows,
        "label": label,
        "text": text,
        "n": n,
        **sampling,
    }
    written = output_files.write_images(images, out, asked)
    new_console().print(f"Wrote {written}")


@with_sampling
def grid(
    model: Annotated[
        list[str],
        typer.Option(help="As of `generate`; again for an axis of models."),
    ],
    rows: Annotated[str, typer.Option(help=AXIS)],
    columns: Annotated[str, typer.Option(help=AXIS)],
    sampling: dict[str, Any],
    label: LabelOption = None,
    text: TextOption = None,
    size: Annotated[
        int, typer.Option(help="Height of each image in pixels, at least.")
    ] = 64,
    out: Annotated[
        pathlib.Path, typer.Option(help="A .png file.")
    ] = pathlib.Path("grid.png"),
) -> None:
    """Compares images over two arguments, on one sheet with labels."""
    import keras_igpt
    from keras_igpt.atomic_files import check_output_file
    from keras_igpt.images.files import save_png

    check_output_file("--out", out, ".png")
    listed = {"model": model, "label": label or [], "text": text or []}
    axes = [
        _axis("--rows", rows, listed),
        _axis("--columns", columns, listed),
    ]
    for name, values in listed.items():
        if len(values) > 1 and name not in dict(axes):
            raise ValueError(
                f"`--{name}` must be given once, or be an axis. "
                f"Received: {len(values)} of them. Write --rows {name}."
            )
    models = {name: load_image_gpt(name) for name in model}
    first = models[model[0]]
    numbers = dict(zip(listed["label"], read_labels(label, first) or []))
    known = {"model": models, "label": numbers}
    given = {"labels": [*numbers.values()], "text": text or []}
    asked = {name: values[0] for name, values in given.items() if values}
    asked |= {k: v for k, v in sampling.items() if v is not None}
    axes = [
        (ARGUMENTS.get(name, name), known.get(name, values))
        for name, values in axes
    ]
    for name, _ in axes:
        asked.pop(name, None)
    sheet = keras_igpt.grid(first, *axes, height=size, **asked)
    parameters = {
        "command": "grid",
        "model": model,
        "rows": rows,
        "columns": columns,
        "label": label,
        "text": text,
        "size": size,
        **sampling,
    }
    save_png(out, sheet, parameters)
    new_console().print(f"Wrote {out}")


def _axis(option, value, listed):
    """The name of an axis and its values, of options or with commas."""
    name, _, values = value.partition("=")
    if name in listed and not values and listed[name]:
        return name, listed[name]
    try:
        return name.replace("-", "_"), list(map(AXES[name], values.split(",")))
    except (KeyError, ValueError):
        raise ValueError(
            f"`{option}` must be one of {', '.join(listed)}, whose options "
            f"are given, or of {', '.join(AXES)}, with its numbers: "
            f"guidance=1,2,4. Received: {option} {value}."
        ) from None
