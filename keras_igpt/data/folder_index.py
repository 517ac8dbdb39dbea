"""Which images a folder has: finds, splits and names them, unopened.

Layouts: images alone, one subfolder per class, or `metadata.csv` /
`metadata.jsonl` next to them (Hugging Face "imagefolder"); each of these
either once, or once per split in `train/`, `test/` and `validation/`.
"""

import csv
import json
import os
import pathlib
import typing
import zlib
from collections.abc import Iterable

from keras_igpt.images.opening import suffixes

SPLIT_FOLDERS = ("train", "test", "validation")

METADATA = ("metadata.csv", "metadata.jsonl")

# The column that names the other images of pairs.
SOURCE = "source_file_name"

# Files or labels that an error names at most.
MAX_NAMED = 10

MAX_CLASSES = 65536


class Record(typing.NamedTuple):
    """An image file, not yet opened."""

    path: pathlib.Path
    name: str  # relative to the folder, with "/" on every system
    label: typing.Any = None  # str or int, before it becomes a class id
    text: typing.Any = None
    source: pathlib.Path | None = None  # the other image of a pair
    style: str | None = None


def find_splits(root: pathlib.Path) -> dict[str, list[Record]]:
    """Dictionary of the available splits, each a list of records."""
    names = [name for name in SPLIT_FOLDERS if (root / name).is_dir()]
    if not names:
        return _hash_splits(_mixed(_read_folder(root, root)))
    _check_only_splits(root, names)
    splits = {name: _mixed(_read_folder(root, root / name)) for name in names}
    splits["all"] = [record for name in names for record in splits[name]]
    return splits


def _check_only_splits(root, names):
    inside = [name for name in _image_names(root) if "/" in name]
    folders = {name.split("/")[0] for name in inside}
    if not folders <= set(names):
        raise ValueError(
            "`source` must have either splits or classes as its subfolders. "
            f"Received: source={str(root)!r} with images in "
            f"{sorted(folders)}. Keep only {list(SPLIT_FOLDERS)}, or rename "
            f"the class folders {names}."
        )


def _mixed(records):
    """A fixed order that does not show one class after the other."""
    return sorted(records, key=lambda r: (_hash(r.name), r.name))


def _hash(name):
    return zlib.crc32(name.encode("utf-8", "surrogateescape"))


def _hash_splits(records):
    return {
        "train": [r for r in records if _hash(r.name) % 10 != 0],
        "test": [r for r in records if _hash(r.name) % 10 == 0],
        "all": records,
    }


def pick_split(
    root: pathlib.Path, splits: dict[str, list[Record]], split: str
) -> list[Record]:
    """The records of a split, at least one."""
    if split not in splits:
        raise ValueError(
            f"`split` must be one of {list(splits)} for this folder. "
            f"Received: split={split!r}, source={str(root)!r}."
        )
    if not splits["all"]:
        raise ValueError(
            "`source` must be a folder with images. Received: "
            f"source={str(root)!r}, which has no file with the suffix of a "
            "image. Put .png or .jpg files there or in one subfolder per "
            "class."
        )
    if not splits[split]:
        raise ValueError(
            f"`split` must have at least one image. Received: "
            f"split={split!r} of source={str(root)!r}, which is empty; its "
            f"{len(splits['all'])} images are in the other splits. Use "
            'split="all".'
        )
    return splits[split]


def _read_folder(root, folder):
    for name in METADATA:
        if (folder / name).is_file():
            return _read_metadata(root, folder / name)
    names = _image_names(folder)
    prefix = folder.relative_to(root)
    return [
        Record(
            folder / name,
            (prefix / name).as_posix(),
            label=name.split("/")[0] if "/" in name else None,
        )
        for name in names
    ]


def _image_names(folder):
    """Relative names of all files with the suffix of an image."""
    known = suffixes()
    names, visited = [], set()
    for parent, subfolders, files in os.walk(folder, followlinks=True):
        subfolders[:] = [name for name in subfolders if _is_visible(name)]
        if os.path.realpath(parent) in visited:  # links may run in circles
            subfolders.clear()
            continue
        visited.add(os.path.realpath(parent))
        for name in filter(_is_visible, files):
            if os.path.splitext(name)[1].lower() in known:
                path = pathlib.Path(parent, name)
                names.append(path.relative_to(folder).as_posix())
    return sorted(names)


def _is_visible(name):
    return not name.startswith((".", "__MACOSX"))


def _read_metadata(root, path):
    read = _read_csv if path.suffix == ".csv" else _read_jsonl
    try:
        rows = read(path)
    except (ValueError, TypeError, RecursionError, csv.Error) as error:
        raise ValueError(
            f"`{path.name}` must be a readable UTF-8 table. Received: "
            f"{str(path)!r}, which fails with: {error}. Repair the file."
        ) from error
    columns = set().union(*rows) if rows else set()
    useful = {"text", "label", SOURCE}
    if "file_name" not in columns or not columns & useful:
        raise ValueError(
            f"`{path.name}` must have the column `file_name` and at least "
            f"one of `text`, `label` and `{SOURCE}`. Received: "
            f"columns={sorted(columns)} in {str(path)!r}. Rename its columns."
        )
    return _table_records(path, root, rows, columns)


def _read_csv(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise csv.Error(
                f"row {number} has more cells than the header (a text with "
                "a comma needs quotes)"
            )
    return rows


def _read_jsonl(path):
    with open(path, encoding="utf-8-sig") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("every line must be a JSON object")
    return rows


def _table_records(path, root, rows, columns):
    labels = [row.get("label") for row in rows]
    if all(isinstance(x, str) and x.isdecimal() for x in labels):
        labels = [int(x) for x in labels]
    records = []
    for number, (row, label) in enumerate(zip(rows, labels), start=1):
        name, text = row.get("file_name") or 0, row.get("text") or ""
        source = row.get(SOURCE) or (0 if SOURCE in columns else "")
        style = row.get("style") or (0 if "style" in columns else "")
        is_label = isinstance(label, (str, int)) and label != ""
        if (
            not all(isinstance(x, str) for x in (name, text, source, style))
            or "label" in columns
            and not is_label
        ):
            raise ValueError(
                f"`{path.name}` must give every image its file name, text "
                "as a string, label as a string or int, and source and style "
                f"if there are such columns. Received: {row} in row {number} "
                f"of {str(path)!r}. Complete that row."
            )
        file = path.parent / name
        _check_inside(root, path, number, file, path.parent / (source or ""))
        relative = pathlib.Path(os.path.relpath(file, root)).as_posix()
        text = text if "text" in columns else None
        source = path.parent / source if source else None
        record = Record(file, relative, label, text, source, style or None)
        records.append(record)
    return records


def _check_inside(root, path, number, *files):
    for file in files:
        try:
            is_inside = file.resolve().is_relative_to(root.resolve())
        except (OSError, ValueError, RuntimeError):  # no name of a file
            is_inside = False
        if not is_inside:
            raise ValueError(
                f"`{path.name}` must name files inside its folder, also where "
                f"links lead. Received: {str(file)!r} in row {number} of "
                f"{str(path)!r}. Copy the image into the folder."
            )


def name_classes(records: Iterable[Record]) -> list[str]:
    """Class names in the order of their ids; whole numbers stay ids."""
    labels = {r.label for r in records} - {None}
    if not labels:
        return []
    if all(isinstance(label, str) for label in labels):
        return sorted(labels)
    if all(type(x) is int and 0 <= x < MAX_CLASSES for x in labels):
        return [str(label) for label in range(max(labels) + 1)]
    raise ValueError(
        f"`label` must be all strings, or all ints in [0, {MAX_CLASSES}). "
        f"Received: labels={sorted(map(str, labels))[:MAX_NAMED]}."
    )
