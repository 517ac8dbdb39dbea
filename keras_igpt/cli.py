"""The command `keras-igpt`: train, generate, complete, evaluate and more.

Heavy imports happen inside the commands, so that `--help` answers at once.
"""

import enum
import pathlib
import sys
from typing import Annotated

import typer

app = typer.Typer(
    name="keras-igpt",
    help="Train an image GPT on your pictures, and let it paint.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

ModelOption = Annotated[
    str,
    typer.Option(
        "--model", help="A .keras file, a run's folder, or 'football'."
    ),
]
DataOption = Annotated[
    str,
    typer.Option(
        "--data", help="'digits', a TFDS name, or a folder of pictures."
    ),
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", help="Class name or number; may be repeated."),
]
TextOption = Annotated[
    list[str] | None,
    typer.Option("--text", help="A caption; may be repeated."),
]
GuidanceOption = Annotated[
    float, typer.Option("--guidance", help="Above 1: closer to what is asked.")
]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", help="0 takes the likeliest token.")
]
TopKOption = Annotated[int | None, typer.Option("--top-k")]
TopPOption = Annotated[float | None, typer.Option("--top-p")]
SeedOption = Annotated[
    int | None, typer.Option("--seed", help="Same seed, same pictures.")
]


class TokenizerName(enum.StrEnum):
    palette = "palette"
    vq = "vq"
    fsq = "fsq"


class Precision(enum.StrEnum):
    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"


class ModelSize(enum.StrEnum):
    tiny = "tiny"
    small = "small"
    base = "base"
    large = "large"


@app.command()
def quickstart(
    out: Annotated[
        pathlib.Path, typer.Option(help="Folder for the results.")
    ] = pathlib.Path("runs/quickstart"),
    minutes: Annotated[float, typer.Option(help="Training time.")] = 2.0,
    seed: Annotated[int, typer.Option()] = 0,
):
    """Trains on real 8x8 digits for two minutes and paints new ones."""
    console = _console()
    console.print("Loading TensorFlow …", style="dim")
    from keras_igpt import quickstart as job

    figures = job.run(out, minutes, seed)
    _print_figures(figures)
    console.print(f"\nPictures: [bold]{out / 'quickstart.png'}[/]")
    console.print(f"Model:    [bold]{out / 'quickstart.keras'}[/]")
    console.print(
        "\nTry next:\n"
        f"  keras-igpt generate --model {out / 'quickstart.keras'} "
        "--label 7 --n 16\n"
        "  keras-igpt train --data path/to/pictures --size 32 "
        "--out runs/mine --minutes 30",
        highlight=False,
    )


@app.command()
def train(
    data: DataOption,
    out: Annotated[pathlib.Path, typer.Option(help="The run's folder.")],
    size: Annotated[
        int | None, typer.Option(help="Height and width in pixels.")
    ] = None,
    channels: Annotated[
        int | None, typer.Option(help="1 (grey) or 3 (RGB).")
    ] = None,
    tokenizer: Annotated[TokenizerName, typer.Option()] = TokenizerName.palette,
    colors: Annotated[
        int | None,
        typer.Option(help="Palette size. Default 16 (grey) or 512 (RGB)."),
    ] = None,
    codes: Annotated[
        int, typer.Option(help="Codebook size of --tokenizer vq and fsq.")
    ] = 512,
    tokenizer_minutes: Annotated[
        float, typer.Option(help="How long the tokenizer learns: vq and fsq.")
    ] = 10.0,
    labels: Annotated[
        bool, typer.Option(help="Use the classes that the data has.")
    ] = True,
    captions: Annotated[
        bool, typer.Option(help="Use the captions that the data has.")
    ] = True,
    edits: Annotated[
        list[str] | None,
        typer.Option(
            "--edit",
            help="An edit to learn beside painting; may be repeated. Pairs, "
            "as 'football/layout', teach restyle/layout.",
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="A model to go on from: its size, tokenizer and weights. "
            "--size, --channels, --model and all about tokenizers are then "
            "its own."
        ),
    ] = None,
    model_size: Annotated[ModelSize, typer.Option("--model")] = ModelSize.tiny,
    epochs: Annotated[int | None, typer.Option()] = None,
    minutes: Annotated[float | None, typer.Option()] = None,
    batch_size: Annotated[int, typer.Option()] = 32,
    learning_rate: Annotated[float, typer.Option()] = 2e-3,
    dropout: Annotated[float, typer.Option()] = 0.0,
    precision: Annotated[Precision, typer.Option()] = Precision.float32,
    seed: Annotated[int, typer.Option()] = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out; for longer with --minutes or "
            "--epochs, the time before counted in.",
        ),
    ] = False,
):
    """Trains a model on pictures; the folder --out holds all results."""
    if epochs is None and minutes is None and not resume:
        minutes = 15.0
    from keras_igpt import jobs

    console = _console()
    row = jobs.train(
        {
            "data": data,
            "size": size,
            "channels": channels,
            "tokenizer": tokenizer.value,
            "colors": colors,
            "codes": codes,
            "tokenizer_minutes": tokenizer_minutes,
            "labels": labels,
            "captions": captions,
            "edits": edits or [],
            "init_from": init_from,
            "model": model_size.value,
            "epochs": epochs,
            "minutes": minutes,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "dropout": dropout,
            "precision": precision.value,
            "seed": seed,
        },
        out,
        resume,
        console,
    )
    if row is None:
        console.print("This run has spent its budget already.")
        return
    console.print(
        f"Step {row['step']}: validation "
        f"{row['val_bits_per_pixel']:.3f} bits/pixel. Saved in {out}."
    )
    console.print(
        f"Try: keras-igpt generate --model {out} --n 16", highlight=False
    )


@app.command()
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
    out: Annotated[
        pathlib.Path,
        typer.Option(help="A .png file for one sheet, or a folder."),
    ] = pathlib.Path("generated.png"),
):
    """Paints pictures: of a class, from a caption, or of anything."""
    from keras_igpt import jobs

    written = jobs.generate(
        model,
        label,
        text,
        n,
        {
            "guidance_scale": guidance,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
        },
        out,
    )
    _console().print(f"Wrote {written}")


@app.command()
def complete(
    file: Annotated[pathlib.Path, typer.Argument(help="A picture.")],
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
    out: Annotated[
        pathlib.Path,
        typer.Option(help="A .png file for one sheet, or a folder."),
    ] = pathlib.Path("completed.png"),
):
    """Keeps the upper part of a picture and paints the rest."""
    from keras_igpt import jobs

    written = jobs.complete(
        file,
        model,
        keep_rows,
        label,
        text,
        n,
        {
            "guidance_scale": guidance,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
        },
        out,
    )
    _console().print(f"Wrote {written}")


@app.command()
def edit(
    file: Annotated[pathlib.Path, typer.Argument(help="A picture.")],
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
    out: Annotated[
        pathlib.Path,
        typer.Option(help="A .png file for one sheet, or a folder."),
    ] = pathlib.Path("edited.png"),
):
    """Repairs, extends, replaces, enlarges, colours or restyles a picture."""
    from keras_igpt import edit_jobs

    box = mask if mask is None else _numbers("--mask", mask, 4, optional=True)
    written = edit_jobs.edit(
        file,
        model,
        edit,
        n,
        {
            "guidance_scale": guidance,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
        },
        out,
        mask=box or mask,
        expand=_numbers("--expand", expand, 4),
        at=_numbers("--at", at, 2),
        scale=scale,
        factor=factor,
        style=style,
        labels=label,
        text=text,
        paste_back=paste_back,
    )
    _console().print(f"Wrote {written}")


def _numbers(option, value, count, optional=False):
    """Whole numbers with commas between; None if there are none."""
    if value is None:
        return None
    parts = value.split(",")
    if len(parts) == count and all(
        part.strip().removeprefix("-").isdecimal() for part in parts
    ):
        return tuple(int(part) for part in parts)
    if optional:
        return None
    raise ValueError(
        f"`{option}` must be {count} whole numbers with commas between. "
        f"Received: {option} {value}."
    )


@app.command()
def evaluate(
    model: ModelOption,
    data: DataOption,
    split: Annotated[str, typer.Option()] = "test",
    limit: Annotated[
        int | None, typer.Option(help="Score only the first pictures.")
    ] = None,
    seed: Annotated[int, typer.Option()] = 0,
):
    """Prints how likely test pictures are, beside counting baselines."""
    from keras_igpt import jobs

    _print_figures(jobs.evaluate(model, data, split, limit, seed))


@app.command()
def judge(
    model: ModelOption,
    n: Annotated[int, typer.Option(help="How many captions.")] = 200,
    guidance: Annotated[
        list[float] | None,
        typer.Option("--guidance", help="May be repeated. Default: 1 and 3."),
    ] = None,
    split: Annotated[str, typer.Option()] = "test",
    seed: Annotated[int, typer.Option()] = 0,
):
    """Paints football captions; a trained judge says what is right."""
    from keras_igpt import jobs

    scales = tuple(guidance or (1.0, 3.0))
    _console().print(jobs.judge(model, n, scales, split, seed))


@app.command()
def pack(
    model: ModelOption,
    out: Annotated[pathlib.Path, typer.Option(help="A .keras file.")],
):
    """Writes a model to pass on: half of the size, without optimizer."""
    from keras_igpt import jobs

    jobs.pack(model, out)
    _console().print(f"Wrote {out}, {out.stat().st_size / 1e6:.1f} MB")


def _console():
    from rich.console import Console

    return Console()


def _print_figures(figures):
    from rich.table import Table

    rows = {
        "nats_per_picture": ("nats per picture", "{:.2f}"),
        "bits_per_pixel": ("bits per pixel", "{:.3f}"),
        "histogram_bits_per_pixel": (
            "  a histogram per pixel would need",
            "{:.3f}",
        ),
        "class_histogram_bits_per_pixel": (
            "  a histogram per class and pixel would need",
            "{:.3f}",
        ),
        "recognised_generated": ("generated and recognised as asked", "{:.1%}"),
        "recognised_real": ("  real test pictures recognised", "{:.1%}"),
        "psnr": ("decoded tokens, PSNR in dB", "{:.2f}"),
        "palette_psnr": ("  as many tokens of a 512-colour palette", "{:.2f}"),
        "codes_used": ("codes in use", "{:.1%}"),
        "perplexity": ("  their perplexity", "{:.0f}"),
    }
    table = Table("On test pictures", "", show_lines=False)
    for name, (title, form) in rows.items():
        if name in figures:
            table.add_row(title, form.format(figures[name]))
    _console().print(table)


def main():
    """Runs the command; a user's mistake ends in one line, not in a trace."""
    try:
        app()
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"keras-igpt: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
