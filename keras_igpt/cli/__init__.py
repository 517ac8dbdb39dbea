"""The command line: `keras-igpt`.

The modules of the commands import Typer and their options; what they work
with they import when they run, so that `--help` does not wait for it.
"""

import atexit
import gc
import io
import sys

import typer

from keras_igpt.cli import (
    again,
    edit,
    evaluate,
    generate,
    publish,
    quickstart,
    tokenize,
    train,
)
from keras_igpt.cli.demo import server
from keras_igpt.cli.quiet import silence_tensorflow

app = typer.Typer(
    name="keras-igpt",
    help="Train an image GPT on your images, and generate new ones with it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

for command in (
    quickstart.quickstart,
    train.train,
    generate.generate,
    generate.complete,
    edit.edit,
    generate.grid,
    again.show,
    again.again,
    evaluate.evaluate,
    evaluate.evaluate_edits,
    evaluate.probe,
    train.classify,
    server.demo,
    publish.export,
    publish.pack,
    publish.card,
    publish.upload,
):
    app.command()(command)
# Options that it does not know are those of Apache Beam.
app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)(tokenize.tokenize)


# New objects after which Python looks for cycles that nobody needs.
GARBAGE = 50_000


def look_for_garbage_less() -> None:
    """Lets this process start and end more quickly.

    TensorFlow makes a million objects that stay. By default Python looks for
    garbage among them while they are made, a third of the time that it takes
    to import them, and once more at the end, for a second.
    """
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def main() -> None:
    """Runs the command; a user's mistake ends in one line, not in a trace."""
    look_for_garbage_less()
    silence_tensorflow()
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show is no reason to end.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        said = str(error)
    except MemoryError as error:
        said = f"The machine's memory does not suffice. {error} Ask for less."
    else:
        return
    print("keras-igpt:", *said.split(), file=sys.stderr)
    sys.exit(1)
