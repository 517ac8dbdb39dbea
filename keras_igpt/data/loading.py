"""Images from anywhere as one kind of `tf.data.Dataset`.

Every source (built-in, TFDS name, folder, arrays, `tf.data.Dataset`) becomes
dictionaries with TFDS's keys: "image" uint8 `(height, width, channels)`,
"label" int32 `()`, "text" string `()`; pairs also have "source", a second
image; "group", string or int `()`, is the same for what belongs together and
must not be parted where images are held out. Then one function fits the
images to the size and channels wanted.
"""

import functools
from typing import Any

from keras_igpt.annotations import Array, PathLike
from keras_igpt.argument_checks import checked_image_size
from keras_igpt.data import checks, sources
from keras_igpt.data.shards.dataset import is_shards, open_shards
from keras_igpt.images import files
from keras_igpt.images.arrays import (
    resize,
    set_channels,
)


def load(
    source: Any,
    split: str = "train",
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
) -> Any:
    """Loads images as a `tf.data.Dataset` of unbatched dictionaries.

    Args:
        source: what to load, one of
            - "digits": scikit-learn's 8x8 digits; "train" (1437) and "test"
              (360) are a fixed stratified shuffle, "all" is both.
            - "football": drawn images with captions, the label is the kit
              (see `football.py`). Drawn by TFDS when first loaded, which
              takes two minutes; "train", "validation" and "test". As
              "football/layout" they have a map of flat colours as "source",
              as "football/twin" the same scene in another kit.
            - "openmoji": 3944 drawings of emoji with captions, the label is
              the group (see `openmoji.py`). Needs `pip install
              'keras_igpt[openmoji]'` and a minute when first loaded;
              "train", "validation" and "test" have different concepts. As
              "openmoji/line" they have the line drawing as "source".
            - a TFDS name, as "tfds:cifar10" or "cifar10". TFDS looks for it
              in its own folders, to be changed with `TFDS_DATA_DIR`.
            - the path of a folder: images with captions and labels from
              `metadata.csv` or `metadata.jsonl`, beside them, above or in
              subfolders (columns `file_name` and `text`, `label` or both),
              else one subfolder per class, else images alone. Without
              `train/` and `test/` folders, a tenth of the images, chosen by
              file name, is "test"; rows with one `group`, pairs that share
              an image and copies of a file stay together. The order is
              fixed and mixes the classes. Damaged files, and all else that
              is not used, are reported in one warning after the first pass.
              A folder that is called as a built-in data set: "./digits".
            - the path of a folder that `keras-igpt tokenize` has written: a
              `TokenDataset` of rows that are read when they are needed, for
              `prepare`. Splits are those that were written.
            - uint8 images of shape `(num, height, width[, channels])`, a
              tuple `(images, labels)`, or a dictionary of arrays.
            - a `tf.data.Dataset` of dictionaries with "image".
        split: str. "train", "test" or "all"; "validation" if there is such
            a folder; with TFDS any of its expressions, as "train[:90%]".
        image_size: int, or tuple `(height, width)`, for `resize`. None keeps
            the size; the images of a folder must then all have the same.
        channels: 1 (grey), 3 (RGB), or None: as it is, for folders 3.

    Returns:
        A `tf.data.Dataset` with three more attributes: `class_names`, a list
        of str; `image_shape`, a tuple with None for unknown sizes; and
        `skipped`, a list of `(path, reason)` filled while a folder is read.

    Example:

    >>> train = keras_igpt.data.load("tfds:cifar10", "train[:90%]")
    >>> train.class_names[3]
    'cat'
    """
    image_size = checked_image_size(image_size)
    if channels not in (None, 1, 3):
        raise ValueError(
            "`channels` must be 1 (grey), 3 (RGB) or None (as it is). "
            f"Received: channels={channels!r}."
        )
    if not isinstance(split, str):
        raise ValueError(
            "`split` must be a string such as 'train'. "
            f"Received: split={split!r}. Call `load` once per split."
        )
    built_in = isinstance(source, str) and source in sources.BUILT_IN
    if not built_in and is_shards(source):
        return open_shards(source, split, image_size, channels)
    raw = sources.open_source(source, split, image_size, resize)
    checks.check_spec(raw.dataset, "source")
    fit = functools.partial(_fit, image_size=image_size, channels=channels)
    dataset = raw.dataset.map(fit, num_parallel_calls=-1)  # AUTOTUNE
    dataset.class_names = list(raw.class_names)
    dataset.image_shape = tuple(dataset.element_spec["image"].shape)
    dataset.skipped = raw.skipped
    dataset.num_images = raw.num_images
    return dataset


def read_image(
    path: PathLike, image_size: int | tuple[int, int], channels: int = 3
) -> Array:
    """Reads one image file, as `load` would read it from a folder.

    Args:
        path: str or pathlib.Path.
        image_size: int, or tuple `(height, width)`, for `resize`.
        channels: 1 (grey) or 3 (RGB).

    Returns:
        uint8 array of shape `(height, width, channels)`.
    """
    image_size = checked_image_size(image_size, optional=False)
    image = files.read(path, image_size)
    return set_channels(resize(image, image_size), channels)


def _fit(example, image_size, channels):
    """The one place where all sources become what `load` promises."""
    import tensorflow as tf

    fitted = dict(example)
    for key in checks.IMAGES:
        if key in example and image_size is not None:
            fitted[key] = resize(fitted[key], image_size)
        if key in example and channels is not None:
            fitted[key] = set_channels(fitted[key], channels)
    if "label" in example:
        fitted["label"] = tf.cast(example["label"], tf.int32)
    return fitted
