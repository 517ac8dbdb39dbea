"""What the commands do with a trained model, callable from Python too.

Training is in `train_jobs.py`, edits of picture files in `edit_jobs.py`.
"""

import json
import pathlib

import numpy as np

from keras_igpt import data as datasets
from keras_igpt.argument_checks import check_positive
from keras_igpt.evaluation import likelihood
from keras_igpt.images.files import contact_sheet, save_png
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.transfer import save_packed
from keras_igpt.pretrained.loading import find, load

# Kinds of files that somebody may expect, and would get a folder.
OTHER_PICTURES = {".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".pdf"}


def generate(model, labels, text, count, sampling, out):
    """Paints pictures into files.

    Args:
        model: path as `keras_igpt.load` takes it.
        labels: list of class names or numbers as str, or None.
        text: list of captions, or None.
        count: int. Pictures per label or caption; without, pictures in all.
        sampling: dict of `ImageGPT.generate`'s sampling arguments.
        out: a `.png` path for one sheet, or a folder for single files.

    Returns:
        The path that was written.
    """
    check_asked(count, out)
    painter = load_painter(model)
    sampling = with_seed(sampling)
    numbers = label_numbers(labels, model)
    text = text or None
    images = painter.generate(numbers, text, num_images=count, **sampling)
    parameters = {
        "model": str(model),
        "label": labels,
        "text": text,
        "n": count,
        **sampling,
    }
    columns = count if 1 < len(images) // count else None
    return write_pictures(images, out, parameters, columns)


def complete(file, model, keep_rows, labels, text, count, sampling, out):
    """Completes a picture several times, into files.

    Args:
        file: path of the picture.
        keep_rows: int, or None for half.
        model, labels, text, count, sampling, out: as in `generate`.

    Returns:
        The path that was written.
    """
    check_asked(count, out)
    painter = load_painter(model)
    sampling = with_seed(sampling)
    height, width, channels = painter.tokenizer.image_shape
    image = datasets.read_image(file, (height, width), channels)
    keep_rows = height // 2 if keep_rows is None else keep_rows
    numbers = label_numbers(labels, model)
    images = painter.complete(
        np.repeat(image[None], count, axis=0),
        keep_rows,
        labels=numbers,
        text=text or None,
        **sampling,
    )
    parameters = {
        "model": str(model),
        "file": str(file),
        "keep_rows": keep_rows,
        "label": labels,
        "text": text,
        "n": count,
        **sampling,
    }
    return write_pictures(images, out, parameters)


def evaluate(model, data, split="test", limit=None, seed=0):
    """Figures on test pictures; see `keras_igpt.evaluation.report`."""
    painter = load_painter(model)
    height, width, channels = painter.tokenizer.image_shape
    names = class_names(model)

    def pictures(split):
        return datasets.load(
            data, split=split, image_size=(height, width), channels=channels
        )

    test = pictures(split)
    if painter.num_classes and names and names != test.class_names:
        raise ValueError(
            "`--data` must have the classes that the model was trained on "
            f"({', '.join(names)}). Received: --data {data} with "
            f"{', '.join(test.class_names) or 'none'}."
        )
    if limit is not None:
        test = test.take(limit)
    return likelihood.report(painter, pictures("train"), test, seed)


def judge(model, count, guidance_scales, split="test", seed=0):
    """Figures of painted football pictures, for the terminal.

    Args:
        model: path as `keras_igpt.load` takes it.
        count, guidance_scales, split, seed: as
            `keras_igpt.football_report.report` takes them.

    Returns:
        A `rich.table.Table`.
    """
    from keras_igpt.evaluation.football import report

    figures = report.report(
        load_painter(model),
        split=split,
        count=count,
        guidance_scales=guidance_scales,
        seed=seed,
    )
    return report.table(figures)


def judge_conversions(model, count, split="test", seed=0):
    """Figures of converted football pictures, for the terminal.

    Args:
        model: path as `keras_igpt.load` takes it.
        count, split, seed: as `keras_igpt.football_report.conversions`
            takes them.

    Returns:
        A `rich.table.Table`.
    """
    from keras_igpt.evaluation.football import report

    figures = report.conversions(
        load_painter(model), split=split, count=count, seed=seed
    )
    return report.conversion_table(figures)


def export(model, out):
    """Writes a SavedModel; see `keras_igpt.export.export`."""
    return load_painter(model).export(out, class_names=class_names(model))


def pack(model, out):
    """Writes a model to pass on; see `keras_igpt.files.save_packed`."""
    save_packed(load(model), out)


def load_painter(model):
    """As `keras_igpt.load`, for what must be an `ImageGPT`."""
    painter = load(model)
    if not isinstance(painter, ImageGPT):
        raise ValueError(
            "`--model` must hold an ImageGPT. "
            f"Received: --model {model}, which holds a "
            f"{type(painter).__name__}."
        )
    return painter


def check_asked(count, out):
    """Refuses what would fail only after painting."""
    check_positive("--n", count)
    out = pathlib.Path(out)
    suffix = out.suffix.lower()
    if suffix != ".png" and (suffix in OTHER_PICTURES or out.is_file()):
        raise ValueError(
            "`--out` must be a folder, or a file that ends in .png. "
            f"Received: --out {out}."
        )


def with_seed(sampling):
    """Puts a seed in, so that the files can say how to repeat them."""
    if sampling.get("seed") is not None:
        return sampling
    # Room above, for picture i takes `seed + i`.
    return {**sampling, "seed": int(np.random.default_rng().integers(2**30))}


def class_names(model):
    """Names of the classes of a model in a run's folder; [] if unknown."""
    config = find(model).parent / "config.json"
    try:
        found = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    # It may be another program's.
    return found.get("class_names", []) if isinstance(found, dict) else []


def label_numbers(labels, model):
    """Numbers of classes given by name or number; None for none."""
    if not labels:
        return None
    names = class_names(model)
    numbers = []
    for label in labels:
        if label in names:
            numbers.append(names.index(label))
        elif label.isdecimal():
            numbers.append(int(label))
        else:
            known = ", ".join(names) or "numbers only"
            raise ValueError(
                f"`--label` must be a class of the model ({known}). "
                f"Received: --label {label}."
            )
    return numbers


def write_pictures(images, out, parameters, columns=None):
    out = pathlib.Path(out)
    if out.suffix.lower() == ".png":
        save_png(out, contact_sheet(images, columns), parameters)
        return out
    for i, image in enumerate(images):
        own = {**parameters, "seed": parameters["seed"] + i, "n": 1}
        for name in ("label", "text"):
            # One for all, or each for as many pictures in a row.
            if values := own[name]:
                own[name] = [values[i * len(values) // len(images)]]
        save_png(out / f"{i:04d}.png", image, own)
    return out
