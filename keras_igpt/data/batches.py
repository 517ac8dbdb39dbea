"""Data sets and arrays, walked through in batches."""

import numpy as np

from keras_igpt.argument_checks import is_whole
from keras_igpt.data import checks


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
    if not is_whole(batch_size) or batch_size < 1:
        raise ValueError(
            "`batch_size` must be a positive int. "
            f"Received: batch_size={batch_size!r}."
        )
    if not hasattr(dataset, "as_numpy_iterator"):
        arrays = checks.checked_arrays(dataset, "dataset")
        return _array_batches(arrays, batch_size)
    is_batched = checks.check_spec(dataset, "dataset") == 4
    rebatch = dataset.rebatch if is_batched else dataset.batch
    return _dataset_batches(rebatch(batch_size))


def num_images(dataset):
    """About how many pictures `batches` walks over; None if nobody knows.

    Args:
        dataset: as `batches` takes it.
    """
    if not hasattr(dataset, "as_numpy_iterator"):
        return len(checks.checked_arrays(dataset, "dataset")["image"])
    if checks.check_spec(dataset, "dataset") == 4:  # batches, of any size
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
            batch[key] = checks.as_texts(batch[key])
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


def images_of(dataset, limit=None):
    """Pictures in one array, the first ones."""
    parts, count = [], 0
    for batch in batches(dataset, batch_size=256):
        parts.append(batch["image"])
        count += len(parts[-1])
        if limit is not None and count >= limit:
            break
    return np.concatenate(parts)[:limit]
