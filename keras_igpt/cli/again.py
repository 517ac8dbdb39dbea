"""The commands `show` and `again`: what made a file, and the same anew."""

import inspect
import os
import pathlib
import shlex
import tempfile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_igpt.cli import edit, generate
from keras_igpt.cli.options import FileArgument, new_console

if TYPE_CHECKING:
    from keras_igpt.annotations import PathLike

COMMANDS = {
    "generate": generate.generate,
    "complete": generate.complete,
    "edit": edit.edit,
    "grid": generate.grid,
}

_commands = typer.Typer()
for _command in COMMANDS.values():
    _commands.command()(_command)

# Parameters that are written otherwise than their options.
OPTIONS = {"guidance_scale": "guidance"}

# Options that take several numbers with commas between; a mask may be a file.
NUMBERS = ("expand", "at", "mask")


def show(file: FileArgument) -> None:
    """Prints the command that made an image."""
    new_console().print(command_of(file), soft_wrap=True, markup=False)


def command_of(file: "PathLike") -> str:
    """The command that made an image, as somebody would type it.

    Args:
        file: a .png file of a command, or of the demo's page.

    Raises:
        ValueError: if the file does not say it.
    """
    return shlex.join(["keras-igpt", *_words(file)])


def again(
    file: FileArgument,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="A .png file. Default: beside it, with -again."),
    ] = None,
) -> None:
    """Makes an image again that a command has written."""
    from keras_igpt.atomic_files import check_output_file
    from keras_igpt.images.files import read_parameters

    words = _words(file)
    out = file.with_name(f"{file.stem}-again.png") if out is None else out
    check_output_file("--out", out, ".png")
    if read_parameters(file).get("sheet", True):
        _commands([*words, "--out", str(out)], standalone_mode=False)
        return
    # One of a folder of images: not enlarged, as on sheets.
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        _commands([*words, "--out", folder], standalone_mode=False)
        os.replace(pathlib.Path(folder, "0000.png"), out)
    new_console().print(f"Wrote {out}")


def _words(file: "PathLike") -> list[str]:
    """The command of a file, word by word."""
    from keras_igpt.images.files import read_parameters

    found = read_parameters(file)
    name = found.pop("command", None) or _name_of(found)
    if name not in COMMANDS or "model" not in found:
        raise ValueError(
            "The file must be one that generate, complete, edit or grid has "
            f"written. Received: {file}, which does not say how it was made."
        )
    # Nothing else that a file says becomes an option.
    known = set(inspect.signature(COMMANDS[name]).parameters) - {"out"}
    words = [name]
    for key, value in found.items():
        key = OPTIONS.get(key, key)
        if key == "file" and key in known:
            words.append(str(value))
        elif key in known:
            words += _option(key, value)
    return words


def _name_of(found: dict[str, Any]) -> str:
    """That of files which do not name it, as the first versions wrote them."""
    if "edit" in found:
        return "edit"
    return "complete" if "keep_rows" in found else "generate"


def _option(key: str, value: Any) -> list[str]:
    name = f"--{key.replace('_', '-')}"
    if value is None or value is False:
        return []
    if value is True:
        return [name]
    if key in NUMBERS and isinstance(value, list):
        value = str(value)
    if key in NUMBERS and value[0] in "[(":
        return [f"{name}={value[1:-1].replace(' ', '')}"]
    if isinstance(value, list):
        return [f"{name}={one}" for one in value]
    return [f"{name}={value}"]
