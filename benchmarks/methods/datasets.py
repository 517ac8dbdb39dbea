"""The images that all methods learn from, with classes."""

import dataclasses

import numpy as np

import keras_igpt
from keras_igpt.data.football import scenes
from keras_igpt.data.football.captions import VOCABULARY

# Scenes of football; their class is the colour of the kit.
FOOTBALL = {"train": 4000, "validation": 500, "test": 500}


@dataclasses.dataclass
class Images:
    """Images of one data set.

    Args:
        train, validation, test: pairs of uint8 images `(B, height, width, C)`
            and int labels `(B,)`.
        levels: sorted uint8 array of the values that pixels may have.
        num_classes: how many classes.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    levels: np.ndarray
    num_classes: int

    @property
    def image_shape(self):
        return self.train[0].shape[1:]


def load(name, limit=None):
    """Images by the name of `--data`; `limit` of each part."""
    if name == "football":
        parts = [_scenes(split, limit) for split in FOOTBALL]
        levels = np.arange(256)
    else:
        parts, levels = _loaded(name, limit)
    if limit:
        parts = [(x[:limit], y[:limit]) for x, y in parts]
    count = int(max(labels.max() for _, labels in parts)) + 1
    return Images(*parts, levels.astype("uint8"), count)


def _loaded(name, limit):
    """A data set with labels; a tenth of its training part is held out.

    Of at most 17 levels of grey, as the tokens of a palette: so that all
    methods see the same pixels, and likelihoods are of the same thing.
    """
    found = {}
    for split in ("train", "test"):
        rows = keras_igpt.data.arrays(keras_igpt.data.load(name, split=split))
        images = rows["image"]
        if len(np.unique(images)) > 17:
            images = images // 16 * 17
        found[split] = images, rows["label"]
    images, labels = found["train"]
    order = np.random.default_rng(0).permutation(len(images))
    held = len(images) // 10
    first, rest = order[:held], order[held:]
    parts = [
        (images[rest], labels[rest]),
        (images[first], labels[first]),
        found["test"],
    ]
    return parts, np.unique(images)


def _scenes(split, limit):
    kits = list(VOCABULARY["kit"])
    count = min(limit or FOOTBALL[split], FOOTBALL[split])
    rows = [scenes.example(split, i) for i in range(count)]
    images = np.stack([row["image"] for row in rows])
    return images, np.array([kits.index(row["kit"]) for row in rows])
