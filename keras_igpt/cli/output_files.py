"""Files that commands write: sheets, or folders of images, with parameters."""

import pathlib
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.argument_checks import check_positive
from keras_igpt.atomic_files import check_writable
from keras_igpt.images.files import contact_sheet, save_png

# Kinds of files that somebody may expect, and would get a folder.
OTHER_SUFFIXES = {".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".pdf"}


def check_asked(count: int, out: PathLike) -> None:
    """Refuses what would fail only after all images are generated.

    Args:
        count: number of images, `--n`.
        out: `--out`.
    """
    check_positive("--n", count)
    out = pathlib.Path(out)
    suffix = out.suffix.lower()
    if suffix != ".png" and (suffix in OTHER_SUFFIXES or out.is_file()):
        raise ValueError(
            "`--out` must be a folder, or a file that ends in .png. "
            f"Received: --out {out}."
        )
    check_writable("--out", out.parent if suffix == ".png" else out)


def with_seed(sampling: dict[str, Any]) -> dict[str, Any]:
    """Puts a seed in, so that the files can say how to repeat them."""
    if sampling.get("seed") is not None:
        return sampling
    # Room above, for image i takes `seed + i`.
    return {**sampling, "seed": int(np.random.default_rng().integers(2**30))}


def write_images(
    images: Array,
    out: PathLike,
    parameters: dict[str, Any],
    columns: int | None = None,
) -> pathlib.Path:
    """Writes images, and how they were made.

    Args:
        images: uint8 array of shape `(B, height, width, C)`.
        out: a `.png` file for one sheet, or a folder for single files.
        parameters: what was asked for; with "seed", "label" and "text".
        columns: images per row of the sheet; as square as can be if None.

    Returns:
        The path that was written.
    """
    out = pathlib.Path(out)
    if out.suffix.lower() == ".png":
        save_png(out, contact_sheet(images, columns), parameters)
        return out
    for i, image in enumerate(images):
        own = {**parameters, "seed": parameters["seed"] + i, "n": 1}
        own["sheet"] = False
        for name in ("label", "text", "negative_text"):
            # One for all, or each for as many images in a row.
            if values := own.get(name):
                own[name] = [values[i * len(values) // len(images)]]
        save_png(out / f"{i:04d}.png", image, own)
    return out
