"""`manifest.json` of a folder of shards: what its rows are.

The file is JSON and may come from strangers: every value is checked, and
names of files are made here, of a name and numbers, never read from it.
"""

import dataclasses
import json
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import (
    MOST_CODES,
    checked_image_size,
    is_whole,
)
from keras_igpt.atomic_files import save_json
from keras_igpt.data.folder_index import MAX_CLASSES

FILE = "manifest.json"

FORMAT = "keras_igpt shards"

VERSION = 1

# Bytes of a manifest, at most.
MAX_BYTES = 2**26

MAX_SHARDS = 100_000

MAX_ROWS = 2**40

# Files that were not used, of which the reason is kept.
MAX_REJECTED = 10_000

COLUMNS = ("tokens", "label", "text", "group", "image", "source", "style")
COLUMNS += ("paired",)

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

SPLIT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


@dataclasses.dataclass(frozen=True)
class Split:
    """The shards of one split.

    Attributes:
        shard_rows: tuple of ints, how many rows each shard has.
    """

    shard_rows: tuple[int, ...]

    @property
    def num_rows(self) -> int:
        """Rows of all shards."""
        return sum(self.shard_rows)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a folder of shards holds.

    Attributes:
        name: str, the data set's name, with which its files begin.
        tokenizer_class: str, the tokenizer's name in Keras's registry.
        tokenizer_fingerprint: str, as `tokenizer_fingerprint` returns it.
        vocabulary_size: int. Tokens are below it.
        image_size: tuple of two ints, height and width in pixels.
        channels: int, 1 or 3.
        grid_size: tuple of two ints, rows and columns of cells.
        columns: tuple of str, names among `COLUMNS`; "tokens" is there.
        class_names: tuple of str, of the numbers in "label"; or ().
        rows_per_shard: int. Images that a shard was made of.
        splits: dict of str to `Split`.
        held_out: tuple of ints, in order. Rows of "train" that are set aside
            to choose a model by, where there is no split "validation":
            whole groups, the ones that training in memory would set aside.
        data: str, where the images came from.
        made_of: str, a hash of the data and all arguments; "" if not known.
        num_rejected: int. Images that could not be used.
        rejected: tuple of tuples `(file, reason)`: the first ones of them.
    """

    name: str
    tokenizer_class: str
    tokenizer_fingerprint: str
    vocabulary_size: int
    image_size: tuple[int, int]
    channels: int
    grid_size: tuple[int, int]
    columns: tuple[str, ...] = ("tokens",)
    class_names: tuple[str, ...] = ()
    rows_per_shard: int = 1024
    splits: Mapping[str, Split] = dataclasses.field(default_factory=dict)
    held_out: tuple[int, ...] = ()
    data: str = ""
    made_of: str = ""
    num_rejected: int = 0
    rejected: tuple[tuple[str, str], ...] = ()

    @property
    def num_cells(self) -> int:
        """Tokens of a row."""
        return math.prod(self.grid_size)

    @property
    def token_dtype(self) -> np.dtype:
        """The smallest unsigned dtype that holds all tokens."""
        return np.min_scalar_type(self.vocabulary_size - 1)

    def files(self, split: str) -> list[str]:
        """Names of a split's shards, in order."""
        count = len(self.splits[split].shard_rows)
        return [file_name(self.name, split, i, count) for i in range(count)]


def file_name(name: str, split: str, shard: int, count: int) -> str:
    """Name of a shard's file, as TFDS has it."""
    return f"{name}-{split}.array_record-{shard:05}-of-{count:05}"


def describe(tokenizer: Any, **others: Any) -> Manifest:
    """A manifest of what a tokenizer makes, without any rows yet.

    Args:
        tokenizer: as those of `keras_igpt`, adapted.
        others: fields of `Manifest`, as `columns` and `class_names`.
    """
    import keras

    from keras_igpt.data.shards.fingerprint import tokenizer_fingerprint

    fields = {
        "name": "tokens",
        "tokenizer_class": keras.saving.get_registered_name(type(tokenizer)),
        "tokenizer_fingerprint": tokenizer_fingerprint(tokenizer),
        "vocabulary_size": tokenizer.vocabulary_size,
        "image_size": tuple(tokenizer.image_size),
        "channels": tokenizer.channels,
        "grid_size": tuple(tokenizer.grid_size),
        **others,
    }
    return checked(Manifest(**fields))


def save(manifest: Manifest, folder: PathLike) -> None:
    """Writes `manifest.json`, whole or not at all."""
    save_json(pathlib.Path(folder) / FILE, as_json(manifest))


def as_json(manifest: Manifest) -> dict[str, Any]:
    """What `manifest.json` says."""
    fields = dataclasses.asdict(checked(manifest))
    return {"format": FORMAT, "version": VERSION, **fields}


def is_manifest(folder: PathLike) -> bool:
    """Whether a folder has shards that are complete."""
    return (pathlib.Path(folder) / FILE).is_file()


def read_manifest(folder: PathLike) -> Manifest:
    """Reads and checks a folder's `manifest.json`.

    Raises:
        ValueError: if there is none, or it says what cannot be.
    """
    path = pathlib.Path(folder) / FILE
    if not path.is_file():
        raise ValueError(
            f"`folder` must hold shards that are complete, with a {FILE}. "
            f"Received: folder={str(folder)!r} without one. Write it, or end "
            "writing it, with `keras-igpt tokenize`."
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 2**20} MiB")
        return from_json(json.loads(path.read_text("utf-8")))
    # A JSON file may also be nested too deeply, or lack what is needed.
    except (ValueError, TypeError, KeyError, RecursionError, OSError) as error:
        said = f"{type(error).__name__}: {error!s:.500}"
        raise ValueError(
            f"`{FILE}` must be one that `keras-igpt tokenize` has written. "
            f"Received: {str(path)!r}, of which: {said}. Write the shards anew."
        ) from error


def from_json(content: Any) -> Manifest:
    """The manifest that JSON says; checked.

    Raises:
        ValueError, TypeError, KeyError: if it is not one.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"Received: no format {FORMAT!r}")
    if content.get("version") != VERSION:
        raise ValueError(
            f"Received: version {content.get('version')!r:.20}; version "
            f"{VERSION} is known. A newer keras_igpt may read it"
        )
    names = {field.name for field in dataclasses.fields(Manifest)}
    fields = {key: value for key, value in content.items() if key in names}
    splits = fields["splits"].items()
    fields["splits"] = {k: Split(tuple(v["shard_rows"])) for k, v in splits}
    for name in ("columns", "class_names", "held_out", "rejected"):
        fields[name] = tuple(fields.get(name, ()))
    for name in ("image_size", "grid_size"):
        fields[name] = tuple(fields[name])
    fields["rejected"] = tuple(map(tuple, fields["rejected"]))
    return checked(Manifest(**fields))


def checked(manifest: Manifest) -> Manifest:
    """The manifest itself, if all that it says can be.

    Raises:
        ValueError: naming what cannot be.
    """
    m = manifest
    _check(
        isinstance(m.name, str) and NAME.fullmatch(m.name),
        *("name", "small letters, digits and _, a letter first", m.name),
    )
    for name in ("tokenizer_class", "tokenizer_fingerprint", "data", "made_of"):
        value = getattr(m, name)
        _check(isinstance(value, str), name, "a str", value)
    _check_whole("vocabulary_size", m.vocabulary_size, 1, MOST_CODES)
    checked_image_size(m.image_size, optional=False)
    _check(
        is_whole(m.channels) and m.channels in (1, 3),
        *("channels", "1 or 3", m.channels),
    )
    height, width = m.image_size
    for side, most in zip(m.grid_size, (height, width), strict=True):
        _check_whole("grid_size", side, 1, most)
    _check(
        "tokens" in m.columns
        and len(set(m.columns)) == len(m.columns)
        and set(m.columns) <= set(COLUMNS),
        *("columns", f"names of {list(COLUMNS)} with tokens", m.columns),
    )
    _check(
        all(isinstance(name, str) for name in m.class_names)
        and len(m.class_names) <= MAX_CLASSES,
        *("class_names", f"at most {MAX_CLASSES} str", m.class_names),
    )
    _check_whole("rows_per_shard", m.rows_per_shard, 1, 2**24)
    _check_splits(m)
    _check_whole("num_rejected", m.num_rejected, 0, MAX_ROWS)
    _check(
        len(m.rejected) <= MAX_REJECTED
        and all(
            len(pair) == 2 and all(isinstance(x, str) for x in pair)
            for pair in m.rejected
        ),
        *("rejected", "pairs of a file and a reason", m.rejected),
    )
    return manifest


def _check_splits(m):
    for name, split in m.splits.items():
        _check(
            isinstance(name, str) and SPLIT_NAME.fullmatch(name),
            *("splits", "named by letters, digits and _", name),
        )
        count = len(split.shard_rows)
        _check_whole(f"shards of {name}", count, 1, MAX_SHARDS)
        for rows in split.shard_rows:
            _check_whole("shard_rows", rows, 0, m.rows_per_shard)
    train = m.splits["train"].num_rows if "train" in m.splits else 0
    before = -1
    for row in m.held_out:
        _check_whole("held_out", row, before + 1, train - 1)
        before = row


def _check_whole(name, value, least, most):
    _check(
        is_whole(value) and least <= value <= most,
        *(name, f"an int from {least} to {most}", value),
    )


def _check(holds, name, rule, value):
    if not holds:
        raise ValueError(
            f"`{name}` must be {rule}. Received: {name}={value!r:.200}."
        )
