"""Files that are whole or absent, and models found again."""

import contextlib
import json
import os
import pathlib

import keras

# Where `load` looks inside a run's folder, best first.
MODEL_NAMES = ("best.keras", "last.keras", "model.keras")


@contextlib.contextmanager
def replacing(path):
    """Writes a file beside its place, then moves it there.

    A full disk or a kill leaves the file that was there before.

    Args:
        path: the file's place. Missing folders are made.

    Yields:
        A path with the same suffix to write to.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_json(path, content):
    """Writes JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )


def save_model(model, path):
    """As `model.save(path)`, whole or not at all."""
    with replacing(path) as temporary:
        model.save(temporary)


def load(path):
    """Loads a trained model.

    Args:
        path: a `.keras` file, or a run's folder: its best model.

    Returns:
        An `ImageGPT`.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        found = [path / name for name in MODEL_NAMES if (path / name).exists()]
        if not found:
            raise FileNotFoundError(
                f"The folder must hold one of {', '.join(MODEL_NAMES)}. "
                f"Received: {path}, which has none."
            )
        path = found[0]
    if not path.exists():
        raise FileNotFoundError(
            "`path` must be a `.keras` file or a folder with one. "
            f"Received: {path}, which does not exist. "
            "Do train one first: `keras-igpt train --help`."
        )
    return keras.saving.load_model(path)
