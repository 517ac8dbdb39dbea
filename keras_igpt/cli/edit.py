"""The command `edit`."""

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
    numbers,
    read_labels,
    with_sampling,
)


@with_sampling
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
    sampling: dict[str, Any],
    mask: Annotated[
        str | None,
        typer.Option(
            help="A file that is white where to generate, or LEFT,TOP,RIGHT,"
            "BOTTOM in pixels. Default: the image's transparent parts."
        ),
    ] = None,
    expand: Annotated[
        str | None,
        typer.Option(help="LEFT,TOP,RIGHT,BOTTOM: pixels for outpaint."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="X,Y: where compose places the image."),
    ] = None,
    scale: Annotated[
        float, typer.Option(help="How much compose enlarges the image.")
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
            "--paste-back", help="Keep the image's size outside the mask."
        ),
    ] = False,
    n: Annotated[int, typer.Option(help="How many results.")] = 4,
    out: OutOption = pathlib.Path("edited.png"),
) -> None:
    """Repairs, extends, replaces, enlarges, colours or restyles an image."""
    import numpy as np

    from keras_igpt.cli import edit_inputs, output_files
    from keras_igpt.images import crop

    box = numbers("--mask", mask, 4, optional=True)
    border = numbers("--expand", expand, 4)
    place = numbers("--at", at, 2)
    output_files.check_asked(n, out)
    edit_inputs.check_options(
        edit, box or mask, border, place, scale, factor, glyphs
    )
    image_gpt = load_image_gpt(model)
    sampling = output_files.with_seed(sampling)
    size = image_gpt.tokenizer.image_size
    image = edit_inputs.read_image(file, image_gpt.tokenizer.channels)
    masks = None
    if edit == "compose":
        caption = text[0] if text else None
        image, masks = edit_inputs.compose(
            image, size, place, scale, caption, glyphs
        )
    elif border is not None:
        image, masks = crop.expand(image, border)
        if paste_back:
            crop.check_seen(masks, size)
    elif edit in edit_inputs.WITH_MASKS or mask is not None:
        masks = edit_inputs.read_mask(box or mask, file, image.shape[:2])
    elif edit == "upscale":
        image = edit_inputs.shrink(image, size, factor)
    images = image_gpt.edit(
        np.repeat(image[None], n, axis=0),
        "inpaint" if edit == "compose" else edit,
        masks,
        labels=read_labels(label, image_gpt),
        text=text or None,
        style=style,
        paste_back=paste_back,
        **sampling,
    )
    asked = {
        "command": "edit",
        "model": str(model),
        "file": str(file),
        "edit": edit,
        "mask": mask if mask is None else str(box or mask),
        "expand": border,
        "at": place,
        "scale": scale,
        "factor": factor,
        "glyphs": glyphs,
        "style": style,
        "paste_back": paste_back,
        "label": label,
        "text": text,
        "n": n,
        **sampling,
    }
    written = output_files.write_images(images, out, asked)
    new_console().print(f"Wrote {written}")
