"""Writes shards: ArrayRecord files, what TFDS asks for, and the manifest.

The manifest is written last: a folder with one is complete.
"""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from keras_igpt.annotations import PathLike
from keras_igpt.atomic_files import clear_temporaries, replacing
from keras_igpt.data.shards import manifest as manifests
from keras_igpt.data.shards import rows as row_files
from keras_igpt.data.shards.manifest import Manifest, Split

# One row at a time is read: TFDS and grain ask for this.
OPTIONS = "group_size:1"

# What TFDS wants beside the shards; a file of class names is not always there.
METADATA = ("features.json", "dataset_info.json", "label.labels.txt")


def write_shards(
    folder: PathLike,
    split: str,
    rows: Iterable[Mapping[str, Any]],
    manifest: Manifest,
) -> Manifest:
    """Writes a split from this process, for data that one process can read.

    Args:
        folder: where to; made if it is missing. If it has other splits, they
            stay, and must be of the same tokenizer and columns.
        split: str, as "train".
        rows: iterable of dicts, as `rows.encode` takes them.
        manifest: what rows are, as `manifest.describe` says.

    Returns:
        The manifest that was written, with all splits of the folder.

    Raises:
        ValueError: if there are no rows, or the folder has others.
    """
    folder = pathlib.Path(folder)
    manifest = _joined(folder, split, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    clear_temporaries(folder)
    parts, rows = [], iter(rows)
    try:
        while chunk := list(itertools.islice(rows, manifest.rows_per_shard)):
            path = (
                folder / f".{manifest.name}-{split}-{len(parts)}.{os.getpid()}"
            )
            parts.append((path, len(chunk)))
            write_file(path, chunk, manifest)
        if not parts:
            raise ValueError("`rows` must be at least one. Received: none.")
        made = Split(tuple(count for _, count in parts))
        splits = {**manifest.splits, split: made}
        manifest = dataclasses.replace(manifest, splits=splits)
        for (path, _), name in zip(parts, manifest.files(split)):
            os.replace(path, folder / name)
    finally:
        for path, _ in parts:
            path.unlink(missing_ok=True)
    write_metadata(folder, manifest)
    return manifest


def _joined(folder, split, manifest):
    """The manifest with the splits that the folder has."""
    alone = {"splits": {split: Split((1,))}, "held_out": ()}
    manifests.checked(dataclasses.replace(manifest, **alone))
    if not manifests.is_manifest(folder):
        return dataclasses.replace(manifest, splits={})
    found = manifests.read_manifest(folder)
    kept = {
        "splits": found.splits,
        "held_out": manifest.held_out if split == "train" else found.held_out,
    }
    mine = dataclasses.replace(manifest, **kept)
    differ = [
        field.name
        for field in dataclasses.fields(Manifest)
        if field.name != "held_out"
        and getattr(mine, field.name) != getattr(found, field.name)
    ]
    if differ or split in found.splits:
        raise ValueError(
            f"`folder` must be new, or have other splits than {split!r} of "
            f"the same tokenizer and columns. Received: folder={str(folder)!r} "
            f"with {list(found.splits)}; different are {differ}. Give another."
        )
    return mine


def write_file(
    path: PathLike, rows: Iterable[Mapping[str, Any]], manifest: Manifest
) -> int:
    """Writes one ArrayRecord file; returns its number of rows.

    The same rows make the same bytes.
    """
    count = 0
    with _writing(path) as writer:
        for row in rows:
            writer.write(row_files.encode(row, manifest))
            count += 1
    return count


@contextlib.contextmanager
def _writing(path: PathLike) -> Iterator[Any]:
    from array_record.python import array_record_module

    writer = array_record_module.ArrayRecordWriter(str(path), OPTIONS)
    try:
        yield writer
    finally:
        writer.close()


def write_metadata(folder: PathLike, manifest: Manifest) -> None:
    """Writes what TFDS asks for, and then the manifest.

    Args:
        folder: has the shards.
        manifest: of all of its splits.
    """
    folder = pathlib.Path(folder)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    with tempfile.TemporaryDirectory() as made:
        write_tfds_files(made, sizes, manifest)
        for name in METADATA:
            source = pathlib.Path(made, name)
            if source.exists():
                with replacing(folder / name) as temporary:
                    temporary.write_bytes(source.read_bytes())
    manifests.save(manifest, folder)


def write_tfds_files(
    made: PathLike, sizes: Mapping[str, int], manifest: Manifest
) -> None:
    """Writes TFDS's description of shards into a folder of its own.

    Args:
        made: an empty folder.
        sizes: dict of names of shards to their bytes.
        manifest: of all of its splits.
    """
    import tensorflow_datasets as tfds

    made = pathlib.Path(made)
    template = tfds.core.ShardedFileTemplate(
        data_dir=made,
        dataset_name=manifest.name,
        filetype_suffix="array_record",
    )
    infos = []
    for name, split in manifest.splits.items():
        files = manifest.files(name)
        # TFDS learns the data set's name from names of files.
        (made / files[0]).touch()
        infos.append(
            tfds.core.SplitInfo(
                name=name,
                shard_lengths=list(split.shard_rows),
                num_bytes=sum(sizes[file] for file in files),
                filename_template=template.replace(split=name),
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=made,
        features=row_files.features(manifest),
        split_infos=infos,
        version="1.0.0",
        check_data=False,
        description="Images as tokens, made by keras_igpt.",
    )
