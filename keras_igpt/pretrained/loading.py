"""Trained models found by name, folder or file."""

import pathlib

import keras

from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import checked_path
from keras_igpt.models.classifier import ImageGPTClassifier
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.pretrained import hub, kaggle
from keras_igpt.pretrained.manifest import MANIFEST, check_manifest
from keras_igpt.pretrained.model_files import check_model_file, damaged

# Keras finds the classes of a saved file where they are registered, which
# their modules do when they are imported: models, losses, tokenizers.
from keras_igpt.tokenizers import conv_vq, palette, vq  # noqa: F401
from keras_igpt.training.run_options import class_names

# Where `load` looks inside a run's folder, best first.
MODEL_NAMES = ("best.keras", "last.keras", "model.keras")

# Where shipped models are: in an installed package, in a checkout.
PACKAGE = pathlib.Path(__file__).parents[1]

SHIPPED = (PACKAGE / "saved_models", PACKAGE.parent / "saved_models")


def load(path: PathLike) -> ImageGPT | ImageGPTClassifier:
    """Loads a trained model.

    The file may come from anybody: nothing in it is run, and it is refused
    before anything is built if it says to be larger than it is. Names of
    classes that a model of an earlier version lacks are read from the
    `config.json` beside it, if it has them.

    Args:
        path: a `.keras` file; a run's folder: its best model; the name of
            a model that the package ships, `"football"` or `"football_any"`,
            which writes in few steps; or of one that is downloaded,
            `"llamagen-b-256"`, or `"hf://owner/name"` on the Hugging Face
            Hub, perhaps with `@revision` or `/file.keras` behind it; or
            `"kaggle://owner/model/framework/variation"` on Kaggle, perhaps
            with `/version` behind it. Where a "keras_igpt.json" is beside
            the file, as `keras-igpt card` writes it, size and hash are
            compared.

    Returns:
        The model that was saved, an `ImageGPT` or `ImageGPTClassifier`.

    Raises:
        FileNotFoundError: if there is none.
        ImportError: if one is to be downloaded without `huggingface_hub`,
            or `kagglehub`.
        ValueError: if the file is damaged, or none of this package's.
    """
    if str(path) in hub.RELEASED and not checked_path(path).exists():
        return hub.load_released(str(path))
    path = find(path)
    check_model_file(path)
    try:
        model = keras.saving.load_model(path)
    # What Keras raises depends on where in the file something is wrong.
    except Exception as error:
        raise damaged(path, error) from error
    if isinstance(model, ImageGPT) and not model.class_names:
        # Models of earlier runs do not know them, their folders do.
        names = class_names(path.parent)
        if len(set(names)) == len(names) == model.num_classes:
            model.config["class_names"] = names
    return model


def find(path: PathLike) -> pathlib.Path:
    """The `.keras` file that `load` loads, of the same argument."""
    for place in (hub, kaggle):
        if str(path).startswith(place.PREFIX):
            return place.file_of(str(path))
    path = checked_path(path)
    if path.is_file():
        return path
    for folder in (path, *(shipped / path for shipped in SHIPPED)):
        for name in MODEL_NAMES:
            if (folder / name).exists():
                if (folder / MANIFEST).exists():
                    check_manifest(folder / name, name, folder / MANIFEST)
                return folder / name
    if path.is_dir():
        raise FileNotFoundError(
            "`path` must be a folder that holds one of "
            f"{', '.join(MODEL_NAMES)}. Received: {path}, which has none."
        )
    raise FileNotFoundError(
        "`path` must be a `.keras` file, a folder with one, or one of "
        f"{shipped_names()}, or of those to download: "
        f"{', '.join(hub.RELEASED)}. "
        f"Received: {path}, which does not exist. "
        "Train a model first: `keras-igpt train --help`."
    )


def shipped_names() -> list[str]:
    """Names of the models that come with the package."""
    files = (file for root in SHIPPED for file in root.glob("*/model.keras"))
    return sorted({file.parent.name for file in files})
