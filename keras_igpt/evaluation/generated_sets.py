"""Thousands of generated images, made in parts that an interruption keeps.

Axes: B images.
"""

import hashlib
import json
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_igpt import progress
from keras_igpt.annotations import Array, PathLike
from keras_igpt.argument_checks import check_positive
from keras_igpt.atomic_files import replacing, save_json
from keras_igpt.images.arrays import slices
from keras_igpt.models.image_gpt import ImageGPT

# Images that an interruption may lose.
PART = 256


def generate_set(
    model: ImageGPT,
    conditions: Mapping[str, Any],
    count: int,
    seed: int = 0,
    path: PathLike | None = None,
    **sampling: Any,
) -> dict[str, Array]:
    """Generates many images, as what real ones show asks.

    Image i shows what condition i does, with seed `seed + i`; after the last
    condition comes the first one again.

    Args:
        model: the model.
        conditions: dict of "label", ints `(B,)`, and "text", B str; what the
            model does not take is left out.
        count: how many images.
        seed: of the first image.
        path: a `.npz` file to write, as the evaluation of Dhariwal and Nichol
            (2021) reads it: uint8 images as "arr_0", with labels as "arr_1".
            Parts lie beside it until it is whole, so that the same call
            goes on after an interruption. None writes nothing.
        sampling: further arguments of `ImageGPT.generate`.

    Returns:
        dict of "image", uint8 `(count, height, width, C)`, and with classes
        "label", int32 `(count,)`.

    Raises:
        ValueError: if the parts beside `path` are of another request.
    """
    check_positive("count", count)
    asked = _conditions(model, conditions, count)
    if path is None:
        parts = [
            _generate(model, asked, rows, seed, sampling)
            for rows in _shown(count)
        ]
        return _joined(asked, parts)
    path = pathlib.Path(path)
    folder = path.with_name(path.name + ".parts")
    request = _request(model, asked, count, seed, sampling)
    if path.exists():
        return _joined(asked, [_read(path, request)])
    _open(folder, request)
    parts = []
    for rows in _shown(count):
        part = folder / f"{rows.start:08d}.npy"
        if not part.exists():
            images = _generate(model, asked, rows, seed, sampling)
            with replacing(part) as temporary, open(temporary, "wb") as file:
                np.save(file, images)
        parts.append(np.load(part))
    found = _joined(asked, parts)
    arrays = {"arr_0": found["image"], "request": np.array(request)}
    if "label" in found:
        arrays["arr_1"] = found["label"]
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    shutil.rmtree(folder)
    return found


def _conditions(model, conditions, count):
    """Those that the model takes, `count` of each."""
    taken = {"label": model.num_classes > 0, "text": model.text_length > 0}
    return {
        name: [rows[i % len(rows)] for i in range(count)]
        for name, rows in conditions.items()
        if taken.get(name, False)
    }


def _shown(count):
    """The parts' rows, with a line that says how far it is."""
    return progress.steps("generating images", slices(count, PART))


def _generate(model, asked, rows, seed, sampling):
    own = {name: values[rows] for name, values in asked.items()}
    return model.generate(
        own.get("label"),
        own.get("text"),
        num_images=1 if own else rows.stop - rows.start,
        seed=seed + rows.start,
        **sampling,
    )


def _joined(asked, parts):
    found = {"image": np.concatenate(parts)}
    if "label" in asked:
        found["label"] = np.array(asked["label"], "int32")
    return found


def _request(model, asked, count, seed, sampling):
    """What makes these images and no others, as text."""
    digest = hashlib.sha256()
    for variable in model.weights:
        digest.update(np.ascontiguousarray(ops.convert_to_numpy(variable)))
    texts = {name: [str(x) for x in rows] for name, rows in asked.items()}
    digest.update(json.dumps(texts).encode())
    named = {name: str(value) for name, value in sampling.items()}
    content = {"count": count, "seed": seed, "content": digest.hexdigest()}
    return json.dumps({**content, "sampling": named}, sort_keys=True)


def _read(path, request):
    """The images of a whole file, if it is of the same request."""
    with np.load(path) as found:
        if "request" in found.files and str(found["request"]) == request:
            return found["arr_0"]
    raise ValueError(
        f"{path} must not exist, or hold what the same call has written. "
        "Received: a file of other images. Choose another name, or delete it."
    )


def _open(folder, request):
    """Makes the folder of the parts, or checks whose they are."""
    note = folder / "request.json"
    if note.exists() and json.loads(note.read_text()) != request:
        raise ValueError(
            f"{folder} must hold parts of the same images. Received: parts "
            "of another model, or asked for otherwise. Choose another name, "
            "or delete it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    save_json(note, request)
