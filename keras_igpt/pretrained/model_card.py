"""A folder that shares a model: its file, a card made from its run, samples."""

import json
import pathlib
import re
import shutil

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.atomic_files import replacing_folder
from keras_igpt.data.sources import is_named
from keras_igpt.images.files import contact_sheet, save_png
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.pretrained.kaggle import PREFIX as KAGGLE
from keras_igpt.pretrained.loading import find, load
from keras_igpt.pretrained.manifest import MODEL, write_manifest

# Files of the folder, beside the model's and the manifest.
CARD = "README.md"
SAMPLES = "samples.png"

# Images of the sample sheet; names of classes that are listed.
COUNT = 16
LISTED = 50

# An SPDX identifier, as the Hub has them: mit, cc-by-4.0, other.
LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")

# What the card says of a run's options, in this order.
ASKED = (
    *("data", "size", "channels", "tokenizer", "model", "order", "edits"),
    *("epochs", "minutes", "batch_size", "optimizer", "learning_rate"),
    *("dropout", "ema"),
    *("precision", "seed", "init_from"),
)

# Options that are names, or else paths of the machine that trained.
NAMED = {"data": is_named, "init_from": lambda name: "://" in name}


def write_card(
    path: PathLike, folder: PathLike, licence: str, name: str | None = None
) -> pathlib.Path:
    """Writes a folder that `upload` sends, and `load` reads.

    Args:
        path: as `load` takes it. A run's folder tells most.
        folder: is made anew, with "model.keras", "README.md", "samples.png"
            and "keras_igpt.json".
        licence: of the weights, as the Hub writes it: "mit", "cc-by-4.0".
        name: what the card calls the model: "owner/name" on the Hub,
            "kaggle://owner/model/keras/variation"; None for the folder's
            name.

    Returns:
        pathlib.Path of the folder.

    Raises:
        ValueError: if there is no licence, or the model does not generate.
    """
    if not LICENCE.fullmatch(licence):
        raise ValueError(
            "`licence` must be an identifier such as mit, apache-2.0, "
            f"cc-by-4.0 or other. Received: licence={licence!r}."
        )
    folder = pathlib.Path(folder)
    if folder.exists():
        raise ValueError(
            "The folder must not exist, for it is written anew. "
            f"Received: {folder}. Take another, or remove it."
        )
    source, model = find(path), load(path)
    if not isinstance(model, ImageGPT):
        raise ValueError(
            "The model must be an ImageGPT, which generates. "
            f"Received: {type(model).__name__}."
        )
    with replacing_folder(folder) as temporary:
        temporary.mkdir()
        shutil.copyfile(source, temporary / MODEL)
        save_png(temporary / SAMPLES, contact_sheet(_samples(model)))
        text = card(model, source.parent, licence, name or folder.name)
        (temporary / CARD).write_text(text, "utf-8")
        write_manifest(temporary, (MODEL, SAMPLES))
    return folder


def card(model: ImageGPT, run: pathlib.Path, licence: str, name: str) -> str:
    """The model card, in Markdown with the Hub's header.

    Args:
        model: what it describes.
        run: folder whose `config.json` and `log.csv` are read, if they are
            there.
        licence, name: as `write_card` takes them.
    """
    kind = (
        "text-to-image"
        if model.text_length
        else "unconditional-image-generation"
    )
    address = name if "/" in name else "OWNER/NAME"
    if "://" not in name:
        address = f"hf://{address}"
    parts = [
        f"---\nlicense: {licence}\nlibrary_name: keras\n"
        f"pipeline_tag: {kind}\ntags:\n- keras_igpt\n- image-generation\n---",
        f"# {name.removeprefix(KAGGLE)}",
        "A decoder-only Transformer that generates images token by token, "
        "made with keras_igpt.",
        f"![Samples]({SAMPLES})",
        _table("The model", _sizes(model)),
    ]
    if model.class_names:
        shown = ", ".join(model.class_names[:LISTED])
        more = len(model.class_names) - LISTED
        parts.append(f"Classes: {shown}{f' and {more} more' * (more > 0)}.")
    if asked := _asked(run):
        parts.append(_table("Training", asked))
    if figures := _figures(run):
        parts.append(_table("At the end", figures))
    parts.append(
        "## Use\n\n```sh\npip install 'keras_igpt[hub]'\n```\n\n"
        "```python\nimport keras_igpt\n\n"
        f'model = keras_igpt.load("{address}")  # or this folder\n'
        f"images = model.generate({_example(model)}seed=0)\n```"
    )
    return "\n\n".join(parts) + "\n"


def _samples(model) -> Array:
    """Images of classes, one after another, or of anything."""
    labels = np.arange(COUNT) % model.num_classes if model.num_classes else None
    count = 1 if model.num_classes else COUNT
    return model.generate(labels=labels, num_images=count, seed=0)


def _sizes(model):
    height, width, channels = model.tokenizer.image_shape
    rows, columns = model.tokenizer.grid_size
    config = model.config
    shape = ("num_layers", "num_heads", "hidden_dim")
    return {
        "images": f"{height} × {width}, {channels} channels",
        "tokens": f"{rows} × {columns} of {model.vocabulary_size}",
        "tokenizer": type(model.tokenizer).__name__,
        "weights": f"{model.count_params():,}",
        "layers, heads, width": ", ".join(str(config[key]) for key in shape),
        "classes": model.num_classes,
        "captions": f"{model.text_length} bytes" if model.text_length else "–",
        "edits": ", ".join(model.edit_set.names) or "inpaint, by keeping cells",
        "order": config["order"],
    }


def _asked(run):
    path = run / "config.json"
    if not path.is_file():
        return {}
    options = json.loads(path.read_text("utf-8")).get("options", {})
    found = {key: options.get(key) for key in ASKED}
    for key, is_name in NAMED.items():
        if found[key] and not is_name(found[key]):
            found[key] = _last_part(found[key])
    return {
        key.replace("_", " "): ", ".join(map(str, value))
        if isinstance(value, list)
        else value
        for key, value in found.items()
        if value not in (None, [], "")
    }


def _last_part(path):
    """Of a path as any system writes it: what is before tells whose it is."""
    return pathlib.PureWindowsPath(path).name or "a folder"


def _figures(run):
    """The last row of `log.csv`."""
    path = run / "log.csv"
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    if len(lines) < 2:
        return {}
    return dict(zip(lines[0].split(","), lines[-1].split(",")))


def _table(title, rows):
    lines = [f"| {title} | |", "|---|---|"]
    return "\n".join(lines + [f"| {k} | {v} |" for k, v in rows.items()])


def _example(model):
    """What to ask the model for."""
    if model.text_length:
        return 'text="…", '
    if model.class_names:
        return f"labels={model.class_names[0]!r}, "
    return "labels=0, " if model.num_classes else ""
