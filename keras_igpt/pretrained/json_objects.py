"""JSON that others wrote, which may hold anything."""

import json
import pathlib
from typing import Any

from keras_igpt.annotations import PathLike


def json_object(content: bytes, source: PathLike) -> dict[str, Any]:
    """The dict that JSON says.

    Args:
        content: bytes of UTF-8.
        source: the file's name, for the error.

    Raises:
        ValueError: if it is no JSON, or of something else than names and
            values.
    """
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(
            f"{pathlib.Path(source).name} must be JSON, names and values. "
            f"Received: {source}, which is not. Download or write it again."
        )
    return found
