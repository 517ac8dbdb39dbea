"""What the files of a shared model are: their sizes and hashes."""

import hashlib
import json
import pathlib
from collections.abc import Iterable

from keras_igpt.atomic_files import save_json

# The model's file, and the one that says sizes and hashes.
MODEL = "model.keras"
MANIFEST = "keras_igpt.json"

# Longest file of that kind.
MAX_BYTES = 2**20


def write_manifest(folder: pathlib.Path, files: Iterable[str]) -> None:
    """Writes the sizes in bytes and SHA-256 of files of a folder."""
    found = {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": _sha256(folder / name),
        }
        for name in files
    }
    save_json(folder / MANIFEST, found)


def check_manifest(
    path: pathlib.Path, name: str, manifest: pathlib.Path
) -> None:
    """Compares a file with what a manifest says of it, if it does.

    Args:
        path: the file.
        name: what the manifest calls it.
        manifest: as `write_manifest` writes it.

    Raises:
        ValueError: if it is another file, or the manifest none.
    """
    try:
        if manifest.stat().st_size > MAX_BYTES:
            raise ValueError
        said = json.loads(manifest.read_text("utf-8")).get(name)
        if said is None:
            return
        wanted = said["bytes"], said["sha256"]
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{MANIFEST} must say sizes and hashes of the files beside it. "
            f"Received: {manifest}, which does not. Fetch or write it anew."
        ) from error
    # The size first: to hash a large file takes seconds.
    size = path.stat().st_size
    if size != wanted[0] or _sha256(path) != wanted[1]:
        raise ValueError(
            f"The file must be the one that {MANIFEST} beside it describes, "
            f"with {wanted[0]} bytes. Received: {path} with {size} bytes, "
            "which is damaged or another one. Fetch or write it anew."
        )


def _sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
