"""The commands `export` and `pack`: models for others."""

import pathlib
from typing import Annotated

import typer

from keras_igpt.cli.options import ModelOption, load_image_gpt, new_console


def export(
    model: ModelOption,
    out: Annotated[
        pathlib.Path,
        typer.Option(
            help="The model's folder on the server; the next version in it "
            "is written, or the one that is named as NAME/3."
        ),
    ],
) -> None:
    """Writes a SavedModel for TensorFlow Serving: words in, PNG out."""
    written = load_image_gpt(model).export(out)
    new_console().print(f"Wrote {written}")


def pack(
    model: ModelOption,
    out: Annotated[pathlib.Path, typer.Option(help="A .keras file.")],
) -> None:
    """Writes a model to pass on: half of the size, without optimizer."""
    import keras_igpt
    from keras_igpt.models.transfer import save_packed

    save_packed(keras_igpt.load(model), out)
    new_console().print(f"Wrote {out}, {out.stat().st_size / 1e6:.1f} MB")
