"""What the commands of `keras-igpt` share: options, and the terminal.

Nothing here loads Keras or NumPy before a command works, so that `--help`
waits for neither.
"""

import enum
import functools
import inspect
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_igpt.argument_checks import check_positive, check_seed
from keras_igpt.models.config import ORDERS, SIZES

if TYPE_CHECKING:
    from rich.console import Console
    from tensorflow.data import Dataset

    from keras_igpt.annotations import PathLike
    from keras_igpt.models.image_gpt import ImageGPT

# Digits of the longest number of a class.
MAX_DIGITS = 9

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        help="A .keras file, a run's folder, 'football', 'football_any', "
        "hf://owner/name, or kaggle://owner/model/framework/variation.",
    ),
]

_data_option = typer.Option(
    "--data", help="'digits', a TFDS name, or a folder of images."
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

OutOption = Annotated[
    pathlib.Path,
    typer.Option("--out", help="A .png file for one sheet, or a folder."),
]

FileArgument = Annotated[pathlib.Path, typer.Argument(help="An image.")]


SplitOption = Annotated[str, typer.Option("--split", help="Of the data.")]


def checked_limit(limit: int | None) -> int | None:
    """The number of images to use at most, which may be left out."""
    if limit is not None:
        check_positive("--limit", limit, most=2**63 - 1)
    return limit


def _checked_seed(seed: int) -> int:
    check_seed(seed)
    return seed


LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        help="Learn from the first images only.",
        callback=checked_limit,
    ),
]

SeedOption = Annotated[int, typer.Option(callback=_checked_seed)]


class TokenizerName(enum.StrEnum):
    palette = "palette"
    vq = "vq"
    fsq = "fsq"


class Precision(enum.StrEnum):
    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"
    mixed_float16 = "mixed_float16"


class OptimizerName(enum.StrEnum):
    muon = "muon"
    adamw = "adamw"


class Strategy(enum.StrEnum):
    mirrored = "mirrored"
    multiworker = "multiworker"
    jax = "jax"


ModelSize = enum.StrEnum("ModelSize", {name: name for name in SIZES})


class StepSchedule(enum.StrEnum):
    arccos = "arccos"
    cosine = "cosine"


class GuidanceSchedule(enum.StrEnum):
    constant = "constant"
    linear = "linear"


CellOrder = enum.StrEnum("CellOrder", {name: name for name in ORDERS})


def sampling_options(
    guidance: Annotated[
        float, typer.Option(help="Above 1: closer to what is asked.")
    ] = 1.0,
    temperature: Annotated[
        float, typer.Option(help="0 takes the most probable token.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Draw from the k likeliest tokens.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Draw from the likeliest tokens of this sum."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same images.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="In how many steps a model of any order writes an image. "
            "Default: the model's own."
        ),
    ] = None,
    step_schedule: Annotated[
        StepSchedule | None,
        typer.Option(
            help="How many cells each step writes. Default: as the model does."
        ),
    ] = None,
    guidance_schedule: Annotated[
        GuidanceSchedule | None,
        typer.Option(
            help="linear: from 1 up to --guidance, cell by cell. Default: "
            "constant."
        ),
    ] = None,
    negative_text: Annotated[
        list[str] | None,
        typer.Option(
            help="A caption of what is not wanted, with --guidance above 1; "
            "again for more, one per --text."
        ),
    ] = None,
    best_of: Annotated[
        int | None,
        typer.Option(
            help="Generate so many candidates of each image, and keep the "
            "one that the model finds likeliest."
        ),
    ] = None,
) -> dict[str, Any]:
    """Arguments of `ImageGPT.generate` that say how to sample."""
    asked = {
        "steps": steps,
        "step_schedule": step_schedule and step_schedule.value,
        "guidance_schedule": guidance_schedule and guidance_schedule.value,
        "best_of": best_of,
        "negative_text": negative_text or None,
    }
    return {
        "guidance_scale": guidance,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
        **{name: value for name, value in asked.items() if value is not None},
    }


def with_sampling(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the sampling options, as its argument `sampling`.

    Args:
        command: function for Typer, with a parameter `sampling`.

    Returns:
        Function whose signature, which Typer reads, has the options of
        `sampling_options` in its place.
    """
    shared = inspect.signature(sampling_options).parameters
    own = inspect.signature(command)
    kept = [p for name, p in own.parameters.items() if name != "sampling"]

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        asked = {n: kwargs.pop(n) for n in list(kwargs) if n in shared}
        return command(*args, sampling=sampling_options(**asked), **kwargs)

    signature = own.replace(parameters=[*kept, *shared.values()])
    wrapped.__signature__ = signature
    wrapped.__annotations__ = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
    }
    return wrapped


def load_image_gpt(model: "PathLike") -> "ImageGPT":
    """As `keras_igpt.load`, for what must be an `ImageGPT`."""
    import keras_igpt

    loaded = keras_igpt.load(model)
    if not isinstance(loaded, keras_igpt.ImageGPT):
        raise ValueError(
            "`--model` must hold an ImageGPT. "
            f"Received: --model {model}, which holds a "
            f"{type(loaded).__name__}."
        )
    return loaded


def read_labels(
    labels: list[str] | None, image_gpt: "ImageGPT"
) -> list[str | int] | None:
    """Labels as `ImageGPT.generate` takes them, of names and numbers.

    Where a class is called by a number that is not its own, all are names.

    Args:
        labels: names of classes or their numbers; None or [] for none.
        image_gpt: knows the names, or none.
    """
    from keras_igpt.prompts.conditions import have_other_numbers

    names = image_gpt.class_names

    def read(label):
        is_number = label.isdecimal() and len(label) <= MAX_DIGITS
        if label in names or not is_number or have_other_numbers(names):
            return label
        number = int(label)
        return names[number] if number < len(names) else number

    return [read(label) for label in labels] if labels else None


def load_data(image_gpt: "ImageGPT", source: str, split: str) -> "Dataset":
    """As `keras_igpt.data.load`, in the model's size and channels."""
    from keras_igpt import data

    height, width, channels = image_gpt.tokenizer.image_shape
    return data.load(
        source, split=split, image_size=(height, width), channels=channels
    )


def numbers(
    option: str, value: str | None, count: int, optional: bool = False
) -> tuple[int, ...] | None:
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


def new_console() -> "Console":
    """The terminal, as `rich` writes to it."""
    from rich.console import Console

    return Console()


def print_figures(figures: dict[str, float]) -> None:
    """Prints what `evaluate` and `quickstart` have measured, as a table."""
    from rich.table import Table

    rows = {
        "nats_per_picture": ("nats per image", "{:.2f}"),
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
        "recognised_real": ("  real test images recognised", "{:.1%}"),
        "psnr": ("decoded tokens, PSNR in dB", "{:.2f}"),
        "palette_psnr": ("  as many tokens of a 512-colour palette", "{:.2f}"),
        "codes_used": ("codes in use", "{:.1%}"),
        "perplexity": ("  their perplexity", "{:.0f}"),
    }
    table = Table("On test images", "", show_lines=False)
    for name, (title, form) in rows.items():
        if name in figures:
            table.add_row(title, form.format(figures[name]))
    new_console().print(table)
