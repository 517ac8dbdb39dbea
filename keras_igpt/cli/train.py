"""The commands `train` and `classify`."""

import pathlib
import shlex
from typing import Annotated

import typer

import keras_igpt
from keras_igpt.cli.options import (
    CellOrder,
    DataOption,
    LimitOption,
    ModelOption,
    ModelSize,
    NewDataOption,
    OptimizerName,
    Precision,
    SeedOption,
    SplitOption,
    Strategy,
    TokenizerName,
    load_data,
    load_image_gpt,
    new_console,
)


def train(
    context: typer.Context,
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
    tokenizer_from: Annotated[
        str | None,
        typer.Option(
            help="A model whose tokenizer is taken, rather than a new one; for "
            "shards, the one that made them. --size, --channels and all else "
            "about tokenizers are then its own."
        ),
    ] = None,
    codes: Annotated[
        int, typer.Option(help="Codebook size of --tokenizer vq and fsq.")
    ] = 512,
    cell_size: Annotated[
        int,
        typer.Option(
            help="Pixels that a token of --tokenizer vq and fsq is high and "
            "wide: 4, or 2 for small images."
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
            help="An edit to learn beside generating; may be repeated. Pairs, "
            "as 'football/layout', teach restyle/layout.",
        ),
    ] = None,
    edit_share: Annotated[
        float,
        typer.Option(
            help="Share of the training images that are edited; the others "
            "are generated from nothing."
        ),
    ] = 0.5,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="A model to go on from: its size, tokenizer and weights. "
            "--size, --channels, --model, --order and all about tokenizers "
            "are then its own."
        ),
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(
            help="With --init-from: its weights stay, and matrices of this "
            "rank are learned beside them, such as 16. Default: all learn."
        ),
    ] = None,
    model_size: Annotated[ModelSize, typer.Option("--model")] = ModelSize.tiny,
    order: Annotated[
        CellOrder | None,
        typer.Option(
            help="raster, the default: cells are written row by row. any: in "
            "any order, several at once; see --steps of generate."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option()] = None,
    minutes: Annotated[float | None, typer.Option()] = None,
    batch_size: Annotated[int, typer.Option()] = 32,
    optimizer: Annotated[
        OptimizerName | None,
        typer.Option(
            help="muon, the default of new models: Muon for matrices, AdamW "
            "for all else. adamw, that of --init-from."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="The highest. Default: 0.01 with muon, 0.002 with adamw."
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            help="Default of new models: 0.1 or 0.2 where the images have few "
            "tokens for so many weights, which would learn them by heart; else "
            "0."
        ),
    ] = None,
    ema: Annotated[
        float | None,
        typer.Option(
            help="Momentum of averaged weights, such as 0.999; best.keras "
            "then holds the average. Default: none."
        ),
    ] = None,
    precision: Annotated[Precision, typer.Option()] = Precision.float32,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="Longest time without a checkpoint.")
    ] = 5.0,
    seed: SeedOption = 0,
    distribute: Annotated[
        Strategy | None,
        typer.Option(
            help="mirrored: on all GPUs of this machine. multiworker: on the "
            "machines that TF_CONFIG names, started on each of them. jax: on "
            "all devices, with KERAS_BACKEND=jax. --batch-size is that of all "
            "together."
        ),
    ] = None,
    model_devices: Annotated[
        int,
        typer.Option(
            help="With --distribute jax: so many devices divide a model's "
            "weights between them."
        ),
    ] = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out; for longer with --minutes or "
            "--epochs, the time before counted in.",
        ),
    ] = False,
) -> None:
    """Trains a model on images; the folder --out holds all results."""
    from keras_igpt.cli.training.training_run import Interrupted, run
    from keras_igpt.training.run_options import TrainingOptions
    from keras_igpt.training.schedule import RATES

    if epochs is None and minutes is None and not resume:
        minutes = 15.0
    if optimizer is None:
        optimizer = OptimizerName.adamw if init_from else OptimizerName.muon
    if learning_rate is None:
        learning_rate = RATES[optimizer.value]
    options = TrainingOptions(
        data=data,
        size=size,
        channels=channels,
        tokenizer=tokenizer.value,
        colors=colors,
        codes=codes,
        cell_size=cell_size,
        tokenizer_minutes=tokenizer_minutes,
        labels=labels,
        captions=captions,
        edits=edits or [],
        edit_share=edit_share,
        init_from=init_from,
        model=model_size.value,
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        dropout=dropout,
        ema=ema,
        precision=precision.value,
        seed=seed,
        lora=lora,
        order=order and order.value,
        checkpoint_minutes=checkpoint_minutes,
        tokenizer_from=tokenizer_from,
        optimizer=optimizer.value,
    )
    console = new_console()
    if distribute == Strategy.multiworker:
        console.print("Waiting for the other workers …", style="dim")
    devices = (distribute and distribute.value, model_devices)
    try:
        row = run(options, out, resume, console, _given(context), *devices)
    except Interrupted as end:
        _say_how_to_go_on(end, out, lora, console)
        raise typer.Exit(128 + end.number) from None
    if row is None:
        console.print("This run has spent its budget already.")
    elif not row:
        console.print("Done. The first worker has saved it.")
    else:
        console.print(
            f"Step {row['step']}: validation "
            f"{row['val_bits_per_pixel']:.3f} bits/pixel. Saved in {out}."
        )
        console.print(
            f"Try: keras-igpt generate --model {out} --n 16", highlight=False
        )


def _say_how_to_go_on(end, out, lora, console):
    console.print(f"Interrupted; saved at step {end.step}. Go on with:")
    folder = shlex.quote(str(out))
    # What LoRA learned is added to the weights that are saved.
    again = f"--init-from {folder} …" if lora else f"--resume --out {folder}"
    console.print(
        f"  keras-igpt train {again}",
        highlight=False,
        soft_wrap=True,
    )


def _given(context):
    """Names of the options that were chosen, as `TrainingOptions` has them."""
    names = {
        name
        for name in context.params
        if context.get_parameter_source(name).name != "DEFAULT"
    }
    return {"model" if name == "model_size" else name for name in names}


def classify(
    model: ModelOption,
    data: DataOption,
    limit: LimitOption = None,
    epochs: Annotated[int, typer.Option()] = 5,
    batch_size: Annotated[int, typer.Option()] = 32,
    learning_rate: Annotated[float, typer.Option()] = 3e-4,
    generative_weight: Annotated[
        float, typer.Option(help="Weight of the tokens' loss; 0 for none.")
    ] = 1.0,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="Begin with random weights.")
    ] = False,
    split: SplitOption = "test",
    seed: SeedOption = 0,
    out: Annotated[
        pathlib.Path | None, typer.Option(help="A .keras file.")
    ] = None,
) -> None:
    """Fine-tunes a model to classify images; prints the test accuracy."""
    import keras

    from keras_igpt.argument_checks import check_number, check_positive
    from keras_igpt.atomic_files import check_output_file, save_model
    from keras_igpt.models.classifier import MOST_WEIGHT
    from keras_igpt.training.schedule import fit_within

    check_output_file("--out", out, ".keras")
    check_positive("batch_size", batch_size)
    check_number("generative_weight", generative_weight, MOST_WEIGHT, least=0)
    budget = keras_igpt.TrainingBudget(learning_rate, epochs=epochs)
    report = new_console().print
    keras.utils.set_random_seed(seed)
    image_gpt = load_image_gpt(model)
    train, test = (
        load_data(image_gpt, data, part) for part in ("train", split)
    )
    num_classes = len(train.class_names)
    if limit is not None:
        train = train.take(limit)
    if scratch:
        # The tokenizer stays: what it has learned is no part of the network.
        image_gpt = keras_igpt.ImageGPT(
            image_gpt.tokenizer,
            dtype=image_gpt.dtype_policy,
            **image_gpt.config,
        )
    classifier = keras_igpt.ImageGPTClassifier.from_model(
        image_gpt, num_classes, generative_weight
    )
    if not scratch:
        right = classifier.fit_head(train, seed)
        report(f"A linear probe to begin with: validation {right:.1%}")
    classifier.compile()
    fit_within(
        classifier,
        classifier.prepare(train, batch_size, seed=seed),
        budget,
        verbose=2,
    )
    figures = classifier.evaluate(
        classifier.prepare(test, shuffle=False), verbose=0, return_dict=True
    )
    report(f"Test accuracy: {figures['accuracy']:.1%}")
    if out:
        save_model(classifier, out)
