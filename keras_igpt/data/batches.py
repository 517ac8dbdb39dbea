"""Data sets and arrays, walked through in batches."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.argument_checks import check_positive
from keras_igpt.data import checks
from keras_igpt.data.shards.dataset import TokenDataset
from keras_igpt.images.arrays import slices

# Images that `arrays` reads, and converts, at once.
GATHERED = 256


def batches(dataset: Any, batch_size: int) -> Iterator[dict[str, Array]]:
    """Walks once over images, whatever holds them, as NumPy batches.

    Needs TensorFlow only if `dataset` is itself a `tf.data.Dataset`.

    Args:
        dataset: a `tf.data.Dataset` of dictionaries, batched or not; or a
            dictionary of arrays, a uint8 array of images, or a tuple
            `(images, labels)`; or shards, as `load` opens them, whose batches
            have "tokens", and images if they were kept.
        batch_size: int. The last batch may be smaller.

    Returns:
        Iterator of dictionaries: "image" (and "source") uint8 arrays
        `(batch, height, width, channels)`, "label" int32 `(batch,)`, "text"
        and "style" object arrays of str `(batch,)`, and "group" ints or str
        `(batch,)`, as far as there are such.
    """
    check_positive("batch_size", batch_size)
    if isinstance(dataset, TokenDataset):
        return dataset.batches(batch_size)
    if not hasattr(dataset, "as_numpy_iterator"):
        columns = checks.checked_arrays(dataset, "dataset")
        return _array_batches(columns, batch_size)
    is_batched = checks.check_spec(dataset, "dataset") == 4
    rebatch = dataset.rebatch if is_batched else dataset.batch
    return _dataset_batches(rebatch(batch_size))


def num_images(dataset: Any) -> int | None:
    """About how many images `batches` walks over; None if that is not known.

    Args:
        dataset: as `batches` takes it.
    """
    if isinstance(dataset, TokenDataset):
        return len(dataset)
    if not hasattr(dataset, "as_numpy_iterator"):
        return len(checks.checked_arrays(dataset, "dataset")["image"])
    if checks.check_spec(dataset, "dataset") == 4:  # batches, of any size
        return None
    count = getattr(dataset, "num_images", None) or int(dataset.cardinality())
    return count if count > 0 else None


def _array_batches(columns, batch_size):
    for rows in slices(columns["image"], batch_size):
        yield {key: values[rows] for key, values in columns.items()}


def _dataset_batches(dataset):
    iterator = dataset.as_numpy_iterator()
    num_batches = 0
    while batch := _next_batch(iterator):
        num_batches += 1
        if "label" in batch:
            batch["label"] = batch["label"].astype("int32")
        for key in {"text", "style", "group"} & set(batch):
            if batch[key].dtype == object:
                batch[key] = checks.as_texts(batch[key])
        yield batch
    if num_batches == 0:
        raise ValueError(
            "`dataset` must have at least one image. Received: an empty "
            "`tf.data.Dataset`."
        )


def _next_batch(iterator):
    try:
        return next(iterator, None)
    except Exception as error:
        if "different shapes" not in str(error):
            raise
        raise ValueError(
            "`dataset` must have images of one size. Received: "
            f"{str(error).splitlines()[0]} Load them with `image_size=`."
        ) from error


def tokens(batch: dict[str, Array], tokenizer: Any) -> Array:
    """Tokens of a batch: those that it has, or else of its images.

    Args:
        batch: as `batches` yields it.
        tokenizer: a Keras layer with `encode_all`.

    Returns:
        int array `(batch, cells)`.
    """
    if "tokens" in batch:
        return batch["tokens"]
    return tokenizer.encode_all(batch["image"])


def check_tokenizer(dataset: Any, tokenizer: Any) -> None:
    """Refuses shards that another tokenizer has made.

    Args:
        dataset: as `batches` takes it; images are all right.
        tokenizer: a Keras layer.

    Raises:
        ValueError: if these are not its tokens.
    """
    if isinstance(dataset, TokenDataset):
        dataset.check_tokenizer(tokenizer)


def check_columns(dataset: Any, wanted: Iterable[str]) -> None:
    """Refuses shards without columns that are needed.

    Args:
        dataset: as `batches` takes it; what is no shards is all right.
        wanted: names of columns, as "image".

    Raises:
        ValueError: naming those that are not there.
    """
    if isinstance(dataset, TokenDataset):
        dataset.check_columns(wanted)


def some_of(dataset: Any, count: int, images: bool = True) -> Any:
    """Shards of at most so many rows, for what needs all in memory.

    Args:
        dataset: as `batches` takes it; what is no shards stays as it is.
        count: int.
        images: bool. Whether their images are needed.
    """
    if not isinstance(dataset, TokenDataset):
        return dataset
    some = dataset.sample(count)
    return some if images else some.without_images()


def column_names(dataset: Any) -> set[str]:
    """What each image of a loaded data set comes with, as "text"."""
    if isinstance(dataset, TokenDataset):
        return set(dataset.columns)
    return set(dataset.element_spec)


def arrays(
    dataset: Any,
    convert: Callable[[dict[str, Array]], dict[str, ArrayLike]] | None = None,
    limit: int | None = None,
) -> dict[str, Array]:
    """Gathers images, whatever holds them, as whole arrays in memory.

    Args:
        dataset: as `batches` takes it.
        convert: function of a batch, as `batches` yields it, to a dictionary
            of arrays of that length, always with the same keys. What it
            leaves out takes no memory. None keeps all.
        limit: int. At most so many images, the first ones; None for all.

    Returns:
        Dictionary of what `convert` returned, joined along the first axis.

    Example:

    >>> whole = keras_igpt.data.arrays(test, limit=100)
    >>> whole["image"].shape
    (100, 64, 64, 3)
    """
    if limit is not None:
        check_positive("limit", limit, most=2**63 - 1)
    parts, count = [], 0
    for batch in batches(dataset, GATHERED):
        if limit is not None:
            batch = {key: rows[: limit - count] for key, rows in batch.items()}
        count += len(next(iter(batch.values())))
        parts.append(convert(batch) if convert else batch)
        if count == limit:
            break
    return {
        key: np.concatenate([part[key] for part in parts]) for key in parts[0]
    }
