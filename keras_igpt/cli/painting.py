"""The commands of `keras-igpt` that paint: generate, complete, edit."""

import pathlib
from typing import Annotated

import typer

from keras_igpt.cli.options import (
    FileArgument,
    GuidanceOption,
    LabelOption,
    ModelOption,
    OutOption,
    SeedOption,
    TemperatureOption,
    TextOption,
    TopKOption,
    TopPOption,
    new_console,
    numbers,
)


def generate(
    model: ModelOption,
    label: LabelOption = None,
    text: TextOption = None,
    n: Annotated[int, typer.Option(help="Pictures per label or caption.")] = 16,
    guidance: GuidanceOption = 1.0,
    temperature: TemperatureOption = 1.0,
    top_k: TopKOption = None,
    top_p: TopPOption = None,
    seed: SeedOption = None,
    out: OutOption = pathlib.Path("generated.png"),
):
    """Paints pictures: of a class, from a caption, or of anything."""
    from keras_igpt.cli import jobs

    written = jobs.generate(
        model,
        label,
        text,
        n,
        _sampling(guidance, temperature, top_k, top_p, seed),
        out,
    )
    new_console().print(f"Wrote {written}")


def complete(
    file: FileArgument,
    model: ModelOption,
    keep_rows: Annotated[
        int | None, typer.Option(help="Pixel rows to keep. Default: half.")
    ] = None,
    label: LabelOption = None,
    text: TextOption = None,
    n: Annotated[int, typer.Option(help="How many completions.")] = 8,
    guidance: GuidanceOption = 1.0,
    temperature: TemperatureOption = 1.0,
    top_k: TopKOption = None,
    top_p: TopPOption = None,
    seed: SeedOption = None,
    out: OutOption = pathlib.Path("completed.png"),
):
    """Keeps the upper part of a picture and paints the rest."""
    from keras_igpt.cli import jobs

    written = jobs.complete(
        file,
        model,
        keep_rows,
        label,
        text,
        n,
        _sampling(guidance, temperature, top_k, top_p, seed),
        out,
    )
    new_console().print(f"Wrote {written}")


def edit(
    file: FileArgument,
    model: ModelOption,
    edit: Annotated[
        str,
        typer.Option(
            help="inpaint, outpaint, replace, compose, upscale, colorize, "
            "denoise or restyle, as far as the model has learned them."
        ),
    ],
    mask: Annotated[
        str | None,
        typer.Option(
            help="A file that is white where to paint, or LEFT,TOP,RIGHT,"
            "BOTTOM in pixels. Default: the picture's transparent parts."
        ),
    ] = None,
    expand: Annotated[
        str | None,
        typer.Option(help="LEFT,TOP,RIGHT,BOTTOM: pixels for outpaint."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="X,Y: where compose places the picture."),
    ] = None,
    scale: Annotated[
        float, typer.Option(help="How much compose enlarges the picture.")
    ] = 1.0,
    factor: Annotated[
        int, typer.Option(help="2 or 4: how much upscale enlarges.")
    ] = 4,
    glyphs: Annotated[
        bool,
        typer.Option(
            "--glyphs",
            help="Compose draws the quoted word of --text itself and keeps it.",
        ),
    ] = False,
    style: Annotated[
        str | None, typer.Option(help="Which restyle the model is to do.")
    ] = None,
    label: LabelOption = None,
    text: TextOption = None,
    paste_back: Annotated[
        bool,
        typer.Option(
            "--paste-back", help="Keep the picture's size outside the mask."
        ),
    ] = False,
    n: Annotated[int, typer.Option(help="How many results.")] = 4,
    guidance: GuidanceOption = 1.0,
    temperature: TemperatureOption = 1.0,
    top_k: TopKOption = None,
    top_p: TopPOption = None,
    seed: SeedOption = None,
    out: OutOption = pathlib.Path("edited.png"),
):
    """Repairs, extends, replaces, enlarges, colours or restyles a picture."""
    from keras_igpt.cli import edit_jobs

    box = mask if mask is None else numbers("--mask", mask, 4, optional=True)
    written = edit_jobs.edit(
        file,
        model,
        edit,
        n,
        _sampling(guidance, temperature, top_k, top_p, seed),
        out,
        mask=box or mask,
        expand=numbers("--expand", expand, 4),
        at=numbers("--at", at, 2),
        scale=scale,
        factor=factor,
        glyphs=glyphs,
        style=style,
        labels=label,
        text=text,
        paste_back=paste_back,
    )
    new_console().print(f"Wrote {written}")


def _sampling(guidance, temperature, top_k, top_p, seed):
    """Sampling arguments as `ImageGPT.generate` calls them."""
    return {
        "guidance_scale": guidance,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
    }
