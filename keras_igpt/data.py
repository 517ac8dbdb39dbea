"""Pictures from anywhere as one kind of `tf.data.Dataset`.

Every source (built-in, TFDS name, folder, arrays, `tf.data.Dataset`) becomes
dictionaries with TFDS's keys: "image" uint8 `(height, width, channels)`,
"label" int32 `()`, "text" string `()`; pairs also have "source", a second
picture. Then one function fits the pictures to the size and channels wanted.
"""

import functools
import numbers

import numpy as np

from keras_igpt import data_checks, image_files, sources


def load(source, split="train", image_size=None, channels=None):
    """Loads pictures as a `tf.data.Dataset` of unbatched dictionaries.

    Args:
        source: what to load, one of
            - "digits": scikit-learn's 8x8 digits; "train" (1437) and "test"
              (360) are a fixed stratified shuffle, "all" is both.
            - "football": drawn pictures with captions, the label is the kit
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
    raw = sources.open_source(source, split, image_size, resize)
    data_checks.check_spec(raw.dataset, "source")
    fit = functools.partial(_fit, image_size=image_size, channels=channels)
    dataset = raw.dataset.map(fit, num_parallel_calls=-1)  # AUTOTUNE
    dataset.class_names = list(raw.class_names)
    dataset.image_shape = tuple(dataset.element_spec["image"].shape)
    dataset.skipped = raw.skipped
    dataset.num_images = raw.num_images
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


def read_image(path, image_size, channels=3):
    """Reads one picture file, as `load` would read it from a folder.

    Args:
        path: str or pathlib.Path.
        image_size: int, or tuple `(height, width)`, for `resize`.
        channels: 1 (grey) or 3 (RGB).

    Returns:
        uint8 array of shape `(height, width, channels)`.
    """
    image_size = _checked_size(image_size, optional=False)
    image = image_files.read(path, image_size)
    return set_channels(resize(image, image_size), channels)


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
        arrays = data_checks.checked_arrays(dataset, "dataset")
        return _array_batches(arrays, batch_size)
    is_batched = data_checks.check_spec(dataset, "dataset") == 4
    rebatch = dataset.rebatch if is_batched else dataset.batch
    return _dataset_batches(rebatch(batch_size))


def num_images(dataset):
    """About how many pictures `batches` walks over; None if nobody knows.

    Args:
        dataset: as `batches` takes it.
    """
    if not hasattr(dataset, "as_numpy_iterator"):
        return len(data_checks.checked_arrays(dataset, "dataset")["image"])
    if data_checks.check_spec(dataset, "dataset") == 4:  # batches, of any size
        return None
    count = getattr(dataset, "num_images", None) or int(dataset.cardinality())
    return count if count > 0 else None


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
        for key in {"text", "style"} & set(batch):
            batch[key] = data_checks.as_texts(batch[key])
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


def _fit(example, image_size, channels):
    """The one place where all sources become what `load` promises."""
    import tensorflow as tf

    fitted = dict(example)
    for key in data_checks.PICTURES:
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
    data_checks.check_pictures(images.dtype, images.shape, (3, 4), "images")
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
