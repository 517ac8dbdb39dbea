"""What a trained judge finds in generated football images.

python -m benchmarks.football judge --model football --n 300
python -m benchmarks.football judge-conversions --model football --n 300
"""

from typing import Annotated

import typer

from keras_igpt.cli.options import (
    ModelOption,
    SplitOption,
    load_image_gpt,
    new_console,
)
from keras_igpt.cli.quiet import silence_tensorflow

app = typer.Typer(
    name="python -m benchmarks.football",
    help="How much of what was asked for is in generated football images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def judge(
    model: ModelOption,
    n: Annotated[int, typer.Option(help="How many captions.")] = 200,
    guidance: Annotated[
        list[float] | None,
        typer.Option("--guidance", help="May be repeated. Default: 1 and 3."),
    ] = None,
    split: SplitOption = "test",
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Generates from football captions; a judge says what is right."""
    from keras_igpt.evaluation.football import report

    figures = report.report(
        load_image_gpt(model),
        split=split,
        count=n,
        guidance_scales=tuple(guidance or (1.0, 3.0)),
        seed=seed,
    )
    new_console().print(report.table(figures))


@app.command("judge-conversions")
def judge_conversions(
    model: ModelOption,
    n: Annotated[int, typer.Option(help="How many images.")] = 200,
    split: SplitOption = "test",
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Restyles layouts and swaps kits; a judge says what is right."""
    from keras_igpt.evaluation.football import report

    figures = report.conversions(
        load_image_gpt(model), split=split, count=n, seed=seed
    )
    new_console().print(report.conversion_table(figures))


def main() -> None:
    """Runs the command."""
    silence_tensorflow()
    app()


if __name__ == "__main__":
    main()
