"""What images must be, as arrays or as a `tf.data.Dataset`.

Both hold dictionaries with TFDS's keys.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.data.folder_index import MAX_CLASSES
from keras_igpt.images.arrays import check_pixels

IMAGES = ("image", "source")

KEYS = ("image", "source", "label", "text", "style", "group", "paired")


def check_spec(dataset: Any, argument: str) -> int:
    """Rank of the images of a `tf.data.Dataset`: 3, or 4 if batched."""
    spec = dataset.element_spec
    if not isinstance(spec, dict) or "image" not in spec:
        raise ValueError(
            f"`{argument}` must yield dictionaries with 'image'. Received: "
            f"elements of {spec}. Map them, as with `dataset.map(lambda "
            "image, label: {'image': image, 'label': label})`."
        )
    for key in IMAGES:
        if key in spec:
            name = f"{argument}[{key!r}]"
            check_pixels(spec[key].dtype, spec[key].shape, (3, 4), name)
    if "label" in spec and not spec["label"].dtype.is_integer:
        raise ValueError(
            f"`{argument}['label']` must be integers. Received: "
            f"dtype={spec['label'].dtype.name}. Turn one-hot labels into "
            "numbers with `tf.argmax(label, -1)`."
        )
    if "group" in spec and not (
        spec["group"].dtype.is_integer or spec["group"].dtype.name == "string"
    ):
        raise ValueError(
            f"`{argument}['group']` must be integers or strings. "
            f"Received: dtype={spec['group'].dtype.name}. Number the groups."
        )
    return len(spec["image"].shape)


def checked_arrays(arrays: Any, argument: str) -> dict[str, Array]:
    """Dictionary of arrays of one length, ready for `batches` and `load`."""
    arrays = _as_dictionary(arrays, argument)
    checks = {
        "label": _checked_labels,
        "text": _checked_texts,
        "style": _checked_texts,
        "group": _checked_groups,
        "paired": _checked_flags,
    }
    arrays = {
        key: checks.get(key, _checked_images)(values, f"{argument}[{key!r}]")
        for key, values in arrays.items()
    }
    lengths = {key: len(values) for key, values in arrays.items()}
    if len(set(lengths.values())) > 1 or lengths["image"] == 0:
        raise ValueError(
            f"`{argument}` must have arrays of one length, at least 1. "
            f"Received: lengths={lengths}."
        )
    return arrays


def _as_dictionary(arrays, argument):
    if isinstance(arrays, tuple) and len(arrays) == 2:
        arrays = dict(zip(("image", "label"), arrays))
    elif hasattr(arrays, "__array__"):
        arrays = {"image": arrays}
    if not isinstance(arrays, dict):
        raise ValueError(
            f"`{argument}` must be a `tf.data.Dataset` of dictionaries, a "
            "dictionary of arrays, an array of images, or a tuple `(images, "
            f"labels)`. Received: {argument} of type {type(arrays).__name__}."
        )
    if "image" not in arrays or not set(arrays) <= set(KEYS):
        raise ValueError(
            f"`{argument}` must have the key 'image', and no others than "
            f"{list(KEYS)}. Received: keys={list(arrays)}."
        )
    return arrays


def _checked_images(images, argument):
    images = np.asarray(images)
    if images.ndim == 2 or images.ndim == 3 and images.shape[-1] == 3:
        raise ValueError(
            f"`{argument}` must have shape `(num, height, width, channels)`, "
            "or `(num, height, width)` for grey images. Received: "
            f"shape={images.shape}, as one image has. Pass `images[None]`"
            f"{', or `images[..., None]` for grey ones' * (images.ndim == 3)}."
        )
    if images.ndim == 3:
        images = images[..., None]
    check_pixels(images.dtype, images.shape, (4,), argument)
    return images


def _checked_labels(labels, argument):
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets gives
        labels = labels[:, 0]
    if (
        labels.ndim != 1
        or labels.dtype.kind not in "iu"
        or labels.size
        and not 0 <= labels.min() <= labels.max() < MAX_CLASSES
    ):
        raise ValueError(
            f"`{argument}` must be whole numbers of shape `(num,)`, from 0. "
            f"Received: shape={labels.shape}, dtype={labels.dtype}. Turn "
            "one-hot labels into numbers with `np.argmax(labels, -1)`."
        )
    return labels.astype("int32")


def _checked_texts(texts, argument):
    is_one = isinstance(texts, (str, bytes))
    if is_one or not all(isinstance(x, (str, bytes)) for x in texts):
        raise ValueError(
            f"`{argument}` must be a list or array of strings. "
            f"Received: {argument}={texts!r:.100}."
        )
    return as_texts(texts)


def _checked_flags(flags, argument):
    flags = np.asarray(flags)
    if flags.ndim != 1 or flags.dtype != bool:
        raise ValueError(
            f"`{argument}` must be bool of shape `(num,)`. Received: "
            f"shape={flags.shape}, dtype={flags.dtype}. Give True for the "
            "images that have a source."
        )
    return flags


def _checked_groups(groups, argument):
    array = np.asarray(groups)
    if array.ndim == 1 and array.dtype.kind in "iu":
        return array
    return _checked_texts(groups, argument)


def as_texts(values: Iterable[str | bytes]) -> Array:
    """Object array of str, of str or UTF-8."""
    texts = [x.decode() if isinstance(x, bytes) else x for x in values]
    return np.array(texts, dtype=object)
