"""How well edits restore test images, beside methods without a model.

    figures = report(model, "football", count=200)
    rich.print(table(figures))

Axes: B images, C channels.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_igpt import data
from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_positive
from keras_igpt.data.batches import check_columns
from keras_igpt.edits.consistency import (
    known_everywhere,
    luma,
    repeated,
    shrunk,
)
from keras_igpt.edits.kinds import EDITS
from keras_igpt.edits.masks import random_mask
from keras_igpt.evaluation.baselines import (
    STRENGTHS,
    check_packages,
    denoised,
    enlarged,
    inpainted,
    nearest,
)
from keras_igpt.evaluation.distances import set_distances
from keras_igpt.evaluation.image_features import ImageFeatures
from keras_igpt.evaluation.tokenizer_quality import reconstructed
from keras_igpt.generation.image_decoder import MAX_BATCH
from keras_igpt.images import metrics
from keras_igpt.images.arrays import most_images, slices
from keras_igpt.images.files import contact_sheet
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.progress import steps

if TYPE_CHECKING:
    from rich.table import Table

# Share of an image that the holes of "inpaint" may take.
HOLES = (0.25, 0.5)

# "outpaint" hides this share of each side.
BORDER = 1 / 6

FACTOR = 4

# Training images to search for the nearest, and to learn features from: at
# most so many, and as many as memory is given to.
TRAIN_IMAGES = 20_000

# Images that are compared at once, as floats.
COMPARED = 32

# Images that the strength of non-local means is chosen with.
STRENGTH_IMAGES = 100


class Trial(NamedTuple):
    """Images to be restored.

    Args:
        edit: the model's edit.
        given: uint8 array, what `ImageGPT.edit` takes.
        masks: bool array of shape `(B, height, width)`, or None.
        source: uint8 array of shape `(B, height, width, C + 1)`, what is
            known.
        baselines: dict of uint8 arrays of shape `(B, height, width, C)`.
        view: function of images to what is known of them, for comparing
            them with the source.
    """

    edit: str
    given: Array
    masks: Array | None
    source: Array
    baselines: dict[str, Array]
    view: Callable[[Array], Array] = lambda images: images


def report(
    model: ImageGPT,
    source: Any,
    split: str = "test",
    count: int = 200,
    seed: int = 0,
    features: Callable[[Array], Array] | None = None,
    best_of: int = 1,
) -> dict[str, dict[str, Any]]:
    """Restores test images with a model and without.

    Nothing is said of the images: no class, no caption.

    Args:
        model: restores by the edits that it has learned; holes by keeping
            cells, if it has not learned that.
        source: what `keras_igpt.data.load` takes.
        split: which images are to be restored.
        count: how many of them.
        seed: of what is hidden, and of sampling.
        features: function of uint8 images to vectors, for Fréchet distances,
            such as an `ImageFeatures`. Default: those of a classifier trained
            now on the data's classes; none without classes.
        best_of: see `ImageGPT.generate`; at temperature 1.

    Returns:
        dict of dicts, for each trial that the model can do: "pictures", a
        dict of uint8 arrays, "input", the methods and "truth"; and "figures",
        a dict for each method of the `similarity` and, with features, the
        `set_distances`.

    Raises:
        ImportError: if OpenCV or SciPy is missing.
    """
    check_packages()  # before minutes of work
    check_positive("best_of", best_of, MAX_BATCH)
    height, width, channels = model.tokenizer.image_shape
    trials = [name for name in TRIALS if _fits(name, model)]

    def images(split, limit):
        loaded = data.load(
            source, split=split, image_size=(height, width), channels=channels
        )
        check_columns(loaded, ["image"])
        return data.arrays(loaded, _images_and_labels, limit)

    truth = images(split, count)["image"]
    train = images("train", most_images(TRAIN_IMAGES, truth.shape[1:]))
    if features is None and "label" in train:
        features = ImageFeatures.train(train["image"], train["label"])
    figures = {}
    for name in steps("restoring images", trials):
        generator = np.random.default_rng(seed)
        trial = TRIALS[name](truth, train["image"], generator)
        shown = _restored(model, trial, train["image"], seed, best_of)
        shown["tokens of the truth"] = reconstructed(model.tokenizer, truth)
        figures[name] = {
            "pictures": {
                "input": trial.source[..., :-1],
                **shown,
                "truth": truth,
            },
            "figures": {
                method: _compared(restored, truth, features)
                for method, restored in shown.items()
            },
        }
    return figures


def _images_and_labels(batch):
    return {name: batch[name] for name in ("image", "label") if name in batch}


def _fits(name, model):
    """Whether a model can do a trial."""
    height, width, _ = model.tokenizer.image_shape
    whole = height % FACTOR == width % FACTOR == 0
    if name.startswith("upscale") and not whole:
        return False
    # All models can keep cells, and so fill holes.
    learned = (*model.edit_set.names, "inpaint", "outpaint")
    return name.split()[0] in learned


def _restored(model, trial, train, seed, best_of):
    """What each method makes of what is given."""
    closest = nearest(trial.source, train, trial.view)
    closest = np.asarray(EDITS["inpaint"].keep(closest, *_kept(trial)))
    shown = {**trial.baselines, "nearest training picture": closest}
    for temperature, count in ((0, 1), (1, best_of)):
        name = f"keras_igpt, temperature {temperature}"
        name += f", best of {count}" if count > 1 else ""
        shown[name] = model.edit(
            trial.given,
            trial.edit,
            trial.masks,
            temperature=float(temperature),
            seed=seed,
            best_of=count,
        )
    return shown


def _kept(trial):
    """What is known of each pixel, and where to fill in."""
    images = trial.source[..., :-1]
    if trial.masks is not None:
        return images, trial.masks
    return images, np.ones(images.shape[:3], bool)


def _compared(restored, truth, features):
    found = similarity(restored, truth)
    if features is not None:
        found |= set_distances(restored, truth, features)
    return found


def similarity(generated: Array, real: Array) -> dict[str, float]:
    """How near each image is to the one it should be, on average.

    Args:
        generated, real: uint8 arrays of shape `(B, height, width, C)`.

    Returns:
        dict of "psnr" in dB, and "ssim".
    """
    found = [
        (
            metrics.psnr(real[x], generated[x]),
            metrics.ssim(real[x], generated[x]),
        )
        for x in slices(real, COMPARED)
    ]
    psnr, ssim = np.concatenate(found, axis=1).mean(axis=1)
    return {"psnr": float(psnr), "ssim": float(ssim)}


# === Trials ===


def _inpaint(images, train, generator):
    masks = np.stack([_hole(images.shape[1:3], generator) for _ in images])
    return _holes(images, masks)


def _hole(size, generator):
    while True:
        mask = random_mask(size, generator)
        if HOLES[0] <= mask.mean() <= HOLES[1]:
            return mask


def _outpaint(images, train, generator):
    size = images.shape[1:3]
    top, left = (round(side * BORDER) for side in size)
    masks = np.ones(images.shape[:3], bool)
    masks[:, top : size[0] - top, left : size[1] - left] = False
    return _holes(images, masks)


def _holes(images, masks):
    source = EDITS["inpaint"].source(images, images.shape[1:], masks)
    source = np.asarray(source)
    filled = inpainted(source[..., :-1], masks)
    return Trial("inpaint", images, masks, source, filled)


def _upscale(images, train, generator):
    small = np.asarray(shrunk(images, FACTOR))

    def view(images):
        return np.asarray(repeated(shrunk(images, FACTOR), FACTOR))

    large = enlarged(small, images.shape[1:3])
    source = np.asarray(known_everywhere(view(images)))
    return Trial("upscale", small, None, source, large, view)


def _colorize(images, train, generator):
    def view(images):
        return np.asarray(luma(images)).repeat(3, axis=-1)

    grey = view(images)
    source = np.asarray(known_everywhere(grey))
    return Trial("colorize", grey, None, source, {"grey": grey}, view)


def _denoise(images, train, generator):
    damage = EDITS["denoise"].hide
    some = train[:STRENGTH_IMAGES]
    noisy = damage(some, generator)[..., :-1]

    def success(strength):
        cleaned = denoised(noisy, strength)
        return metrics.psnr(some, cleaned).mean()

    strength = max(STRENGTHS, key=success)
    source = damage(images, generator)
    given = source[..., :-1]
    baselines = {
        "as given": given,
        "non-local means": denoised(given, strength),
    }
    return Trial("denoise", given, None, source, baselines)


TRIALS = {
    "inpaint": _inpaint,
    "outpaint": _outpaint,
    "upscale 4": _upscale,
    "colorize": _colorize,
    "denoise": _denoise,
}

# === Shown ===


def table(figures: dict[str, dict[str, Any]]) -> "Table":
    """Shows what `report` returns, as a `rich.table.Table`."""
    from rich.table import Table

    count = max(len(trial["pictures"]["truth"]) for trial in figures.values())
    shown = Table(title=f"{count} images; nothing is said of them")
    for head in ("Edit", "Method", "PSNR, dB", "SSIM", "Fréchet distance"):
        shown.add_column(head, justify="left" if head < "F" else "right")
    for name, trial in figures.items():
        for i, (method, found) in enumerate(trial["figures"].items()):
            distance = found.get("frechet")
            shown.add_row(
                "" if i else name,
                method,
                f"{found['psnr']:.2f}",
                f"{found['ssim']:.3f}",
                "–" if distance is None else f"{distance:.3f}",
            )
        shown.add_section()
    return shown


def sheet(figures: dict[str, dict[str, Any]], examples: int = 2) -> Array:
    """Images of each trial: input, best baseline, ours (0 and 1), truth.

    The best baseline is the one with the highest PSNR.

    Args:
        figures: what `report` returns.
        examples: rows per trial.

    Returns:
        uint8 array of shape `(rows, columns, C)`.
    """
    rows = []
    for trial in figures.values():
        found = trial["figures"]
        ours = [name for name in found if name.startswith("keras_igpt")]
        others = [n for n in found if n not in (*ours, "tokens of the truth")]
        best = max(others, key=lambda name: found[name]["psnr"])
        columns = [
            trial["pictures"][n] for n in ("input", best, *ours, "truth")
        ]
        rows.extend(zip(*(images[:examples] for images in columns)))
    return contact_sheet(np.concatenate([np.stack(row) for row in rows]), 5)
