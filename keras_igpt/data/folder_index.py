"""Which images a folder has: finds, splits and names them, unopened.

Layouts: images alone, one subfolder per class, or tables of metadata beside
them, above or inside subfolders; each of these either once, or once per split
in `train/`, `test/` and `validation/`.
"""

import collections
import pathlib
import typing
import zlib
from collections.abc import Iterable

from keras_igpt.data.grouping import group_keys
from keras_igpt.data.metadata import (
    COLUMNS,
    METADATA,
    numbered_labels,
    read_table,
    relative_name,
)
from keras_igpt.data.walking import walk
from keras_igpt.images.opening import suffixes

SPLIT_FOLDERS = ("train", "test", "validation")

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
    group: str | None = None


class FolderIndex(typing.NamedTuple):
    """What a folder has, and what of it is of no use."""

    splits: dict[str, list[Record]]  # with the split "all"
    unused: list[tuple[pathlib.Path, str]]  # each with the reason
    notes: list[str]  # what else was left out


def index_folder(root: pathlib.Path) -> FolderIndex:
    """Finds the images of a folder and what is known of them.

    Args:
        root: pathlib.Path of an existing folder.

    Raises:
        ValueError: if a table of metadata is of no use, or subfolders are
            partly splits and partly not.
    """
    names = [name for name in SPLIT_FOLDERS if (root / name).is_dir()]
    files = walk(root)
    unused = [(root / name, reason) for name, reason in files.unused]
    tables = _tables(root, files.tables, unused)
    notes = _unused_columns(tables)
    rows = _rows(root, tables, notes)
    records = _records(root, names, files.images, tables, rows, unused, notes)
    if names:
        records = _inside_splits(root, names, records, unused)
    keys, note = group_keys(records)
    notes += [note] if note else []
    if keys:
        records = [r._replace(group=k) for r, k in zip(records, keys)]
    records = _mixed(records)
    if not names:
        return FolderIndex(_hash_splits(records), unused, notes)
    splits = {name: [] for name in names}
    for record in records:
        splits[record.name.split("/")[0]].append(record)
    splits["all"] = [record for name in names for record in splits[name]]
    notes += _shared_groups(splits)
    return FolderIndex(splits, unused, notes)


def index_files(paths: Iterable[str]) -> FolderIndex:
    """As `index_folder`, of images that are named one by one.

    Args:
        paths: str each, of any place. Those that come twice are read once.
    """
    records = [Record(path, path) for path in dict.fromkeys(paths)]
    keys, _ = group_keys(records)
    if keys:
        records = [r._replace(group=k) for r, k in zip(records, keys)]
    return FolderIndex(_hash_splits(_mixed(records)), [], [])


def _tables(root, names, unused):
    """Tables by the folder that each is in, the upper ones first."""
    found = {}
    for name in sorted(names, key=lambda name: METADATA.index(_last(name))):
        folder = (root / name).parent
        if folder in found:
            other = found[folder].name
            unused.append((root / name, f"not read, for {other} is"))
        else:
            found[folder] = root / name
    folders = sorted(found, key=lambda folder: (len(folder.parts), folder))
    tables = [read_table(root, found[folder]) for folder in folders]
    return dict(zip(folders, numbered_labels(tables)))


def _unused_columns(tables):
    notes = []
    for table in tables.values():
        others = [name for name in table.columns if name not in COLUMNS]
        if others:
            notes.append(
                f"{table.path.name} has the columns {', '.join(others):.300} "
                f"(used are {', '.join(COLUMNS)})"
            )
    return notes


def _rows(root, tables, notes):
    """Rows by the name of their image: those of the nearest table."""
    rows = {}
    for table in tables.values():
        nearer = collections.defaultdict(list)
        for row in table.rows:
            nearer[relative_name(row.path, root)].append(row)
        twice = len(rows.keys() & nearer.keys())
        if twice:
            notes.append(
                f"of {twice} images only the rows in "
                f"{relative_name(table.path, root)} are used, not those of "
                "tables above"
            )
        rows.update(nearer)
    return rows


def _records(root, splits, images, tables, rows, unused, notes):
    """A record per row, and per image that no table is over."""
    sources = {
        relative_name(row.source, root)
        for some in rows.values()
        for row in some
        if row.source is not None
    }
    records, unnamed = [], set()
    for name in dict.fromkeys([*rows, *images]):
        table = _table_over(root / name, root, tables)
        base, label = _place(root, name, splits)
        if table is not None and table.path.parent == base:
            if label and "label" not in table.columns:
                unnamed.add(label)
            label = None
        if name in rows:
            records += [
                Record(
                    row.path,
                    name,
                    label if row.label is None else row.label,
                    *row[2:],
                )
                for row in rows[name]
            ]
        elif table is None:
            records.append(Record(root / name, name, label))
        elif name not in sources:
            unused.append((root / name, f"no row in {table.path.name}"))
    if len(unnamed) > 1:
        notes.append(
            f"the {len(unnamed)} subfolders are no classes, for there is a "
            "table beside them, which has no column label"
        )
    return records


def _table_over(path, root, tables):
    """The nearest table in the folders above a file; None without."""
    for folder in path.parents if tables else ():
        if folder in tables:
            return tables[folder]
        if folder == root:
            break
    return None


def _place(root, name, splits):
    """The folder whose subfolders are classes, and such a subfolder."""
    first, *inner = name.split("/")
    if first in splits and inner:
        return root / first, inner[0] if len(inner) > 1 else None
    return root, first if inner else None


def _inside_splits(root, names, records, unused):
    """Those that are in splits; images beside these are of no use."""
    inside, readable = [], suffixes()
    for record in records:
        first, *inner = record.name.split("/")
        is_readable = record.path.suffix.lower() in readable
        if inner and first not in names and is_readable:
            raise ValueError(
                "`source` must have either splits or classes as its "
                f"subfolders. Received: source={str(root)!r} with images in "
                f"{first!r}. Keep only {list(SPLIT_FOLDERS)}, or rename the "
                f"class folders {names}."
            )
        if inner and first in names:
            inside.append(record)
        else:
            reason = f"not in a split's folder: {', '.join(names)}"
            unused.append((record.path, reason))
    return inside


def _mixed(records):
    """A fixed order that does not show one class after the other."""
    return sorted(records, key=lambda r: (_hash(r.name), r.name))


def _hash(name):
    return zlib.crc32(name.encode("utf-8", "surrogateescape"))


def _hash_splits(records):
    def is_test(record):
        return _hash(record.group or record.name) % 10 == 0

    return {
        "train": [r for r in records if not is_test(r)],
        "test": [r for r in records if is_test(r)],
        "all": records,
    }


def _shared_groups(splits):
    found = collections.defaultdict(set)
    for name, records in splits.items():
        for record in records if name != "all" else ():
            found[record.group].add(name)
    shared = [key for key, names in found.items() if key and len(names) > 1]
    if not shared:
        return []
    return [
        f"images that belong together, or are the same, are in more than one "
        f"split: {len(shared)} groups, such as {shared[0]!r}"
    ]


def _last(name):
    return name.split("/")[-1]


def pick_split(
    root: pathlib.Path, index: FolderIndex, split: str
) -> list[Record]:
    """The records of a split, at least one."""
    splits = index.splits
    if split not in splits:
        raise ValueError(
            f"`split` must be one of {list(splits)} for this folder. "
            f"Received: split={split!r}, source={str(root)!r}."
        )
    if not splits["all"]:
        raise ValueError(
            "`source` must be a folder with images. Received: "
            f"source={str(root)!r}, which has no file with the suffix of an "
            f"image{_left_out(index)}. Put .png or .jpg files there or in one "
            "subfolder per class."
        )
    if not splits[split]:
        raise ValueError(
            f"`split` must have at least one image. Received: "
            f"split={split!r} of source={str(root)!r}, which is empty; its "
            f"{len(splits['all'])} images are in the other splits (images "
            f"that belong together always are in one){_left_out(index)}. Use "
            'split="all".'
        )
    return splits[split]


def _left_out(index):
    if not index.unused:
        return ""
    named = "; ".join(f"{path!s:.300}: {why}" for path, why in index.unused[:3])
    return f", but {len(index.unused)} files that are left out, as {named}"


def name_classes(records: Iterable[Record]) -> list[str]:
    """Class names in the order of their ids; whole numbers stay ids."""
    labels = {r.label for r in records} - {None}
    if not labels:
        return []
    for label in labels:
        _check_name(label)
    if all(isinstance(label, str) for label in labels):
        return sorted(labels)
    if all(type(x) is int and 0 <= x < MAX_CLASSES for x in labels):
        return [str(label) for label in range(max(labels) + 1)]
    raise ValueError(
        "`label` must be all strings, as names of class folders are, or all "
        f"ints in [0, {MAX_CLASSES}). Received, from metadata and folders: "
        f"labels={str(sorted(map(str, labels))[:MAX_NAMED]):.500}. "
        "Number the classes from 0, or give all of them names."
    )


def _check_name(label):
    """A name must be one that can be saved and printed."""
    try:
        str(label).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            "Names of class folders must be UTF-8. "
            f"Received: {ascii(label)}. Rename the folder."
        ) from error
