"""A training run's folder: options, models, log, samples.

config.json     what was asked for, versions, what tells its data
last.keras      the model as of the last checkpoint, to resume from; run.json
                in it says how far the run has come
best.keras      the model with the best validation figure; run.json has it
state.json      the same as last.keras's run.json, for people
log.csv         a row per checkpoint
run.lock        keeps other processes out
samples/        a sheet of generated images per checkpoint

If the optimizer averages weights, `best.keras`, its figure and the samples
are those of the average; `last.keras` holds the weights as they are trained,
and the average beside them, in the optimizer's state.

The renaming of a new `last.keras` ends a checkpoint. A run that is killed
before goes on from the one before it, does the same again, and writes the
same.
"""

import contextlib
import csv
import dataclasses
import json
import pathlib
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import filelock
import keras
import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.atomic_files import (
    clear_temporaries,
    replacing,
    save_json,
    save_model,
)
from keras_igpt.training.run_options import (
    TrainingOptions,
    check_same_data,
    read_config,
)

# Member of `.keras` files that says how far a run has come, and its longest.
STATE = "run.json"
MOST_BYTES = 2**16

LOCK = "run.lock"


def read_state(folder: PathLike) -> dict[str, Any]:
    """How far a run has come; the beginning if it did not begin.

    Returns:
        dict of: `spent`, share of its budget; `epoch`, whole epochs; `batch`,
        batches of the next one; `step`; `epoch_step`, the step at which that
        epoch began; and `best_val_bits_per_pixel`.

    Raises:
        ValueError: if the files of a run are damaged.
    """
    folder = pathlib.Path(folder)
    state = {"spent": 0.0, "epoch": 0, "batch": 0, "step": 0}
    best = {}
    # Earlier versions had it in a file of its own alone.
    for found in (
        _read_member(folder / "last.keras"),
        _read_json(folder / "state.json"),
    ):
        if found is not None:
            state, best = {**state, **found}, found
            break
    figure = _read_member(folder / "best.keras") or best
    best = figure.get("best_val_bits_per_pixel")
    best = np.inf if best is None else best
    state["best_val_bits_per_pixel"] = best
    numbers = isinstance(best, (int, float)) and all(
        isinstance(state[name], (int, float)) and state[name] >= 0
        for name in {"spent", "epoch", "batch", "step", "epoch_step"} & {*state}
    )
    if not numbers:
        raise _damaged(folder, f"which say {state}")
    # Earlier versions did not say it.
    state.setdefault("epoch_step", max(0, state["step"] - state["batch"]))
    return state


def begin_again(
    folder: PathLike,
    options: TrainingOptions,
    changed: dict[str, Any],
    chief: bool = True,
) -> dict[str, Any]:
    """Puts a run's folder into the state of its last checkpoint.

    What a killed process wrote after it is taken away, and options that are
    others now are recorded.

    Args:
        folder: the run's.
        options: of the run from now on.
        changed: what those that are others were, by name.
        chief: whether this process writes files; others only read.

    Returns:
        As `read_state`, with `spent` a share of the budget that is now.
    """
    folder = pathlib.Path(folder)
    state = read_state(folder)
    if chief:
        for place in (folder, folder / "samples"):
            clear_temporaries(place)
        cut_log(folder, state["step"])
        if changed:
            config = read_config(folder)
            config["options"] |= {n: getattr(options, n) for n in changed}
            save_json(folder / "config.json", config)
    name = "minutes" if options.epochs is None else "epochs"
    budget = getattr(options, name)
    had = state.get("budget") or changed.get(name, budget)
    return {**state, "spent": state["spent"] * had / budget}


def check_data(folder: PathLike, found: dict[str, Any]) -> None:
    """Refuses data that a run was not begun with.

    Args:
        folder: the run's.
        found: as `describe_data` returns it. A run of an earlier version,
            which did not note it, notes it now.
    """
    config = read_config(folder)
    check_same_data(found, config.get("data"))
    if "data" not in config:
        save_json(
            pathlib.Path(folder) / "config.json", {**config, "data": found}
        )


def _read_member(path):
    """What is beside the model in a `.keras` file; None if nothing is."""
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as file:
            if STATE not in file.namelist():
                return None
            if file.getinfo(STATE).file_size > MOST_BYTES:
                raise ValueError(f"{STATE} is too long")
            return _state(json.loads(file.read(STATE)))
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise _damaged(path, f"which fails with: {error}") from error


def _read_json(path):
    if not path.exists():
        return None
    try:
        return _state(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, f"which fails with: {error}") from error


def _state(found):
    if not isinstance(found, dict):
        raise ValueError("it is no dictionary")
    return found


def _damaged(path, found):
    return ValueError(
        "`--out` must hold a whole run. Received: "
        f"{str(path)!r}, {found}. Begin a new run with --init-from and the "
        "best.keras of this one."
    )


def cut_log(folder: PathLike, step: int) -> None:
    """Takes rows out of `log.csv` that are of later steps than its model.

    A killed process has written them, or a part of one.
    """
    path = pathlib.Path(folder) / "log.csv"
    if not path.exists():
        return
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if _is_before(row, step)]
    with (
        replacing(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, reader.fieldnames or [])
        writer.writeheader()
        writer.writerows(rows)


def _is_before(row, step):
    whole = None not in row and None not in row.values()
    try:
        return whole and int(row["step"]) <= step
    except (KeyError, ValueError):
        return False


def check_free(folder: PathLike) -> None:
    """Refuses a folder in which files lie that a new run might write over.

    What is hidden does not count, nor a run that was killed before it had
    a model.
    """
    folder = pathlib.Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(
            f"`--out` must be a folder. Received: {folder}, a file. "
            "Give another."
        )
    found = {path.name for path in folder.glob("*") if path.name[0] != "."}
    found.discard(LOCK)
    if "last.keras" in found and "config.json" in found:
        raise FileExistsError(
            "`--out` must be a new folder. "
            f"Received: {folder}, which holds a run. Add --resume to go on "
            "with it."
        )
    if found - {"config.json"}:
        raise FileExistsError(
            "`--out` must be a new or an empty folder. Received: "
            f"{folder}, which holds {', '.join(sorted(found)[:3])}. "
            "Give another."
        )


@contextlib.contextmanager
def locked(folder: PathLike) -> Iterator[None]:
    """Keeps a run's folder from other processes while this one lives.

    A folder in which nothing was written in the end is taken away again.

    Raises:
        BlockingIOError: if another process has it.
    """
    folder = pathlib.Path(folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK, timeout=0)
    try:
        with lock:
            yield
    except filelock.Timeout as error:
        raise BlockingIOError(
            "`--out` must be a folder that no other process trains in. "
            f"Received: {folder}. Wait for the other one, or give another."
        ) from error
    finally:
        if new and all(path.name == LOCK for path in folder.glob("*")):
            (folder / LOCK).unlink(missing_ok=True)
            for path in new:
                with contextlib.suppress(OSError):
                    path.rmdir()


def save_new(
    model: keras.Model,
    options: TrainingOptions,
    folder: PathLike,
    data: dict[str, Any],
) -> None:
    """Begins a run's folder: what was asked, and the model untrained.

    Args:
        model: compiled.
        options: the run's.
        folder: the run's.
        data: as `describe_data` returns it.
    """
    folder = pathlib.Path(folder)
    save_json(
        folder / "config.json",
        {
            "options": dataclasses.asdict(options),
            "data": data,
            "versions": versions(),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        },
    )
    save_model(model, folder / "last.keras")


def versions() -> dict[str, str]:
    """Versions of the packages that a run depends on."""
    from importlib.metadata import version

    names = ("keras_igpt", "keras", "tensorflow", "numpy")
    return {name: version(name) for name in names}
