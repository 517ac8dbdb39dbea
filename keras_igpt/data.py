"""Pictures from anywhere as one kind of `tf.data.Dataset`.

Every source (built-in, TFDS name, folder, arrays, `tf.data.Dataset`) becomes
dictionaries with TFDS's keys: "image" uint8 `(height, width, channels)`,
"label" int32 `()`, "text" string `()`; pairs also have "source", a second
picture. Then one function fits the pictures to the size and channels wanted.
"""

import contextlib
import difflib
import functools
import numbers
import os
import pathlib
import re
import typing

import numpy as np

from keras_igpt import image_files

BUILT_IN = ("digits",)
PICTURES = ("image", "source")
KEYS = ("image", "source", "label", "text")


class _Source(typing.NamedTuple):
    """Pictures as they came: not yet of the wanted size and channels."""

    dataset: typing.Any
    class_names: list
    skipped: list


def load(source, split="train", image_size=None, channels=None):
    """Loads pictures as a `tf.data.Dataset` of unbatched dictionaries.

    Args:
        source: what to load, one of
            - "digits": scikit-learn's 8x8 digits; "train" (1437) and "test"
              (360) are a fixed stratified shuffle, "all" is both.
            - a TFDS name, as "tfds:cifar10" or "cifar10". TFDS looks for it
              in its own folders, to be changed with `TFDS_DATA_DIR`.
            - the path of a folder: pictures with captions and labels from
              `metadata.csv` or `metadata.jsonl` (columns `file_name` and
              `text`, `label` or both), else one subfolder per class, else
              pictures alone. Without `train/` and `test/` folders, a tenth
              of the pictures, chosen by file name, is "test". The order is
              fixed and mixes the classes. Damaged files are skipped, and
              reported in one warning after the first pass.
            - uint8 images of shape `(num, height, width[, channels])`, a
              tuple `(images, labels)`, or a dictionary of arrays.
            - a `tf.data.Dataset` of dictionaries with "image".
        split: str. "train", "test" or "all"; "validation" if there is such
            a folder; with TFDS any of its expressions, as "train[:90%]".
        image_size: int, or tuple `(height, width)`, for `resize`. None keeps
            the size; the pictures of a folder must then all have the same.
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
    image_size = _checked_size(image_size)
    if channels not in (None, 1, 3):
        raise ValueError(
            "`channels` must be 1 (grey), 3 (RGB) or None (as it is). "
            f"Received: channels={channels!r}."
        )
    if not isinstance(split, str):
        raise ValueError(
            "`split` must be a string such as 'train'. "
            f"Received: split={split!r}. Do call `load` once per split."
        )
    raw = _open(source, split, image_size)
    _check_spec(raw.dataset, "source")
    fit = functools.partial(_fit, image_size=image_size, channels=channels)
    dataset = raw.dataset.map(fit, num_parallel_calls=-1)  # AUTOTUNE
    dataset.class_names = list(raw.class_names)
    dataset.image_shape = tuple(dataset.element_spec["image"].shape)
    dataset.skipped = raw.skipped
    return dataset


def resize(images, image_size):
    """Crops the middle to the wanted aspect ratio, then resizes it.

    Shrinking averages areas, enlarging is bicubic. Works inside `tf.data`.

    Args:
        images: uint8 tensor or array of shape `(height, width, channels)`
            or `(batch, height, width, channels)`.
        image_size: int, or tuple `(height, width)`.

    Returns:
        uint8 tensor of the same rank; a NumPy array if an array was given.
    """
    import tensorflow as tf

    height, width = size = _checked_size(image_size, optional=False)
    # The area kernel has no GPU version, and pictures come from the CPU.
    with tf.device("CPU"):
        pictures = _picture_tensor(images)
        if tuple(pictures.shape[-3:-1]) != size:
            pictures = _crop_to_aspect(pictures, height, width)
            rows, columns = tf.shape(pictures)[-3], tf.shape(pictures)[-2]
            pictures = tf.cond(
                (rows >= height) & (columns >= width),
                lambda: tf.image.resize(pictures, size, "area"),
                lambda: tf.image.resize(
                    pictures, size, "bicubic", antialias=True
                ),
            )
            pictures = tf.clip_by_value(tf.round(pictures), 0, 255)
            pictures = tf.cast(pictures, tf.uint8)
    return pictures if tf.is_tensor(images) else pictures.numpy()


def set_channels(images, channels):
    """Turns RGB pictures grey (BT.601 luma), or repeats grey three times.

    Args:
        images: uint8 tensor or array of shape `(height, width, 1 or 3)` or
            `(batch, height, width, 1 or 3)`.
        channels: 1 or 3.

    Returns:
        uint8 tensor of the same rank; a NumPy array if an array was given.
    """
    import tensorflow as tf

    pictures = _picture_tensor(images)
    if pictures.shape[-1] == 1 and channels == 3:
        pictures = tf.repeat(pictures, 3, axis=-1)
    elif pictures.shape[-1] == 3 and channels == 1:
        red, green, blue = tf.split(tf.cast(pictures, tf.int32), 3, axis=-1)
        # Whole numbers, so that every machine rounds alike.
        luma = (299 * red + 587 * green + 114 * blue + 500) // 1000
        pictures = tf.cast(luma, tf.uint8)
    return pictures if tf.is_tensor(images) else pictures.numpy()


def batches(dataset, batch_size):
    """Walks once over pictures, whatever holds them, as NumPy batches.

    Needs TensorFlow only if `dataset` is itself a `tf.data.Dataset`.

    Args:
        dataset: a `tf.data.Dataset` of dictionaries, batched or not; or a
            dictionary of arrays, a uint8 array of images, or a tuple
            `(images, labels)`.
        batch_size: int. The last batch may be smaller.

    Returns:
        Iterator of dictionaries: "image" (and "source") uint8 arrays
        `(batch, height, width, channels)`, "label" int32 `(batch,)` and
        "text" object array of str `(batch,)`, as far as there are such.
    """
    if not _is_whole(batch_size) or batch_size < 1:
        raise ValueError(
            "`batch_size` must be a positive int. "
            f"Received: batch_size={batch_size!r}."
        )
    if not hasattr(dataset, "as_numpy_iterator"):
        return _array_batches(_checked_arrays(dataset, "dataset"), batch_size)
    is_batched = _check_spec(dataset, "dataset") == 4
    rebatch = dataset.rebatch if is_batched else dataset.batch
    return _dataset_batches(rebatch(batch_size))


def _array_batches(arrays, batch_size):
    for start in range(0, len(arrays["image"]), batch_size):
        rows = slice(start, start + batch_size)
        yield {key: values[rows] for key, values in arrays.items()}


def _dataset_batches(dataset):
    iterator = dataset.as_numpy_iterator()
    num_batches = 0
    while batch := _next_batch(iterator):
        num_batches += 1
        if "label" in batch:
            batch["label"] = batch["label"].astype("int32")
        if "text" in batch:
            batch["text"] = _as_texts(batch["text"])
        yield batch
    if num_batches == 0:
        raise ValueError(
            "`dataset` must have at least one picture. Received: an empty "
            "`tf.data.Dataset`."
        )


def _next_batch(iterator):
    try:
        return next(iterator, None)
    except Exception as error:
        if "different shapes" not in str(error):
            raise
        raise ValueError(
            "`dataset` must have pictures of one size. Received: "
            f"{str(error).splitlines()[0]} Do load them with `image_size=`."
        ) from error


def _as_texts(values):
    texts = [x.decode() if isinstance(x, bytes) else x for x in values]
    return np.array(texts, dtype=object)


def _open(source, split, image_size):
    if isinstance(source, os.PathLike):
        return _open_folder(pathlib.Path(source), split, image_size)
    if isinstance(source, str):
        return _open_named(source, split, image_size)
    if split not in ("train", "all"):
        raise ValueError(
            "`split` must be 'train' or 'all', which both mean everything, "
            "when `source` is not a name or a folder. "
            f"Received: split={split!r}."
        )
    if hasattr(source, "element_spec"):
        return _open_dataset(source)
    return _open_arrays(_checked_arrays(source, "source"))


def _open_named(source, split, image_size):
    if source == "digits":
        return _open_digits(split)
    if source.startswith("tfds:"):
        return _open_tfds(source.removeprefix("tfds:"), split)
    folder = pathlib.Path(source).expanduser()
    # "cifar10/config:1.0.0" is also a name.
    if not folder.exists() and re.split("[/:]", source)[0] in _tfds_names():
        return _open_tfds(source, split)
    return _open_folder(folder, split, image_size)


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


def _open_folder(folder, split, image_size):
    import tensorflow as tf

    if not folder.is_dir():
        raise ValueError(
            "`source` must be the path of an existing folder, 'digits', or "
            "the name of a TFDS data set. Received: "
            f"source={str(folder)!r}.{_suggest(str(folder))}"
        )
    # Resized where they are decoded: only small pictures wait in memory.
    fit = tf.function(
        functools.partial(resize, image_size=image_size),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    pictures = image_files.PictureFolder(folder, split, image_size, fit)
    spec = {"image": tf.TensorSpec(pictures.image_shape, tf.uint8)}
    if pictures.has_label:
        spec["label"] = tf.TensorSpec((), tf.int32)
    if pictures.has_text:
        spec["text"] = tf.TensorSpec((), tf.string)
    dataset = tf.data.Dataset.from_generator(
        pictures.examples, output_signature=spec
    )
    return _Source(dataset, pictures.class_names, pictures.skipped)


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

    hint = (
        "Do check the name, or prepare the data set where there is a network "
        "and set TFDS_DATA_DIR to its folder."
    )
    with _tfds_errors("source", f"tfds:{name}", hint):
        builder = tfds.builder(name)
    features = _picture_features(name, builder.info.features)
    with _tfds_errors("source", f"tfds:{name}", hint):
        builder.download_and_prepare()
    hint = f"Do choose from {[*builder.info.splits, 'all']} and parts of them."
    with _tfds_errors("split", split, hint):
        dataset = builder.as_dataset(split=split)
    label = features.get("label")
    has_label = isinstance(label, tfds.features.ClassLabel)
    keep = functools.partial(
        _keep_features, has_label=has_label, text_key=_text_key(features)
    )
    names = (label.names or []) if has_label else []
    return _Source(dataset.map(keep, num_parallel_calls=-1), names, [])


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


def _picture_features(name, features):
    """Dictionary of the features, "image" among them."""
    import tensorflow_datasets as tfds

    named = dict(features) if hasattr(features, "keys") else {}
    image = named.get("image")
    if isinstance(image, tfds.features.Image) and image.np_dtype == np.uint8:
        return named
    kinds = {key: type(value).__name__ for key, value in named.items()}
    raise ValueError(
        "`source` must be a data set of uint8 pictures, with a feature "
        f"'image'. Received: source='tfds:{name}' with features={kinds}. "
        "Do choose an image data set."
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
    if _check_spec(dataset, "source") == 4:
        dataset = dataset.unbatch()
    return _Source(dataset, names, skipped)


def _open_arrays(arrays):
    import tensorflow as tf

    labels = arrays.get("label")
    names = [] if labels is None else map(str, range(labels.max() + 1))
    dataset = tf.data.Dataset.from_tensor_slices(arrays)
    return _Source(dataset, list(names), [])


def _fit(example, image_size, channels):
    """The one place where all sources become what `load` promises."""
    import tensorflow as tf

    fitted = dict(example)
    for key in PICTURES:
        if key in example and image_size is not None:
            fitted[key] = resize(fitted[key], image_size)
        if key in example and channels is not None:
            fitted[key] = set_channels(fitted[key], channels)
    if "label" in example:
        fitted["label"] = tf.cast(example["label"], tf.int32)
    return fitted


def _picture_tensor(images):
    import tensorflow as tf

    if not tf.is_tensor(images):
        images = np.asarray(images)
    _check_pictures(images.dtype, images.shape, (3, 4), "images")
    return tf.convert_to_tensor(images)


def _crop_to_aspect(pictures, height, width):
    import tensorflow as tf

    rows, columns = tf.shape(pictures)[-3], tf.shape(pictures)[-2]
    # Integers, rounded to nearest; at most one of the two sides is cut.
    keep_rows = tf.minimum(rows, (columns * height + width // 2) // width)
    keep_columns = tf.minimum(columns, (rows * width + height // 2) // height)
    sizes = tf.maximum([keep_rows, keep_columns], 1)
    top, left = tf.unstack(([rows, columns] - sizes) // 2)
    pictures = pictures[..., top : top + sizes[0], :, :]
    return pictures[..., left : left + sizes[1], :]


def _is_whole(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _checked_size(image_size, optional=True):
    if image_size is None and optional:
        return None
    size = (image_size,) * 2 if _is_whole(image_size) else image_size
    if (
        not isinstance(size, (tuple, list))
        or len(size) != 2
        or not all(_is_whole(side) and side > 0 for side in size)
    ):
        raise ValueError(
            "`image_size` must be a positive int or a tuple of two, "
            f"`(height, width)`. Received: image_size={image_size!r}."
        )
    return int(size[0]), int(size[1])


def _check_spec(dataset, argument):
    """Rank of the images of a `tf.data.Dataset`: 3, or 4 if batched."""
    spec = dataset.element_spec
    if not isinstance(spec, dict) or "image" not in spec:
        raise ValueError(
            f"`{argument}` must yield dictionaries with 'image'. Received: "
            f"elements of {spec}. Do map them, as with `dataset.map(lambda "
            "image, label: {'image': image, 'label': label})`."
        )
    for key in PICTURES:
        if key in spec:
            name = f"{argument}[{key!r}]"
            _check_pictures(spec[key].dtype, spec[key].shape, (3, 4), name)
    if "label" in spec and not spec["label"].dtype.is_integer:
        raise ValueError(
            f"`{argument}['label']` must be integers. Received: "
            f"dtype={spec['label'].dtype.name}. Do turn one-hot labels into "
            "numbers with `tf.argmax(label, -1)`."
        )
    return len(spec["image"].shape)


def _check_pictures(dtype, shape, ranks, argument):
    """Raises unless it is uint8 with 1 or 3 channels at the end."""
    dtype = getattr(dtype, "as_numpy_dtype", dtype)
    if dtype != np.uint8:
        raise ValueError(
            f"`{argument}` must be uint8 with values 0 to 255. Received: "
            f"dtype={np.dtype(dtype).name}. Do scale the values to 0..255, "
            'round them and call `.astype("uint8")`.'
        )
    rank = shape.rank if hasattr(shape, "rank") else len(shape)
    if rank not in ranks or shape[-1] not in (1, 3):
        raise ValueError(
            f"`{argument}` must have shape `(height, width, channels)`, or "
            "`(batch, height, width, channels)`, with 1 or 3 channels. "
            f"Received: shape={shape}. Do reshape or convert the pictures."
        )


def _checked_arrays(arrays, argument):
    """Dictionary of arrays of one length, ready for `batches` and `load`."""
    arrays = _as_dictionary(arrays, argument)
    checks = {"label": _checked_labels, "text": _checked_texts}
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
    if images.ndim == 3:
        images = images[..., None]
    _check_pictures(images.dtype, images.shape, (4,), argument)
    return images


def _checked_labels(labels, argument):
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets gives
        labels = labels[:, 0]
    if (
        labels.ndim != 1
        or labels.dtype.kind not in "iu"
        or labels.size
        and not 0 <= labels.min() <= labels.max() < image_files.MAX_CLASSES
    ):
        raise ValueError(
            f"`{argument}` must be whole numbers of shape `(num,)`, from 0. "
            f"Received: shape={labels.shape}, dtype={labels.dtype}. Do turn "
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
    return _as_texts(texts)
