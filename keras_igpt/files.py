"""Files that are whole or absent, and models found again."""

import contextlib
import json
import os
import pathlib
import zipfile

import keras
import numpy as np

# Where `load` looks inside a run's folder, best first.
MODEL_NAMES = ("best.keras", "last.keras", "model.keras")
# Where shipped models are: in an installed package, in a checkout.
PACKAGE = pathlib.Path(__file__).parent
SHIPPED = (PACKAGE / "saved_models", PACKAGE.parent / "saved_models")


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


def save_packed(model, path):
    """Saves a model to be passed on: about half of the size.

    The file has no optimizer's state. Its weights keep 11 significant bits,
    as float16's do, and it computes in float32, whatever it was trained in.
    """
    config = model.get_config()
    copy = type(model).from_config({**config, "dtype": "float32"})
    copy.set_weights([_rounded(weight) for weight in model.get_weights()])
    with replacing(path) as temporary:
        copy.save(temporary)
        _compress(temporary)


def _rounded(array):
    """float32 to 11 significant bits, to nearest; others as they are."""
    if array.dtype != np.float32:
        return array
    bits = array.view(np.uint32) + np.uint32(1 << 12)
    return (bits & np.uint32(0xFFFFE000)).view(np.float32)


def _compress(path):
    """Writes a zip archive again, deflated."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def load(path):
    """Loads a trained model.

    Args:
        path: a `.keras` file; a run's folder: its best model; or the name
            of a model that the package ships, `"football"`.

    Returns:
        An `ImageGPT`.

    Raises:
        FileNotFoundError: if there is none.
    """
    return keras.saving.load_model(find(path))


def find(path):
    """The `.keras` file that `load` loads."""
    path = pathlib.Path(path)
    if path.is_file():
        return path
    for folder in (path, *(parent / path for parent in SHIPPED)):
        for name in MODEL_NAMES:
            if (folder / name).exists():
                return folder / name
    if path.is_dir():
        raise FileNotFoundError(
            f"The folder must hold one of {', '.join(MODEL_NAMES)}. "
            f"Received: {path}, which has none."
        )
    raise FileNotFoundError(
        "`path` must be a `.keras` file, a folder with one, or one of "
        f"{shipped_names()}. Received: {path}, which does not exist. "
        "Do train one first: `keras-igpt train --help`."
    )


def shipped_names():
    """Names of the models that come with the package."""
    files = (file for root in SHIPPED for file in root.glob("*/model.keras"))
    return sorted({file.parent.name for file in files})
