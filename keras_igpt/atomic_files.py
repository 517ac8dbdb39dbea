"""Files that are whole or absent, and models found again."""

import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import zipfile
from collections.abc import Iterator
from typing import Any

from keras_igpt.annotations import PathLike


@contextlib.contextmanager
def replacing(path: PathLike, clear: bool = True) -> Iterator[pathlib.Path]:
    """Writes a file beside its place, then moves it there.

    A full disk or a kill leaves the file that was there before.

    Args:
        path: the file's place. Missing folders are made.
        clear: whether to look for what a killed process left of this file,
            through all of its folder.

    Yields:
        A path with the same suffix to write to.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if clear:
        clear_temporaries(path.parent, path.stem, path.suffix)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_json(path: PathLike, content: Any) -> None:
    """Writes JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )


def save_model(
    model: Any, path: PathLike, beside: dict[str, Any] | None = None
) -> None:
    """As `model.save(path)`, whole or not at all.

    Args:
        model: a `keras.Model`.
        path: of a `.keras` file.
        beside: dict of names of further members of the file, and what they
            are to say, written as JSON. Keras does not look at them.
    """
    with replacing(path) as temporary:
        model.save(temporary)
        if beside:
            with zipfile.ZipFile(temporary, "a") as file:
                for name, content in beside.items():
                    file.writestr(name, json.dumps(content))


def clear_temporaries(
    folder: PathLike, stem: str = "", suffix: str = ""
) -> None:
    """Removes what killed processes of this machine left half written.

    Args:
        folder: where to look; not in its folders.
        stem, suffix: of the file that was to be written; default: any.
    """
    for path in pathlib.Path(folder).glob(f".{glob.escape(stem)}*"):
        process = temporary_of(path)
        wanted = not stem or path.name == f".{stem}.{process}{suffix}"
        if process and wanted and not _lives(process):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def temporary_of(path: pathlib.Path) -> int | None:
    """Number of the process that writes a file; None if it is a whole one."""
    found = re.fullmatch(r"\..+\.(\d{1,9})(\.\w+)?", path.name)
    return int(found.group(1)) if found else None


def _lives(process):
    if os.name == "nt":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def check_writable(name: str, folder: PathLike) -> None:
    """Refuses a folder in which no file can be made; leaves it as it was.

    Raises:
        OSError: if it cannot be written to.
    """
    folder = pathlib.Path(folder)
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise type(error)(
            f"`{name}` must be a folder that can be written to. Received: "
            f"{name}={str(folder)!r}: {error.strerror or error}. Give another."
        ) from error
    finally:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


def check_output_file(name: str, path: PathLike | None, suffix: str) -> None:
    """Refuses a file that cannot be written, or has another suffix.

    Args:
        name: of the option or argument.
        path: None is what is not asked for.
        suffix: str, in small letters, as ".png".

    Raises:
        ValueError: if the suffix is another.
        OSError: if its folder cannot be written to.
    """
    if path is None:
        return
    path = pathlib.Path(path)
    if path.suffix.lower() != suffix:
        raise ValueError(
            f"`{name}` must be a file that ends in {suffix}. "
            f"Received: {name}={str(path)!r}."
        )
    check_writable(name, path.parent)


@contextlib.contextmanager
def replacing_folder(path: PathLike) -> Iterator[pathlib.Path]:
    """Writes a folder beside its place, then moves it there.

    A server that watches the place never sees half of a model.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_temporaries(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
