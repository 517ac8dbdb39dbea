"""Files where the shards are and where images come from.

A path is of this machine, or one that a file system of Apache Beam knows, as
"gs://bucket/folder". Beam is imported when such a one is met.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import posixpath
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from keras_igpt.annotations import PathLike
from keras_igpt.atomic_files import clear_temporaries

# Bytes that are copied at once.
PART = 2**20

# Files that are read or written at once.
NUM_THREADS = 16


def is_remote(path: PathLike) -> bool:
    """Whether a path is not of this machine."""
    return "://" in os.fspath(path)


def join(folder: PathLike, *names: str) -> str:
    """A path in a folder."""
    if is_remote(folder):
        return posixpath.join(os.fspath(folder), *names)
    return os.path.join(folder, *names)


def is_file(path: PathLike) -> bool:
    """Whether there is such a file."""
    if is_remote(path):
        return _file_systems().exists(os.fspath(path))
    return os.path.isfile(path)


def list_files(folder: PathLike) -> dict[str, int]:
    """Files in a folder and its folders.

    Returns:
        dict of names, from the folder on, to sizes in bytes; {} without such
        a folder.
    """
    if not is_remote(folder):
        root = pathlib.Path(folder)
        return {
            path.relative_to(root).as_posix(): path.stat().st_size
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
    root = os.fspath(folder).rstrip("/") + "/"
    (found,) = _file_systems().match([root + "**"])
    return {
        item.path.removeprefix(root): item.size_in_bytes
        for item in sorted(found.metadata_list, key=lambda item: item.path)
        if not item.path.endswith("/")
    }


def list_names(folder: PathLike) -> set[str]:
    """Names of the files in a folder, not of those in its folders."""
    if not is_remote(folder):
        with contextlib.suppress(FileNotFoundError):
            return set(os.listdir(folder))
        return set()
    root = os.fspath(folder).rstrip("/") + "/"
    (found,) = _file_systems().match([root + "*"])
    return {item.path.removeprefix(root) for item in found.metadata_list}


def each(function: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
    """Results of a function of each item: files far away take their time.

    Args:
        function: of one item, called in several threads.
        items: iterable.
    """
    with concurrent.futures.ThreadPoolExecutor(NUM_THREADS) as pool:
        return list(pool.map(function, items))


@contextlib.contextmanager
def local_copy(path: PathLike) -> Iterator[str]:
    """Gives a file a path of this machine, while it is needed.

    Yields:
        str: the path itself if it is of this machine.
    """
    if not is_remote(path):
        yield os.fspath(path)
        return
    suffix = posixpath.splitext(os.fspath(path))[1]
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, f"copy{suffix}")
        with (
            _file_systems().open(
                os.fspath(path),
                mime_type="application/octet-stream",
                compression_type="uncompressed",
            ) as source,
            open(copy, "wb") as target,
        ):
            shutil.copyfileobj(source, target, PART)
        yield copy


@contextlib.contextmanager
def new_file(path: PathLike) -> Iterator[str]:
    """Writes a file that is whole or absent.

    Yields:
        str: a path of this machine to write to. What is there in the end is
        moved to `path`; after an error nothing is.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            written = os.path.join(folder, "new")
            yield written
            _upload(written, os.fspath(path))
        return
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    # Hidden, with the process's number at the end: `clear_temporaries` knows
    # such. Machines that share a folder may have processes of one number.
    mark = f"{uuid.uuid4().hex[:8]}.{os.getpid()}"
    temporary = os.path.join(folder, f".{name}.{mark}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def _upload(written, path):
    """Copies a file under another name, and renames it there."""
    systems = _file_systems()
    temporary = f"{path}.{uuid.uuid4().hex[:8]}.part"
    with contextlib.suppress(Exception):  # there are no folders in a bucket
        systems.mkdirs(posixpath.dirname(path))
    with (
        open(written, "rb") as source,
        systems.create(
            temporary,
            mime_type="application/octet-stream",
            compression_type="uncompressed",
        ) as target,
    ):
        shutil.copyfileobj(source, target, PART)
    if systems.exists(path):
        systems.delete([path])
    systems.rename([temporary], [path])


def write_json(path: PathLike, content: Any) -> None:
    """Writes JSON, whole or not at all."""
    with new_file(path) as temporary:
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        pathlib.Path(temporary).write_text(text, "ascii")


def read_json(path: PathLike) -> Any:
    """Reads JSON that this package has written."""
    with local_copy(path) as copy:
        return json.loads(pathlib.Path(copy).read_text("utf-8"))


def remove_folder(folder: PathLike) -> None:
    """Removes a folder with all that is in it, if it is there."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif list_files(folder):
        _file_systems().delete([os.fspath(folder).rstrip("/") + "/"])


def clear(folder: PathLike) -> None:
    """Removes what killed processes have left half written."""
    if not is_remote(folder):
        clear_temporaries(folder)
        return
    left = [n for n in list_files(folder) if n.endswith(".part")]
    if left:
        _file_systems().delete([join(folder, name) for name in left])


def _file_systems():
    try:
        from apache_beam.io.filesystems import FileSystems
    except ImportError as error:
        raise ImportError(
            "Paths of other file systems need Apache Beam: `pip install "
            "'keras_igpt[beam]'`."
        ) from error
    return FileSystems
