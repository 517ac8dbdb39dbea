"""The files of a folder and its subfolders: which may be images."""

import mimetypes
import os
import pathlib
import typing

from keras_igpt.data.metadata import METADATA
from keras_igpt.images.opening import open_image, suffixes

# Of images that mimetypes does not know on every system. They are read
# where something reads them, and else reported.
IMAGES = (
    ".heic .heif .hif .avif .jxl .jp2 .webp .psd .psb .xcf .eps .svg .svgz "
    ".dng .cr2 .cr3 .nef .nrw .arw .orf .rw2 .raf .pef .srw .exr .dds .qoi"
).split()


class Files(typing.NamedTuple):
    """What lies in a folder; names are relative, with "/" on every system."""

    images: list[str]
    tables: list[str]
    unused: list[tuple[str, str]]  # names, each with the reason


def walk(root: pathlib.Path) -> Files:
    """Looks for images and tables, hidden ones left out.

    Links are followed, after all that lies in the folder itself; what has
    been read by then is not read twice.

    Args:
        root: pathlib.Path of an existing folder.

    Returns:
        Sorted names of what may be images, of tables, and of what else
        seemed to be meant: unreadable folders, second links to one folder.
    """
    files = Files([], [], [])
    visited, waiting = set(), [(root, ())]
    while waiting:
        folder, above = waiting.pop(0)
        if folder.resolve() in above:  # a circle: nothing is lost
            continue
        links = _walk_real(root, folder, files, visited)
        waiting += [(link, (*above, *parents)) for link, parents in links]
    for names in files:
        names.sort()
    return files


def _walk_real(root, top, files, visited):
    """Walks without following links; returns these, with what is above."""
    known, links = suffixes(), []

    def failed(error):
        name = pathlib.Path(error.filename).relative_to(root).as_posix()
        files.unused.append((name, str(error.strerror).lower()))

    for parent, folders, names in os.walk(top, onerror=failed):
        parent, real = pathlib.Path(parent), pathlib.Path(parent).resolve()
        if real in visited:
            name = parent.relative_to(root).as_posix()
            files.unused.append((name, "a link to a folder that is read"))
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(filter(_is_visible, folders))
        for name in folders:
            if (parent / name).is_symlink():
                links.append((parent / name, (real, *real.parents)))
        for name in filter(_is_visible, names):
            _sort_in(root, parent / name, known, files)
    return links


def _sort_in(root, path, known, files):
    name = path.relative_to(root).as_posix()
    if path.name in METADATA and path.is_file():  # no pipe to wait for
        files.tables.append(name)
    elif path.stem.lower() == "metadata":
        reason = f"no table that is read: a file {', '.join(METADATA)}"
        files.unused.append((name, reason))
    elif path.suffix.lower() in known or _is_image(path):
        files.images.append(name)


def _is_image(path):
    """Whether a file of another suffix, or of none, is an image."""
    kind, _ = mimetypes.guess_type(path.name)
    if kind is not None:
        return kind.startswith("image/") or path.suffix.lower() in IMAGES
    if path.suffix.lower() in IMAGES:
        return True
    try:
        with open_image(path):
            return True
    except Exception:  # Pillow raises nearly anything; all mean no
        return False


def _is_visible(name):
    return not name.startswith((".", "__MACOSX"))
