"""Files of the demo's page, and what they say of how they were made.

`keras-igpt show` and `again` read it as of files that the commands write.
"""

import pathlib
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.cli.demo.prepared import Prepared
from keras_igpt.images.files import save_png
from keras_igpt.images.opening import open_image

if TYPE_CHECKING:
    from keras_igpt.models.image_gpt import ImageGPT

# What the fields say of sampling, by the names that `generate` gives it too.
SAMPLING = ("guidance_scale", "temperature", "top_k", "top_p", "steps")


def parameters(
    model: "ImageGPT",
    name: str,
    asked: dict[str, Any],
    seed: int,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a command needs to make one image again.

    Args:
        model: made the image.
        name: how the command is to call it.
        asked: values of the page's fields, by name.
        seed: the image's own.
        options: more of them, of the command `edit`; None for `generate`.

    Returns:
        dict for `save_png`.
    """
    made = {"command": "generate" if options is None else "edit"}
    made |= {"model": name, "seed": int(seed), "n": 1, "sheet": False}
    for field in ("text", "negative_text"):
        words = (asked.get(field) or "").strip()
        made[field] = [words] if words else None
    label, names = asked.get("label"), model.class_names
    made["label"] = None
    if label not in ("", None):
        made["label"] = [names[label] if names else str(label)]
    made |= {field: asked.get(field) for field in SAMPLING}
    made["top_k"] = made["top_k"] or None
    return made | (options or {})


def as_file(
    image: Array,
    made: dict[str, Any] | None = None,
    name: str = "image",
) -> str:
    """Writes an image where gradio serves it from, and clears it away.

    Gradio names files by what they show and writes them anew each time, also
    while somebody else is reading: here each has a name of its own, which
    nobody can guess.

    Args:
        image: uint8 array of shape `(H, W, 1, 3 or 4)`.
        made: as `parameters` returns it.
        name: what the file's name begins with.

    Returns:
        The path of a PNG file.
    """
    path = _folder() / f"{name}-{uuid.uuid4().hex}.png"
    save_png(path, image, made)
    return str(path)


def given_file(found: Prepared) -> str:
    """Writes what an edit was given, as its results will call it.

    Its name stands in them, and so leads nobody to the file: that lies in a
    folder whose name stands nowhere.

    Args:
        found: as `prepared.for_edit` and `for_compose` return it.

    Returns:
        The path of a PNG file.
    """
    folder, name = uuid.uuid4().hex, f"given-{uuid.uuid4().hex[:8]}.png"
    path = _folder() / folder / name
    save_png(path, found.given)
    return str(path)


def read_given(path: PathLike) -> tuple[Array, Array]:
    """What `given_file` wrote: the image whole, and where it has holes.

    Args:
        path: as `given_file` returned it.

    Returns:
        Tuple of uint8 `(H, W, 3)` and bool `(H, W)`.
    """
    with open_image(path) as image:
        pixels = np.array(image.convert("RGBA"))
    return pixels[..., :3], pixels[..., 3] < 128


def _folder():
    from gradio.utils import get_upload_folder

    return pathlib.Path(get_upload_folder()).absolute()
