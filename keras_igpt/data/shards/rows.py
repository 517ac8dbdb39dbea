"""Rows as bytes: each a `tf.train.Example`, as TFDS writes and reads them.

Tokens are their plain bytes in the smallest dtype, images are PNG files.
TensorFlow is not needed.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.data.shards.manifest import Manifest

NUMBERS = ("label", "paired")

TEXTS = ("text", "group", "style")

IMAGES = ("image", "source")


def features(manifest: Manifest) -> dict[str, Any]:
    """The columns as TFDS's features."""
    import tensorflow_datasets as tfds

    names = list(manifest.class_names) or None
    made = {
        "tokens": tfds.features.Tensor(
            shape=(manifest.num_cells,),
            dtype=manifest.token_dtype,
            encoding=tfds.features.Encoding.BYTES,
        ),
        "label": tfds.features.ClassLabel(names=names)
        if names
        else tfds.features.Scalar(np.int64),
        "paired": tfds.features.Scalar(np.bool_),
    }
    for column in TEXTS:
        made[column] = tfds.features.Text()
    for column in IMAGES:
        shape = (*manifest.image_size, manifest.channels)
        made[column] = tfds.features.Image(shape=shape, encoding_format="png")
    return {column: made[column] for column in manifest.columns}


def encode_png(image: Array) -> bytes:
    """A PNG file of a uint8 array `(height, width, 1 or 3)`."""
    from PIL import Image

    image = np.asarray(image)
    buffer = io.BytesIO()
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    # A quarter of the time of the default, and a tenth more bytes.
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def encode(row: Mapping[str, Any], manifest: Manifest) -> bytes:
    """Writes a row; the same bytes for the same row.

    Args:
        row: dict of the manifest's columns: "tokens" an int array `(cells,)`;
            "label" an int; "text", "group" and "style" str; "paired" a bool;
            "image" and "source" uint8 arrays `(height, width, channels)`, or
            bytes of image files of that size.
        manifest: what rows are.

    Raises:
        ValueError: if the row lacks a column, or has tokens that cannot be.
    """
    from tensorflow_datasets.proto import tf_example_pb2

    missing = [name for name in manifest.columns if name not in row]
    if missing:
        raise ValueError(
            f"`rows` must have the columns {list(manifest.columns)}. "
            f"Received: a row without {missing}."
        )
    example = tf_example_pb2.Example()
    feature = example.features.feature
    for name in manifest.columns:
        if name in NUMBERS:
            feature[name].int64_list.value.append(int(row[name]))
        else:
            content = _as_bytes(name, row[name], manifest)
            feature[name].bytes_list.value.append(content)
    return example.SerializeToString(deterministic=True)


def _as_bytes(name, value, manifest):
    if name == "tokens":
        return _checked_tokens(np.asarray(value)[None], manifest).tobytes()
    if name in TEXTS:
        return value.encode("utf-8")
    return value if isinstance(value, bytes) else encode_png(value)


def _checked_tokens(tokens, manifest):
    """Tokens `(rows, cells)` in the smallest dtype."""
    if (
        tokens.shape[1:] != (manifest.num_cells,)
        or tokens.dtype.kind not in "iu"
        or tokens.size
        and not 0 <= tokens.min() <= tokens.max() < manifest.vocabulary_size
    ):
        found = (tokens.min(), tokens.max()) if tokens.size else ()
        raise ValueError(
            f"`tokens` must be {manifest.num_cells} whole numbers from 0 to "
            f"{manifest.vocabulary_size - 1} in each row. Received: shape="
            f"{tokens.shape[1:]}, dtype={tokens.dtype}, from and to {found}."
        )
    return tokens.astype(manifest.token_dtype, copy=False)


def decode(records: Iterable[bytes], manifest: Manifest) -> dict[str, Any]:
    """Reads rows that were written by `encode`.

    Args:
        records: bytes of each row, R of them.
        manifest: what they are.

    Returns:
        dict of the manifest's columns: "tokens" `(R, cells)` in the smallest
        unsigned dtype; "label" int64 `(R,)`; "paired" bool `(R,)`; "text",
        "group" and "style" lists of str; "image" and "source" lists of bytes.

    Raises:
        ValueError: if they are not such rows.
    """
    from tensorflow_datasets.proto import tf_example_pb2

    columns = {name: [] for name in manifest.columns}
    for record in records:
        feature = tf_example_pb2.Example.FromString(record).features.feature
        for name, values in columns.items():
            kind = "int64_list" if name in NUMBERS else "bytes_list"
            values.append(getattr(feature[name], kind).value[0])
    tokens = b"".join(columns["tokens"])
    tokens = np.frombuffer(tokens, manifest.token_dtype)
    tokens = tokens.reshape(len(columns["tokens"]), manifest.num_cells)
    columns["tokens"] = _checked_tokens(tokens, manifest)
    for name in set(TEXTS) & set(columns):
        columns[name] = [text.decode("utf-8") for text in columns[name]]
    if "paired" in columns:
        columns["paired"] = np.array(columns["paired"], bool)
    if "label" in columns:
        columns["label"] = _checked_labels(columns["label"], manifest)
    return columns


def _checked_labels(labels, manifest):
    labels = np.array(labels, np.int64)
    count = len(manifest.class_names)
    if labels.size and (labels.min() < 0 or count and labels.max() >= count):
        raise ValueError(
            f"`label` must be from 0 to {count - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}."
        )
    return labels
