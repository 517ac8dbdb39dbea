"""Which images of a folder belong together.

Rows of one group do; without groups those of one file, or of one other image
of a pair, and files with the same content. Where some images are held out,
groups stay whole.
"""

import collections
import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import Any

# Bytes of a file, at its beginning, middle and end, that are compared; its
# size is as well.
SAMPLE = 4096


# Share of all images above which a group would leave too little beside it.
MOST = 0.9


def group_keys(records: Sequence[Any]) -> tuple[list[str] | None, str]:
    """A name for each record's group.

    Args:
        records: list of `folder_index.Record`.

    Returns:
        Tuple of a list of str, what the metadata calls the group, or the
        first name of its files; None if every image is a group of its own.
        And what a user should know of it, or "".
    """
    contents = _contents([record.path for record in records])
    keys, note = _joined(records, contents), ""
    largest = collections.Counter(keys).most_common(1)
    if any(record.source is not None for record in records) and (
        1 < largest[0][1] > MOST * len(records)
    ):
        # As where one empty canvas is the other image of all pairs.
        alone = [record._replace(source=None) for record in records]
        keys = _joined(alone, contents)
        note = (
            f"{largest[0][1]} of {len(records)} images are joined by pairs "
            "that share an image, too many to be kept together"
        )
    is_known = any(record.group is not None for record in records)
    if len(set(keys)) == len(records) and not is_known:
        return None, note
    return keys, note


def _joined(records, contents):
    """Keys of groups, a str for each record."""
    leaders = {}  # a forest: of each thing, one nearer to its group's leader

    def leader(thing):
        while leaders.setdefault(thing, thing) != thing:
            leaders[thing] = leaders[leaders[thing]]
            thing = leaders[thing]
        return thing

    firsts = [_things(record, contents) for record in records]
    for first, *others in firsts:
        for other in others:
            leaders[leader(other)] = leader(first)
    found = [leader(first) for first, *_ in firsts]
    names = {}
    for record, group in zip(records, found):
        name = record.name if record.group is None else record.group
        names[group] = min(name, names.get(group, name))
    # Names of files may be no UTF-8, which keys must be.
    return [
        os.fsencode(names[group]).decode("utf-8", "backslashreplace")
        for group in found
    ]


def _things(record, contents):
    """What a record shares with others of its group."""
    if record.group is not None:
        return [("group", record.group)]
    things = [("file", os.path.normpath(record.path))]
    if record.source is not None:
        things.append(("file", os.path.normpath(record.source)))
    if record.path in contents:
        things.append(contents[record.path])
    return things


def _contents(paths):
    """Size and digest of the files that are of one size with others."""
    by_size = {}
    for path in dict.fromkeys(paths):
        try:
            by_size.setdefault(os.stat(path).st_size, []).append(path)
        except (OSError, ValueError):  # reported when it is to be read
            continue
    return {
        path: ("content", size, _digest(path, size))
        for size, same in by_size.items()
        if len(same) > 1 and size > 0
        for path in same
    }


def _digest(path: pathlib.Path, size: int) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            for start in (0, size // 2, max(0, size - SAMPLE)):
                file.seek(start)
                digest.update(file.read(SAMPLE))
    except OSError:
        digest.update(str(path).encode("utf-8", "surrogateescape"))
    return digest.digest()
