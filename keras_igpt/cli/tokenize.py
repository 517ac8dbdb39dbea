"""The command `tokenize`: images become shards, on one machine or many."""

from typing import Annotated

import typer

from keras_igpt.cli.options import load_image_gpt, new_console


def tokenize(
    beam: typer.Context,
    data: Annotated[
        str,
        typer.Option(
            help="A folder of images, a TFDS name, or a .txt file with a path "
            "on each line; also gs://… and others that Beam knows."
        ),
    ],
    tokenizer: Annotated[
        str,
        typer.Option(
            help="A model whose tokenizer it is: a .keras file, a run's folder "
            "or a name; or LlamaGen's tokenizer, a .pt or .safetensors file."
        ),
    ],
    out: Annotated[str, typer.Option(help="The folder of the shards.")],
    split: Annotated[
        list[str] | None,
        typer.Option(help="Of the data; may be repeated. Default: all."),
    ] = None,
    images: Annotated[
        bool,
        typer.Option(
            help="Keep the images beside their tokens; edits are learned from "
            "them."
        ),
    ] = True,
    size: Annotated[
        int | None,
        typer.Option(help="Of the images in pixels, for LlamaGen's file."),
    ] = None,
    rows: Annotated[int, typer.Option(help="Images of a shard.")] = 1024,
    name: Annotated[
        str | None, typer.Option(help="The data set's name, for TFDS.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes on this machine. Default: one a core; with an "
            "accelerator one."
        ),
    ] = None,
    runner: Annotated[
        str, typer.Option(help="Beam's runner, as SparkRunner.")
    ] = "DirectRunner",
) -> None:
    """Writes tokens of images as shards, by Apache Beam.

    Further options are Beam's own, as --spark_master_url=….
    """
    from keras_igpt import data as datasets
    from keras_igpt.data.shards import tokenizing

    report = new_console().print
    made_before = tokenizing.is_complete(out)
    manifest = datasets.tokenize(
        data,
        _load_tokenizer(tokenizer, size),
        out,
        splits=split,
        images=images,
        rows_per_shard=rows,
        name=name,
        workers=workers,
        runner=runner,
        options=beam.args,
    )
    counts = ", ".join(
        f"{part.num_rows} in {name}" for name, part in manifest.splits.items()
    )
    if made_before:
        report(f"Nothing to do: {out} is complete, {counts}.", soft_wrap=True)
    else:
        report(f"Wrote {out}: {counts}.", soft_wrap=True)


def _load_tokenizer(path, size):
    """A model's tokenizer, or one that is a file of its own."""
    if path.endswith((".pt", ".safetensors")):
        from keras_igpt.pretrained import llamagen

        return llamagen.load_tokenizer(path, 256 if size is None else size)
    found = load_image_gpt(path).tokenizer
    if size is not None and found.image_size != (size, size):
        raise ValueError(
            "`--size` must be left out, or be that of the model's images, "
            f"{found.image_size}. Received: --size {size}."
        )
    return found
