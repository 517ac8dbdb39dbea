"""A training run: from options to a folder with a model."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import keras

from keras_igpt import data as datasets
from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import (
    MOST_CODES,
    check_at_least,
    check_number,
    check_one_of,
    check_positive,
    check_seed,
    check_share,
    checked_image_size,
)
from keras_igpt.atomic_files import check_writable
from keras_igpt.cli.options import load_image_gpt, new_console
from keras_igpt.cli.training.new_model import new_model
from keras_igpt.data.shards.dataset import TokenDataset
from keras_igpt.holding_out import validation_count
from keras_igpt.pretrained.loading import load
from keras_igpt.tokenizers.autoencoder import CELL_SIZES
from keras_igpt.training import run_folder, run_options
from keras_igpt.training.batches import TokenBatches
from keras_igpt.training.callbacks import (
    ProgressBar,
    SampleImages,
    steps_done,
)
from keras_igpt.training.checkpoints import Checkpoints
from keras_igpt.training.distributed.strategies import (
    check_batches,
    check_budget,
    new_strategy,
)
from keras_igpt.training.distributed.workers import (
    explained,
    fit_scope,
    is_chief,
    is_multiworker,
    scope,
    wait_for_all,
)
from keras_igpt.training.interruptions import Interruption
from keras_igpt.training.run_options import TrainingOptions
from keras_igpt.training.schedule import (
    MOST_MINUTES,
    TrainingBudget,
    fit_within,
)

if TYPE_CHECKING:
    from rich.console import Console


def run(
    options: TrainingOptions,
    folder: PathLike,
    resume: bool = False,
    console: "Console | None" = None,
    given: Iterable[str] = (),
    distribute: str | None = None,
    model_devices: int = 1,
) -> dict[str, Any] | None:
    """Trains a model on images.

    With several workers each calls it with the same arguments.

    Args:
        options: what was asked for.
        folder: the run's folder.
        resume: whether to go on with the run that the folder holds, as it was
            begun, from its last checkpoint if it has one; but `epochs` or
            `minutes`, if given, are its new budget, of which it has spent a
            part.
        console: where progress is shown; the standard one if None.
        given: names of the options that were chosen, not left out.
        distribute, model_devices: as `new_strategy` takes them; None for one
            device.

    Returns:
        The last checkpoint's row of figures; None if nothing was left to do.
        It is empty where this is not the worker that writes files.

    Raises:
        Interrupted: if a signal ended it. All is saved. Of several workers it
            simply ends one, and so all: the run goes on from its last
            checkpoint.
        ConnectionError: if another worker has ended.
    """
    folder = pathlib.Path(folder)
    changed = {}
    if resume:
        options, changed = run_options.resumed(options, folder, given)
        # A run that was killed before it had a model begins as it was asked.
        resume = (folder / "last.keras").exists()
    else:
        run_folder.check_free(folder)
    _check_options(options, resume)
    check_budget(distribute, options.minutes)
    strategy = new_strategy(distribute, model_devices)
    check_batches(strategy, options.batch_size)
    with explained(strategy):
        if not is_chief(strategy):
            return _run(options, folder, resume, changed, console, strategy)
        check_writable("--out", folder)
        with run_folder.locked(folder):
            if not resume:  # Another process may have begun one since.
                run_folder.check_free(folder)
            return _run(options, folder, resume, changed, console, strategy)


class Interrupted(Exception):
    """A signal ended a run, which is saved; `number` is the signal's."""

    def __init__(self, number: int, step: int) -> None:
        super().__init__(f"interrupted and saved at step {step}")
        self.number = number
        self.step = step


def _run(options, folder, resume, changed, console, strategy):
    chief = is_chief(strategy)
    if resume:
        _say_changes(options, changed, console)
        state = run_folder.begin_again(folder, options, changed, chief)
    else:
        state = run_folder.read_state(folder)
    if state["spent"] >= 1:
        return None
    keras.utils.set_random_seed(options.seed)
    start, tokenizer = (None, None) if resume else _starting_point(options)
    if tokenizer is not None:
        *size, channels = tokenizer.image_shape
        options = dataclasses.replace(
            options, size=tuple(size), channels=channels
        )
    images, held_out = _open_data(options)
    if resume:
        with scope(strategy):
            model = load(folder / "last.keras")
    else:
        model = new_model(options, images, start, tokenizer, strategy)
        # What was left to it is kept with the rest.
        dropout = model.config["dropout"]
        options = dataclasses.replace(options, dropout=dropout)
    batches = model.prepare(
        images,
        options.batch_size,
        seed=options.seed,
        truncate=True,
        edit_share=options.edit_share,
    )
    names = images.class_names if options.labels else []
    data = run_options.describe_data(batches.rows, names)
    if resume:
        run_folder.check_data(folder, data)
    elif chief:
        run_folder.save_new(model, options, folder, data)
    if held_out is None:
        batches, validation = _parts(batches)
    else:
        validation = model.prepare(
            held_out, shuffle=False, truncate=True, edit_share=0
        )
    fitted = (model, batches, validation, options, state)
    with fit_scope(strategy):
        if chief:
            row = _fit(*fitted, folder, console, is_multiworker(strategy))
        else:
            row = _fit_along(*fitted)
    wait_for_all(strategy)
    return row


def _starting_point(options):
    """The model to go on from, and the tokenizer; None for what is new."""
    if options.tokenizer_from:
        return None, load_image_gpt(options.tokenizer_from).tokenizer
    if not options.init_from:
        return None, None
    start = load_image_gpt(options.init_from)
    if options.order not in (None, start.config["order"]):
        raise ValueError(
            "`--order` must be that of --init-from, or be left out. "
            f"Received: --order {options.order}, for a model with "
            f"order={start.config['order']!r}."
        )
    return start, start.tokenizer


def _open_data(options):
    """The images; and those to choose the best model by, if shards say so."""
    images = datasets.load(
        options.data,
        split="train",
        image_size=options.size,
        channels=options.channels,
    )
    if not isinstance(images, TokenDataset):
        return images, None
    return images.parts()


def _say_changes(options, changed, console):
    for name, had in changed.items():
        words = f"{name} is {getattr(options, name)} now; it was {had}."
        (console or new_console()).print(words, highlight=False)


def _parts(batches: TokenBatches) -> tuple[TokenBatches, TokenBatches]:
    """The images to learn from, and those to choose the best model by."""
    if batches.num_groups == 1:  # Learned by heart, and measured by it.
        return batches, batches.part()
    return batches.split(validation_count(batches.num_images))


def _check_options(options, resume):
    """Refuses what would fail only after minutes of work."""
    if options.data is None:
        raise ValueError(
            "`--data` must be given, but with --resume. Received: none."
        )
    check_positive("batch_size", options.batch_size)
    check_share("edit_share", options.edit_share)
    check_number("tokenizer_minutes", options.tokenizer_minutes, MOST_MINUTES)
    check_number("checkpoint_minutes", options.checkpoint_minutes, MOST_MINUTES)
    check_seed(options.seed)
    if options.colors is not None:
        check_at_least("colors", options.colors, 2, MOST_CODES)
    check_at_least("codes", options.codes, 2, MOST_CODES)
    check_one_of("cell_size", options.cell_size, CELL_SIZES)
    if options.size is not None:
        checked_image_size(options.size)
    if options.tokenizer_from and options.init_from:
        raise ValueError(
            "`--tokenizer-from` must not come with --init-from, which has a "
            f"tokenizer. Received: --tokenizer-from {options.tokenizer_from}."
        )
    if options.lora is not None:
        _check_lora(options, resume)
    _new_budget(options)


def _check_lora(options, resume):
    check_positive("lora", options.lora)
    if not options.init_from:
        raise ValueError(
            "`--lora` must come with --init-from, whose weights it leaves as "
            f"they are. Received: --lora {options.lora} alone."
        )
    if resume:
        raise ValueError(
            "`--resume` must be of a run without --lora, which is added to "
            f"the weights that are saved. Received: --lora {options.lora}. "
            "Begin a new run with --init-from and the folder of this one."
        )


def _fit_along(model, batches, validation, options, state):
    """Fits as the chief does, and writes no files."""
    budget = _new_budget(options, state["spent"], state["batch"])
    batches.done, batches.epoch_step = state["batch"], state["epoch_step"]
    fit_within(model, batches, budget, initial_epoch=state["epoch"])
    return {}


def _fit(
    model, batches, validation, options, state, folder, console, multiworker
):
    budget = _new_budget(options, state["spent"], state["batch"])
    interruption, known = Interruption(), validation.inputs
    checkpoints = Checkpoints(
        folder,
        known,
        budget,
        samples=SampleImages(
            folder / "samples",
            log_dir=folder / "tensorboard",
            **_samples(model, known),
        ),
        every_minutes=options.checkpoint_minutes,
        state=state,
        interruption=interruption,
    )
    batches.done, batches.epoch_step = state["batch"], state["epoch_step"]
    # Workers step together: one that ends early would leave the others alone.
    alone = not multiworker
    with interruption.awaited() if alone else contextlib.nullcontext():
        fit_within(
            model,
            batches,
            budget,
            [interruption, checkpoints],
            ProgressBar(budget, console),
            initial_epoch=state["epoch"],
        )
    if interruption.received is not None:
        raise Interrupted(interruption.received, steps_done(model))
    return checkpoints.rows[-1] if checkpoints.rows else None


def _new_budget(options, spent=0.0, first=0):
    return TrainingBudget(
        options.learning_rate,
        epochs=options.epochs,
        minutes=options.minutes,
        start=spent,
        first=first,
    )


def _samples(model, validation):
    """What to ask for at each checkpoint."""
    if model.text_length:
        captions = validation["text"][:16].astype("uint8")
        return {"text": [bytes(row).rstrip(b"\0") for row in captions]}
    if model.num_classes:
        return {"labels": range(min(model.num_classes, 16))}
    return {"num_images": 16}
