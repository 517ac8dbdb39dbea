"""Images by their numbers, so that many workers can each read a part.

`open_images` finds what there is, once; `read_files` and `read_named` read a
range of it, in any process of any machine.
"""

import dataclasses
import functools
import os
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.data import folder as folders
from keras_igpt.data.folder_index import (
    FolderIndex,
    index_files,
    index_folder,
)
from keras_igpt.data.loading import load
from keras_igpt.data.shards import places
from keras_igpt.data.sources import BUILT_IN, is_named
from keras_igpt.images.arrays import resize, set_channels
from keras_igpt.images.files import decode, reason

# Of a data set with a name, where none are asked for: those that it has.
USUAL_SPLITS = ("train", "validation", "test")


@dataclasses.dataclass
class ImageSource:
    """What there is to read.

    Attributes:
        name: str, what was asked for.
        rows: dict of splits to how many images there are.
        class_names: list of str.
        columns: set of names beside "image": "label", "text", "source",
            "style", "paired", "group".
        files: dict of splits to a list of dictionaries, one for each image,
            as `read_files` takes them; None for a data set with a name.
        unusable: list of `(file, reason)` of what will not be read.
        notes: list of str that a user should know.
    """

    name: str
    rows: dict[str, int]
    class_names: list[str]
    columns: set[str]
    files: dict[str, list[dict[str, Any]]] | None = None
    unusable: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def open_images(
    data: PathLike | Sequence[PathLike],
    image_shape: tuple[int, int, int],
    splits: Sequence[str] | None = None,
) -> ImageSource:
    """Finds images, without reading them.

    Args:
        data: name of a data set, as `keras_igpt.data.load` takes it; the path
            of a folder; of a text file that ends in .txt with a path on each
            line; or a list of paths of images.
        image_shape: tuple of three ints, height, width and channels.
        splits: names of splits; None for all that there are.

    Raises:
        ValueError: if there are no such images or splits.
    """
    if isinstance(data, (str, os.PathLike)):
        data = os.fspath(data)
        if is_named(data):
            return _open_named(data, image_shape, splits)
        if not data.endswith(".txt"):
            return _open_folder(data, splits)
        paths = _read_list(data)
    elif isinstance(data, Sequence):
        paths, data = [os.fspath(path) for path in data], "a list of files"
    else:
        raise ValueError(
            "`data` must be a folder, the name of a data set, or a list of "
            f"files. Received: data of type {type(data).__name__}. Arrays can "
            "be written with `keras_igpt.data.shards.writer.write_shards`."
        )
    if not paths:
        raise ValueError(
            f"`data` must name at least one image. Received: {data}, which "
            "names none."
        )
    return _of_files(data, pathlib.Path("."), index_files(paths), splits)


def _read_list(path):
    with places.local_copy(path) as copy:
        lines = pathlib.Path(copy).read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _open_folder(path, splits):
    if not places.is_remote(path):
        root = pathlib.Path(path).expanduser()
        if not root.is_dir():
            raise ValueError(
                "`data` must be an existing folder, a .txt file with paths, or "
                f"the name of a data set. Received: data={path!r}."
            )
        root = root.resolve()
        return _of_files(path, root, index_folder(root), splits)
    # Names alone, and tables, tell nearly all: of another machine's folder
    # there are empty files here while they are looked through.
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        for name in places.list_files(path):
            _make_like(root / name, places.join(path, name))
        found = _of_files(path, root, index_folder(root), splits)
    for row in [row for rows in found.files.values() for row in rows]:
        for key in {"path", "source"} & set(row):
            name = pathlib.Path(row[key]).relative_to(root).as_posix()
            row[key] = places.join(path, name)
    return found


def _make_like(local, path):
    if ".." in local.parts:
        return
    local.parent.mkdir(parents=True, exist_ok=True)
    if local.stem.lower() == "metadata":
        with places.local_copy(path) as copy:
            local.write_bytes(pathlib.Path(copy).read_bytes())
    else:
        local.touch()


def _of_files(name, root, index: FolderIndex, splits):
    whole = folders.split_files(root, index, "all")
    bad = {path for path, _ in whole.skipped}
    numbers = {n: i for i, n in enumerate(whole.class_names)}
    columns = whole.has | ({"paired"} if whole.has_plain else set())
    files = {
        split: [
            _row(record, numbers, columns)
            for record in records
            if str(record.path) not in bad
        ]
        for split, records in index.splits.items()
        if split != "all"
    }
    files = {split: rows for split, rows in files.items() if rows}
    files = _chosen(name, files, splits)
    return ImageSource(
        name=name,
        rows={split: len(rows) for split, rows in files.items()},
        class_names=whole.class_names,
        columns=columns,
        files=files,
        unusable=[
            (_printable(os.path.relpath(path, root)), why)
            for path, why in whole.skipped
        ],
        notes=whole.notes,
    )


def _row(record, numbers, columns):
    """What of a record is needed to read it, as JSON can hold it."""
    row = {"name": _printable(record.name), "path": str(record.path)}
    if "label" in columns:
        row["label"] = numbers[str(record.label)]
    for key in columns & {"text", "group", "style"}:
        row[key] = getattr(record, key) or ""
    if record.source is not None:
        row["source"] = str(record.source)
    return row


def _printable(name):
    """A name of a file, which may be no UTF-8, as one that is."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _chosen(name, found, splits):
    missing = [split for split in splits or () if split not in found]
    if missing or not found:
        raise ValueError(
            f"`splits` must be among {list(found)} for this data. Received: "
            f"splits={splits}, data={str(name)!r}."
        )
    return {split: found[split] for split in splits or found}


def _open_named(name, image_shape, splits):
    rows, class_names, columns = {}, [], None
    errors = {}
    for split in splits or USUAL_SPLITS:
        try:
            parts = [_load(p, split, image_shape) for p in _parts(name)]
        except ValueError as error:
            if splits or "`split`" not in str(error):
                raise
            errors[split] = error
            continue
        counts = [int(part.cardinality()) for part in parts]
        if min(counts) < 0:
            raise ValueError(
                "`data` must be a data set that knows how many images it has. "
                f"Received: data={name!r}."
            )
        rows[split] = sum(counts)
        class_names = parts[0].class_names
        columns = set(parts[0].element_spec) - {"image"}
    if not rows:
        raise next(iter(errors.values()))
    return ImageSource(name, rows, class_names, columns)


def _parts(name):
    """Data sets that "football/layout+twin" consists of."""
    first, slash, pairs = name.partition("/")
    if name not in BUILT_IN or "+" not in pairs:
        return [name]
    return [f"{first}{slash}{pair}" for pair in pairs.split("+")]


def _load(name, split, image_shape):
    height, width, channels = image_shape
    return load(name, split, (height, width), channels)


def read_named(
    name: str,
    split: str,
    start: int,
    stop: int,
    image_shape: tuple[int, int, int],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Reads a range of a data set with a name.

    Args:
        name, split, image_shape: as `open_images` takes them.
        start, stop: ints from 0 to its number of images.

    Yields:
        Tuples of a name for the image and a dictionary with "image", uint8 of
        `image_shape`, and what else the data set has.
    """
    number = start
    for part in _parts(name):
        count = int(_load(part, split, image_shape).cardinality())
        first, last = max(0, min(start, count)), max(0, min(stop, count))
        start, stop = start - count, stop - count
        if first == last:
            continue
        dataset = _range(part, split, first, last, image_shape)
        for example in dataset.as_numpy_iterator():
            yield f"{split} {number}", _as_row(example, first)
            number += 1


def _range(name, split, first, last, image_shape):
    if name == "digits":  # in memory
        whole = _load(name, split, image_shape)
        return whole.skip(first).take(last - first)
    return _load(name, f"{split}[{first}:{last}]", image_shape)


def _as_row(example, first):
    row = dict(example)
    for key in {"text", "style", "group"} & set(row):
        if isinstance(row[key], bytes):
            row[key] = row[key].decode("utf-8", "replace")
        else:  # numbers that are counted from the range's beginning
            row[key] = str(int(row[key]) + first)
    return row


def read_files(
    rows: Sequence[Mapping[str, Any]], image_shape: tuple[int, int, int]
) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Reads image files, as `keras_igpt.data.load` reads those of a folder.

    Args:
        rows: dictionaries with "path" and "name", as `open_images` makes them.
        image_shape: tuple of three ints, height, width and channels.

    Yields:
        Tuples of the file's name and a dictionary with "image", and "source"
        for pairs, uint8 of `image_shape`, and what else the row has; or, in
        its place, a str: why the file is of no use.
    """
    height, width, channels = image_shape
    fit = _resizer((height, width))

    def read(row):
        images = {}
        for key, path in (("image", "path"), ("source", "source")):
            if path in row:
                images[key] = _read_file(row[path], (height, width), fit)
                if isinstance(images[key], str):
                    return images[key]
        return images

    keys = {"label", "text", "group", "style"}
    for row, images in folders.map_ahead(
        read, rows, lambda: folders.LOOK_AHEAD
    ):
        if isinstance(images, str):
            yield row["name"], images
            continue
        known = {key: row[key] for key in keys & set(row)}
        if channels == 1:
            images = {k: set_channels(v, 1) for k, v in images.items()}
        paired = "source" in images
        images.setdefault("source", np.zeros_like(images["image"]))
        yield row["name"], {**images, **known, "paired": paired}


@functools.lru_cache
def _resizer(image_size):
    """`resize` to a size as a graph, which is quicker for one image each."""
    import tensorflow as tf

    return tf.function(
        lambda image: resize(image, image_size),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )


def _read_file(path, image_size, fit):
    """uint8 array `(height, width, 3)`, or a str: why it is no use."""
    try:
        with places.local_copy(path) as copy:
            return fit(decode(copy, image_size)).numpy()
    # Pillow's readers, and other machines, raise nearly anything.
    except Exception as error:
        return reason(path, error)
