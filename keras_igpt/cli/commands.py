"""The command `keras-igpt`: train, generate, complete, evaluate and more.

What Keras does not need itself is imported inside the commands, so that
`--help` does not wait for it.
"""

import pathlib
import sys
from typing import Annotated

import typer

from keras_igpt.cli import painting
from keras_igpt.cli.options import (
    DataOption,
    ModelOption,
    ModelSize,
    NewDataOption,
    Precision,
    TokenizerName,
    new_console,
    print_figures,
)

app = typer.Typer(
    name="keras-igpt",
    help="Train an image GPT on your pictures, and let it paint.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def quickstart(
    out: Annotated[
        pathlib.Path, typer.Option(help="Folder for the results.")
    ] = pathlib.Path("runs/quickstart"),
    minutes: Annotated[float, typer.Option(help="Training time.")] = 2.0,
    seed: Annotated[int, typer.Option()] = 0,
):
    """Trains on real 8x8 digits for two minutes and paints new ones."""
    console = new_console()
    console.print("Loading TensorFlow …", style="dim")
    from keras_igpt.cli import quickstart as cli_quickstart

    figures = cli_quickstart.run(out, minutes, seed)
    print_figures(figures)
    console.print(f"\nPictures: [bold]{out / 'quickstart.png'}[/]")
    console.print(f"Model:    [bold]{out / 'quickstart.keras'}[/]")
    console.print(
        "\nTry next:\n"
        f"  keras-igpt generate --model {out / 'quickstart.keras'} "
        "--label 7 --n 16\n"
        "  keras-igpt train --data path/to/pictures --size 32 "
        "--out runs/mine --minutes 30",
        highlight=False,
        soft_wrap=True,  # commands are copied
    )


@app.command()
def train(
    out: Annotated[pathlib.Path, typer.Option(help="The run's folder.")],
    data: NewDataOption = None,
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
    cell_size: Annotated[
        int,
        typer.Option(
            help="Pixels that a token of --tokenizer vq and fsq is high and "
            "wide: 4, or 2 for small pictures."
        ),
    ] = 4,
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
    edit_share: Annotated[
        float,
        typer.Option(
            help="Share of the training pictures that are edited, the others "
            "being painted from nothing."
        ),
    ] = 0.5,
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
    ema: Annotated[
        float | None,
        typer.Option(
            help="Momentum of averaged weights, such as 0.999; best.keras "
            "then holds the average. Default: none."
        ),
    ] = None,
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
    from keras_igpt.cli import train_jobs

    console = new_console()
    row = train_jobs.train(
        {
            "data": data,
            "size": size,
            "channels": channels,
            "tokenizer": tokenizer.value,
            "colors": colors,
            "codes": codes,
            "cell_size": cell_size,
            "tokenizer_minutes": tokenizer_minutes,
            "labels": labels,
            "captions": captions,
            "edits": edits or [],
            "edit_share": edit_share,
            "init_from": init_from,
            "model": model_size.value,
            "epochs": epochs,
            "minutes": minutes,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "dropout": dropout,
            "ema": ema,
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


app.command()(painting.generate)

app.command()(painting.complete)

app.command()(painting.edit)


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
    from keras_igpt.cli import jobs

    print_figures(jobs.evaluate(model, data, split, limit, seed))


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
    from keras_igpt.cli import jobs

    scales = tuple(guidance or (1.0, 3.0))
    new_console().print(jobs.judge(model, n, scales, split, seed))


@app.command("judge-conversions")
def judge_conversions(
    model: ModelOption,
    n: Annotated[int, typer.Option(help="How many pictures.")] = 200,
    split: Annotated[str, typer.Option()] = "test",
    seed: Annotated[int, typer.Option()] = 0,
):
    """Paints football layouts and swaps kits; a judge says what is right."""
    from keras_igpt.cli import jobs

    new_console().print(jobs.judge_conversions(model, n, split, seed))


@app.command("evaluate-edits")
def evaluate_edits(
    model: ModelOption,
    data: DataOption,
    n: Annotated[int, typer.Option(help="How many pictures.")] = 200,
    split: Annotated[str, typer.Option()] = "test",
    seed: Annotated[int, typer.Option()] = 0,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="A .png file: input, best baseline, the model at temperature "
            "0 and 1, truth."
        ),
    ] = None,
):
    """Restores test pictures, beside OpenCV and the nearest in training."""
    from keras_igpt.cli import edit_jobs

    new_console().print(edit_jobs.evaluate(model, data, n, split, seed, out))


@app.command()
def demo(
    model: ModelOption = "football",
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen at. 0.0.0.0 lets anybody in who can "
            "reach this machine."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 7860,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser.")
    ] = False,
):
    """Serves a page to paint, edit and look into pictures with a model."""
    from keras_igpt.cli.demo import server

    server.launch(model, host, port, open_browser)


@app.command()
def probe(
    model: ModelOption,
    data: DataOption,
    layer: Annotated[
        str, typer.Option(help="all, middle, or numbers with commas between.")
    ] = "all",
    limit: Annotated[
        int | None, typer.Option(help="Learn from the first pictures only.")
    ] = None,
    split: Annotated[str, typer.Option()] = "test",
    seed: Annotated[int, typer.Option()] = 0,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="A .png file: accuracy over depth."),
    ] = None,
):
    """Names pictures by the model's features: logistic regression."""
    from keras_igpt.cli import probe_jobs

    console = new_console()
    probe_jobs.probe(model, data, layer, limit, split, seed, out, console.print)


@app.command()
def classify(
    model: ModelOption,
    data: DataOption,
    limit: Annotated[
        int | None, typer.Option(help="Learn from the first pictures only.")
    ] = None,
    epochs: Annotated[int, typer.Option()] = 5,
    batch_size: Annotated[int, typer.Option()] = 32,
    learning_rate: Annotated[float, typer.Option()] = 3e-4,
    generative_weight: Annotated[
        float, typer.Option(help="Weight of the tokens' loss; 0 for none.")
    ] = 1.0,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="Begin with random weights.")
    ] = False,
    split: Annotated[str, typer.Option()] = "test",
    seed: Annotated[int, typer.Option()] = 0,
    out: Annotated[
        pathlib.Path | None, typer.Option(help="A .keras file.")
    ] = None,
):
    """Fine-tunes a model to name pictures; prints the test accuracy."""
    from keras_igpt.cli import probe_jobs

    options = {
        "limit": limit,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "generative_weight": generative_weight,
        "scratch": scratch,
        "seed": seed,
    }
    console = new_console()
    probe_jobs.classify(model, data, options, split, out, console.print)


@app.command()
def export(
    model: ModelOption,
    out: Annotated[
        pathlib.Path,
        typer.Option(
            help="The model's folder on the server; the next version in it "
            "is written, or the one that is named as NAME/3."
        ),
    ],
):
    """Writes a SavedModel for TensorFlow Serving: words in, PNG out."""
    from keras_igpt.cli import jobs

    new_console().print(f"Wrote {jobs.export(model, out)}")


@app.command()
def pack(
    model: ModelOption,
    out: Annotated[pathlib.Path, typer.Option(help="A .keras file.")],
):
    """Writes a model to pass on: half of the size, without optimizer."""
    from keras_igpt.cli import jobs

    jobs.pack(model, out)
    new_console().print(f"Wrote {out}, {out.stat().st_size / 1e6:.1f} MB")


def main():
    """Runs the command; a user's mistake ends in one line, not in a trace."""
    try:
        app()
    except (
        ValueError,
        OSError,
        FloatingPointError,
        ModuleNotFoundError,
    ) as error:
        print(f"keras-igpt: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
