"""What is asked of a training run, and what a run that goes on may change."""

import dataclasses
import json
import pathlib
import types
import typing
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.training.rows import ArrayRows, StoredRows

# Options that a run may go on with another value of.
CHANGEABLE = ("epochs", "minutes", "learning_rate", "checkpoint_minutes")

# Images whose tokens tell data from other data, at most, and tokens of each.
COMPARED_IMAGES = 64
COMPARED_TOKENS = 16

# Share of them that may be others: learned tokens differ between machines.
MOST_OTHERS = 0.1


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """What is asked of a run: the options of `keras-igpt train`.

    `config.json` holds them by these names.

    Args:
        data: as `keras_igpt.data.load` takes it; None for a run that goes on.
        size: height and width in pixels; None for the data's own.
        channels: 1 or 3; None for the data's own.
        tokenizer: "palette", "vq" or "fsq".
        colors: size of the palette; None for the channels' default.
        codes, cell_size: as `VQTokenizer` takes them.
        tokenizer_minutes: how long a learned tokenizer learns.
        labels, captions: whether to use the data's.
        edits: names of edits to learn.
        edit_share: share of the training images that are edited.
        init_from: model to go on from, as `keras_igpt.load` takes it.
        model: key of `ImageGPT.SIZES`.
        epochs, minutes: the budget; one of them.
        batch_size: images per step.
        learning_rate: the highest.
        dropout: as `ImageGPT` takes it; None for what suits the data, or for
            0 with `init_from`.
        ema: momentum of averaged weights; None for none.
        precision: name of a Keras dtype policy.
        seed: of all that is random.
        lora: rank of what is learned beside weights of `init_from`, which
            stay; None to train all.
        order: "raster" or "any", as `ImageGPT` takes it; None for that of
            `init_from`, or else "raster".
        checkpoint_minutes: longest time without a checkpoint.
        tokenizer_from: model whose tokenizer a new model takes, as
            `keras_igpt.load` takes it; None for one of its own.
        optimizer: "muon" or "adamw".
    """

    data: str | None
    size: int | tuple[int, int] | None
    channels: int | None
    tokenizer: str
    colors: int | None
    codes: int
    cell_size: int
    tokenizer_minutes: float
    labels: bool
    captions: bool
    edits: list[str]
    edit_share: float
    init_from: str | None
    model: str
    epochs: int | None
    minutes: float | None
    batch_size: int
    learning_rate: float
    dropout: float | None
    ema: float | None
    precision: str
    seed: int
    lora: int | None = None
    order: str | None = None
    checkpoint_minutes: float = 5.0
    tokenizer_from: str | None = None
    # That of runs which earlier versions began.
    optimizer: str = "adamw"


def read_config(folder: PathLike) -> dict[str, Any]:
    """What `config.json` of a run says.

    Returns:
        dict with, at least, `"options"`: a dict of values of the kinds that
        `TrainingOptions` names.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if the file is damaged or not a run's.
    """
    path = pathlib.Path(folder) / "config.json"
    if not path.exists():
        raise FileNotFoundError(
            f"`--resume` must find a run. Received: --out {folder}, which "
            "holds none. Leave --resume out to begin one."
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _no_config(path, f"which fails with: {error}") from error
    options = config.get("options") if isinstance(config, dict) else None
    if not isinstance(options, dict):
        raise _no_config(path, "which has no `options`")
    for name in ("data", "epochs", "minutes"):
        if name not in options:
            raise _no_config(path, f"whose options lack {name!r}")
    kinds = typing.get_type_hints(TrainingOptions)
    for name, value in options.items():
        if name in kinds and not _is_of_kind(value, kinds[name]):
            raise _no_config(path, f"where {name!r} is {value!r}")
    return config


def _no_config(path, found):
    return ValueError(
        "`config.json` must be as `keras-igpt train` wrote it. Received: "
        f"{str(path)!r}, {found}. Put the file back, or begin a new run with "
        f"--init-from {path.parent}."
    )


def _is_of_kind(value, kind):
    if isinstance(kind, types.UnionType):
        return any(_is_of_kind(value, each) for each in typing.get_args(kind))
    plain = typing.get_origin(kind)
    if plain is not None:  # JSON knows no tuples
        each = typing.get_args(kind)[0]
        right = isinstance(value, list) and (plain is list or len(value) == 2)
        return right and all(_is_of_kind(item, each) for item in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def resumed(
    asked: TrainingOptions,
    folder: PathLike,
    given: Iterable[str] = (),
) -> tuple[TrainingOptions, dict[str, Any]]:
    """Options of a run that goes on.

    Args:
        asked: what is asked for now.
        folder: the run's.
        given: names of the options that were chosen, not left out. A budget
            counts as chosen if it is there.

    Returns:
        Pair of `TrainingOptions`, and dict of those that are others now, by
        name, with the values that they had.

    Raises:
        ValueError: if a chosen option is another than the run's and may not
            change.
    """
    options = read_config(folder)["options"]
    # Earlier versions knew fewer options, later ones may know more.
    fields = dataclasses.fields(asked)
    names = [field.name for field in fields]
    known = {
        field.name: options.get(field.name, field.default)
        for field in fields
        if field.name in options or field.default is not dataclasses.MISSING
    }
    changed = {}
    for name in names:
        wanted, had = getattr(asked, name), known.get(name)
        budget = name in ("epochs", "minutes")
        chosen = wanted is not None if budget else name in given
        if not chosen or name not in known or _same(wanted, had):
            continue
        if budget and had is None:
            raise ValueError(
                "`--resume` must have a budget in the run's own unit. "
                f"Received: --{name} {wanted}, for a run with "
                f"epochs={options['epochs']}, minutes={options['minutes']}."
            )
        if name not in CHANGEABLE:
            raise ValueError(
                f"`{name}` must be the run's own with --resume. Received: "
                f"{name}={wanted!r}, for a run with {name}={had!r}. Leave it "
                f"out, or begin a new run with --init-from {folder}."
            )
        changed[name] = had
        known[name] = wanted
    return dataclasses.replace(asked, **known), changed


def _same(wanted, had):
    if isinstance(had, list):
        return list(wanted) == had if np.iterable(wanted) else False
    return wanted == had


def describe_data(
    rows: ArrayRows | StoredRows | dict[str, Array],
    class_names: Iterable[str],
) -> dict[str, Any]:
    """What tells a run's data from other data, for `config.json`.

    Args:
        rows: as `TokenBatches` holds them.
        class_names: the data's, in the order of its labels.

    Returns:
        dict of the number of images, the names, and some tokens of some of
        the images; and how often each label is there, if they are in memory.
    """
    rows = ArrayRows(rows) if isinstance(rows, dict) else rows

    def some_of(count, most):
        return np.linspace(0, count - 1, min(count, most)).astype(int)

    tokens = rows.read(some_of(len(rows), COMPARED_IMAGES))["tokens"]
    some = tokens[:, some_of(tokens.shape[1], COMPARED_TOKENS)]
    described = {
        "images": len(rows),
        "class_names": list(class_names),
        "tokens": [" ".join(map(str, row)) for row in some.tolist()],
    }
    if rows.in_memory and "label" in rows.columns:
        described["labels"] = np.bincount(rows.columns["label"]).tolist()
    return described


def check_same_data(
    found: dict[str, Any], known: dict[str, Any] | None
) -> None:
    """Refuses data that a run was not begun with.

    Args:
        found: as `describe_data` returns it.
        known: the same when the run began; None if it did not say.
    """
    if not isinstance(known, dict):
        return
    for name, words in (
        ("class_names", "classes"),
        ("images", "number of images"),
        ("labels", "number of images of each class"),
    ):
        if found.get(name) != known.get(name):
            raise ValueError(
                f"`--resume` must find the {words} that the run was begun "
                f"with: {_short(known.get(name))}. Received: "
                f"{_short(found.get(name))}. Put the data back as it was, or "
                "begin a new run, with --init-from for its weights."
            )
    tokens, before = (" ".join(x["tokens"]).split() for x in (found, known))
    others = np.mean([a != b for a, b in zip(tokens, before)] or [0.0])
    if len(tokens) != len(before) or others > MOST_OTHERS:
        raise ValueError(
            "`--resume` must find the images that the run was begun with. "
            "Received: as many, but others. Put the data back as it was, or "
            "begin a new run, with --init-from for its weights."
        )


def _short(value):
    words = str(value)
    return words if len(words) <= 200 else words[:200] + " …"


def class_names(folder: PathLike) -> list[str]:
    """Names that earlier versions wrote into `config.json`; [] if none."""
    try:
        found = json.loads(
            (pathlib.Path(folder) / "config.json").read_text("utf-8")
        )
    except (OSError, ValueError, RecursionError):
        return []
    # It may be another program's.
    names = found.get("class_names") if isinstance(found, dict) else None
    if names is None:
        return []
    if not isinstance(names, list) or not all(
        isinstance(name, str) for name in names
    ):
        raise ValueError(
            "`class_names` in config.json must be a list of names. "
            f"Received: class_names={names!r} in {folder}. Mend the file."
        )
    return names
