"""The commands `generate` and `complete`."""

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
