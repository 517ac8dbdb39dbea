"""What the commands of `keras-igpt` share: options, and the terminal."""

import enum
import pathlib
from typing import Annotated

import typer

ModelOption = Annotated[
    str,
    typer.Option(
        "--model", help="A .keras file, a run's folder, or 'football'."
    ),
]

_data_option = typer.Option(
    "--data", help="'digits', a TFDS name, or a folder of pictures."
)

DataOption = Annotated[str, _data_option]

# Runs that are resumed know theirs.
NewDataOption = Annotated[str | None, _data_option]

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

OutOption = Annotated[
    pathlib.Path,
    typer.Option("--out", help="A .png file for one sheet, or a folder."),
]

FileArgument = Annotated[pathlib.Path, typer.Argument(help="A picture.")]


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
    igpt_s = "igpt_s"
    igpt_m = "igpt_m"
    igpt_l = "igpt_l"


def numbers(option, value, count, optional=False):
    """Whole numbers with commas between; None if there are none.

    Args:
        option: str, its name, for the error.
        value: str, or None.
        count: int, how many there must be.
        optional: bool. Whether it may be something else: None then.
    """
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


def new_console():
    """The terminal, as `rich` writes to it."""
    from rich.console import Console

    return Console()


def print_figures(figures):
    """Prints what `evaluate` and `quickstart` have measured, as a table."""
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
    new_console().print(table)
