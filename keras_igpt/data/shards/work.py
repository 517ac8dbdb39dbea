"""What is to be done: a plan in a folder beside the shards.

.tokenize/plan.json              what every worker must know
.tokenize/tokenizer.npz          the tokenizer's weights
.tokenize/files-train-00003.json the images of one shard, if they are files
.tokenize/done-train-00003.json  what became of them

A shard is a fixed range of images. What became of it is written before the
shard itself is renamed, so a shard that is there is done. When all are, the
manifest is written, and this folder goes.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.data.shards import manifest as manifests
from keras_igpt.data.shards import places
from keras_igpt.data.shards.image_source import (
    ImageSource,
    read_files,
    read_named,
)
from keras_igpt.data.shards.manifest import Manifest

FOLDER = ".tokenize"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all shards are made of.

    Attributes:
        manifest: `Manifest` without shards.
        rows: dict of splits to how many images there are.
        is_files: bool. Whether the images are files, or of a data set with a
            name.
    """

    manifest: Manifest
    rows: Mapping[str, int]
    is_files: bool

    @property
    def shards(self) -> list[tuple[str, int]]:
        """Split and number of every shard."""
        return [shard for split in self.rows for shard in self.shards_of(split)]

    def shards_of(self, split: str) -> list[tuple[str, int]]:
        """As `shards`, of one split."""
        return [(split, shard) for shard in range(self.count(split))]

    def count(self, split: str) -> int:
        """How many shards a split has."""
        return -(-self.rows[split] // self.manifest.rows_per_shard)

    def range(self, split: str, shard: int) -> tuple[int, int]:
        """Numbers of the images of a shard: the first, and one past the end."""
        size = self.manifest.rows_per_shard
        return shard * size, min((shard + 1) * size, self.rows[split])

    def file(self, split: str, shard: int) -> str:
        """Name of a shard's file."""
        name, count = self.manifest.name, self.count(split)
        return manifests.file_name(name, split, shard, count)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return (*self.manifest.image_size, self.manifest.channels)


def new_plan(manifest: Manifest, source: ImageSource) -> Plan:
    """A plan for images; its manifest has a hash of all that it says."""
    said = {
        **manifests.as_json(manifest),
        "rows": source.rows,
        "files": _digest(source.files),
    }
    text = json.dumps(said, sort_keys=True)
    made_of = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    manifest = dataclasses.replace(manifest, made_of=made_of)
    return Plan(manifest, dict(source.rows), source.files is not None)


def _digest(files):
    """Hash of the names and all that is known of files."""
    digest = hashlib.sha256()
    for split, rows in (files or {}).items():
        digest.update(json.dumps(split).encode())
        for row in rows:
            digest.update(json.dumps(row, sort_keys=True).encode())
    return digest.hexdigest()


def begin(out: PathLike, plan: Plan, source: ImageSource, weights: Any) -> None:
    """Writes what workers need; what was written before stays.

    Args:
        out: folder of the shards.
        plan: what to do.
        source: the images.
        weights: list of arrays, the tokenizer's.

    Raises:
        ValueError: if other shards were begun in the folder.
    """
    path = place(out, "plan.json")
    if places.is_file(path):
        found = places.read_json(path)["manifest"]
        check_same(manifests.from_json(found), plan.manifest, out)
        return
    with places.new_file(place(out, "tokenizer.npz")) as temporary:
        with open(temporary, "wb") as file:
            np.savez(file, **{str(i): w for i, w in enumerate(weights)})

    def write_files(shard):
        first, last = plan.range(*shard)
        rows = source.files[shard[0]][first:last]
        places.write_json(place(out, _name("files", *shard)), rows)

    places.each(write_files, plan.shards if plan.is_files else ())
    content = {
        "manifest": manifests.as_json(plan.manifest),
        "rows": list(plan.rows.items()),
        "is_files": plan.is_files,
    }
    places.write_json(path, content)


def check_same(found: Manifest, wanted: Manifest, out: PathLike) -> None:
    """Refuses shards that were made of something else.

    Raises:
        ValueError: naming what differs.
    """
    if found.made_of == wanted.made_of:
        return
    differ = [
        field.name
        for field in dataclasses.fields(Manifest)
        if field.name not in ("made_of", "splits", "held_out")
        and not field.name.endswith("rejected")
        and getattr(found, field.name) != getattr(wanted, field.name)
    ]
    raise ValueError(
        "`out` must be a new folder, or one whose shards are made of the same "
        "data and tokenizer. Received: "
        f"{str(out)!r}; different: {', '.join(differ) or 'the images'}. Give "
        "another folder, or remove this one."
    )


def read_plan(out: PathLike) -> Plan:
    """The plan that `begin` has written."""
    content = places.read_json(place(out, "plan.json"))
    manifest = manifests.from_json(content["manifest"])
    return Plan(manifest, dict(content["rows"]), content["is_files"])


def read_weights(out: PathLike) -> list[np.ndarray]:
    """The tokenizer's weights, as `begin` has written them."""
    with places.local_copy(place(out, "tokenizer.npz")) as copy:
        with np.load(copy, allow_pickle=False) as arrays:
            return [arrays[str(i)] for i in range(len(arrays.files))]


def read_images(
    out: PathLike, plan: Plan, split: str, shard: int
) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Images of one shard, as `read_files` and `read_named` yield them."""
    if plan.is_files:
        rows = places.read_json(place(out, _name("files", split, shard)))
        return read_files(rows, plan.image_shape)
    first, last = plan.range(split, shard)
    data = plan.manifest.data
    return read_named(data, split, first, last, plan.image_shape)


def write_done(
    out: PathLike, split: str, shard: int, content: dict[str, Any]
) -> None:
    """Notes what became of a shard's images."""
    places.write_json(place(out, _name("done", split, shard)), content)


def read_done(out: PathLike, split: str, shard: int) -> dict[str, Any]:
    """What became of a shard's images."""
    return places.read_json(place(out, _name("done", split, shard)))


def place(out: PathLike, name: str) -> str:
    """Path of a file of the plan."""
    return places.join(out, FOLDER, name)


def _name(kind, split, shard):
    return f"{kind}-{split}-{shard:05}.json"
