"""Where images come from: built-in, TFDS, folders, arrays, data sets.

Each opens as a `Source` of dictionaries with TFDS's keys; `data.py` then
fits them to the wanted size and channels.
"""

import contextlib
import difflib
import functools
import os
import pathlib
import re
import typing
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_igpt.annotations import Tensor
from keras_igpt.data import folder as image_folder
from keras_igpt.data.checks import check_spec, checked_arrays

BUILT_IN = (
    "digits",
    *("football", "football/layout", "football/twin"),
    "football/layout+twin",
    *("openmoji", "openmoji/line"),
)

_PREPARE = (
    "Check the name, or prepare the data set where there is a network and "
    "set TFDS_DATA_DIR to its folder."
)


class Source(typing.NamedTuple):
    """Images as they came: not yet of the wanted size and channels."""

    dataset: typing.Any
    class_names: list
    skipped: list
    num_images: int | None = None  # where the data set does not know it


def open_source(
    source: Any,
    split: str,
    image_size: tuple[int, int] | None,
    fit: Callable[[Tensor, tuple[int, int]], Tensor],
) -> Source:
    """Opens what `keras_igpt.data.load` is given.

    Args:
        source, split, image_size: as `load` takes them, the size checked.
        fit: function of `images` and `image_size` that resizes images.
    """
    if isinstance(source, os.PathLike):
        return _open_folder(pathlib.Path(source), split, image_size, fit)
    if isinstance(source, str):
        return _open_named(source, split, image_size, fit)
    if split not in ("train", "all"):
        raise ValueError(
            "`split` must be 'train' or 'all', which both mean everything, "
            "when `source` is not a name or a folder. "
            f"Received: split={split!r}."
        )
    if hasattr(source, "element_spec"):
        return _open_dataset(source)
    return _open_arrays(checked_arrays(source, "source"))


def _open_named(source, split, image_size, fit):
    if source in BUILT_IN and pathlib.Path(source).is_dir():
        warnings.warn(
            f"{source!r} is the built-in data set, not the folder of that "
            f"name. Give './{source}' for the folder.",
            UserWarning,
            stacklevel=4,
        )
    if source == "digits":
        return _open_digits(split)
    if source in BUILT_IN:
        is_football = source.startswith("football")
        open_drawn = _open_football if is_football else _open_openmoji
        return open_drawn(source, split, image_size)
    if source.startswith("tfds:"):
        return _open_tfds(source.removeprefix("tfds:"), split)
    if is_named(source):
        return _open_tfds(source, split)
    folder = pathlib.Path(source).expanduser()
    return _open_folder(folder, split, image_size, fit)


def is_named(source: str) -> bool:
    """Whether a str is the name of a data set, not a path."""
    if source in BUILT_IN or source.startswith("tfds:"):
        return True
    # "cifar10/config:1.0.0" is also a name, "gs://cifar10" is none.
    exists = "://" in source or pathlib.Path(source).expanduser().exists()
    return not exists and re.split("[/:]", source)[0] in _tfds_names()


def _open_digits(split):
    from sklearn import datasets, model_selection

    digits = datasets.load_digits()
    images = np.round(digits.images * 255 / 16).astype("uint8")[..., None]
    rows = np.arange(len(images))
    train, test = model_selection.train_test_split(
        rows, test_size=360, stratify=digits.target, random_state=0
    )
    splits = {"train": train, "test": test, "all": rows}
    if split not in splits:
        raise ValueError(
            f"`split` must be one of {list(splits)} for 'digits'. "
            f"Received: split={split!r}."
        )
    rows = splits[split]
    return _open_arrays(
        {"image": images[rows], "label": digits.target[rows].astype("int32")}
    )


def _open_football(source, split, image_size):
    from keras_igpt.data.football import builder as football_builder

    is_large = image_size is not None and max(image_size) > 64
    builder = football_builder.Football(config="128" if is_large else "64")
    return _open_drawn(builder, "kit", None, source, split)


def _open_openmoji(source, split, image_size):
    from keras_igpt.data.openmoji import builder as openmoji_builder
    from keras_igpt.data.openmoji import drawings

    builder = openmoji_builder.builder(max(image_size or (64,)))
    if not builder.is_prepared():
        drawings.check_packages()
    return _open_drawn(builder, "group", "concept", source, split)


def _open_drawn(builder, label, group, source, split):
    """Examples of a data set that is drawn; "name/pair" has a source.

    The pair's name is the style. Of "name/pair+pair" there are as many
    examples as images times pairs. The group is the feature `group`; without
    one, drawings of pairs are groups.
    """
    drawn = _prepared(builder, source, split).enumerate()
    keys = {"image": "image", "label": label, "text": "text"}

    def parts(pair):
        names = {**keys, "source": pair} if pair else keys
        style = {"style": pair} if pair else {}
        if group:
            names["group"] = group
        return drawn.map(
            lambda number, example: {
                **({"group": number} if pair else {}),
                **{key: example[name] for key, name in names.items()},
                **style,
            },
            num_parallel_calls=-1,
        )

    first, *others = source.partition("/")[2].split("+")
    dataset = parts(first)
    for pair in others:
        dataset = dataset.concatenate(parts(pair))
    return Source(dataset, builder.info.features[label].names, [])


def _open_folder(folder, split, image_size, fit):
    import tensorflow as tf

    if not folder.is_dir():
        raise ValueError(
            "`source` must be the path of an existing folder, 'digits', "
            "'football', 'openmoji', or the name of a TFDS data set. Received: "
            f"source={str(folder)!r}.{_suggest(str(folder))}"
        )
    # Resized where they are decoded: only small images wait in memory.
    shrink = tf.function(
        functools.partial(fit, image_size=image_size),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    images = image_folder.ImageFolder(folder, split, image_size, shrink)
    spec = {"image": tf.TensorSpec(images.image_shape, tf.uint8)}
    kinds = {"label": tf.int32}
    for key in sorted(images.has - {"source"}):
        spec[key] = tf.TensorSpec((), kinds.get(key, tf.string))
    if "source" in images.has:
        spec["source"] = tf.TensorSpec(images.image_shape, tf.uint8)
    if images.has_plain:
        spec["paired"] = tf.TensorSpec((), tf.bool)
    dataset = tf.data.Dataset.from_generator(
        images.examples, output_signature=spec
    )
    return Source(
        dataset,
        images.class_names,
        images.skipped,
        len(images.records),
    )


def _suggest(name):
    names = [*BUILT_IN, *_tfds_names()]
    name = name.removeprefix("tfds:")
    close = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {close[0]!r}?" if close and name not in names else ""


def _tfds_names():
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        return []
    return tfds.list_builders(with_community_datasets=False)


def _open_tfds(name, split):
    import tensorflow_datasets as tfds

    with _tfds_errors("source", f"tfds:{name}", _PREPARE):
        builder = tfds.builder(name)
    features = _image_features(name, builder.info.features)
    dataset = _prepared(builder, f"tfds:{name}", split)
    label = features.get("label")
    has_label = isinstance(label, tfds.features.ClassLabel)
    keep = functools.partial(
        _keep_features, has_label=has_label, text_key=_text_key(features)
    )
    names = (label.names or []) if has_label else []
    return Source(dataset.map(keep, num_parallel_calls=-1), names, [])


def _prepared(builder, source, split):
    """The examples of a split, prepared first where they are not."""
    with _tfds_errors("source", source, _PREPARE):
        builder.download_and_prepare()
    hint = f"Choose from {[*builder.info.splits, 'all']} and parts of them."
    with _tfds_errors("split", split, hint):
        return builder.as_dataset(split=split)


@contextlib.contextmanager
def _tfds_errors(argument, value, hint):
    try:
        yield
    except Exception as error:
        message = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"`{argument}` must be one that TFDS can load. Received: "
            f"{argument}={value!r}, to which TFDS says: {message} {hint}"
            f"{_suggest(value) if argument == 'source' else ''}"
        ) from error


def _image_features(name, features):
    """Dictionary of the features, "image" among them."""
    import tensorflow_datasets as tfds

    named = dict(features) if hasattr(features, "keys") else {}
    image = named.get("image")
    if isinstance(image, tfds.features.Image) and image.np_dtype == np.uint8:
        return named
    kinds = {key: type(value).__name__ for key, value in named.items()}
    raise ValueError(
        "`source` must be a data set of uint8 images, with a feature "
        f"'image'. Received: source='tfds:{name}' with features={kinds}. "
        "Choose an image data set."
    )


def _text_key(features):
    import tensorflow_datasets as tfds

    for key in ("text", "caption", "captions"):
        feature = features.get(key)
        feature = getattr(feature, "feature", feature)  # of a sequence
        if isinstance(feature, tfds.features.FeaturesDict):
            feature = dict(feature).get("text")
        is_text = getattr(feature, "tf_dtype", None) == "string"
        if is_text and feature.shape == ():
            return key
    return None


def _keep_features(example, has_label, text_key):
    import tensorflow as tf

    kept = {"image": example["image"]}
    if has_label:
        kept["label"] = example["label"]
    if text_key:
        texts = example[text_key]
        texts = texts["text"] if isinstance(texts, dict) else texts
        # The first one, or "" if there is none.
        kept["text"] = tf.concat([tf.reshape(texts, [-1]), [""]], 0)[0]
    return kept


def _open_dataset(dataset):
    names = getattr(dataset, "class_names", [])
    skipped = getattr(dataset, "skipped", [])
    if check_spec(dataset, "source") == 4:
        dataset = dataset.unbatch()
    return Source(dataset, names, skipped)


def _open_arrays(arrays):
    import tensorflow as tf

    labels = arrays.get("label")
    names = [] if labels is None else map(str, range(labels.max() + 1))
    dataset = tf.data.Dataset.from_tensor_slices(arrays)
    return Source(dataset, list(names), [])
