"""Models of Kaggle, fetched and sent.

They are kept in Kaggle's own cache, where a version that the address names is
found without a network.
"""

import pathlib
import re
import sys
from typing import NamedTuple

from keras_igpt.annotations import PathLike
from keras_igpt.pretrained.hub import first_line
from keras_igpt.pretrained.manifest import MANIFEST, MODEL, check_manifest

PREFIX = "kaggle://"

PAGE = "https://www.kaggle.com/models/"

# owner/model/framework/variation and perhaps a version.
HANDLE = re.compile(r"([\w-]+/[\w-]+/\w+/[\w.-]*\w)(?:/([1-9]\d*))?", re.ASCII)

# What Kaggle calls the licences that the Hub has short names for.
LICENCES = {
    "apache-2.0": "Apache 2.0",
    "bsd-3-clause": "BSD-3-Clause",
    "cc0-1.0": "CC0: Public Domain",
    "cc-by-4.0": "Attribution 4.0 International (CC BY 4.0)",
    "cc-by-nc-4.0": (
        "Attribution-NonCommercial 4.0 International (CC BY-NC 4.0)"
    ),
    "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0",
    "cc-by-sa-4.0": "CC BY-SA 4.0",
    "gpl-3.0": "GPL 3",
    "mit": "MIT",
}


class Address(NamedTuple):
    """The parts of `kaggle://owner/model/framework/variation[/version]`."""

    handle: str
    version: int | None


def parsed(address: str) -> Address:
    """The parts of an address."""
    found = HANDLE.fullmatch(address.removeprefix(PREFIX))
    if not found:
        raise ValueError(
            "`path` must be kaggle://owner/model/framework/variation, perhaps "
            f"with /version behind it. Received: {address}. The framework is "
            "keras for what `keras-igpt upload` sent."
        )
    handle, version = found.groups()
    return Address(handle, version and int(version))


def file_of(address: str) -> pathlib.Path:
    """The local file of `kaggle://owner/model/framework/variation`.

    What `upload` sent says the sizes and hashes of its files, which are
    compared.

    Raises:
        ValueError: if the address is none, or the file another one.
    """
    handle, version = parsed(address)
    handle = f"{handle}/{version}" if version else handle
    print(f"Model {PAGE}{handle} (licence: see its page)", file=sys.stderr)
    path = fetched(handle, MODEL)
    try:
        manifest = fetched(handle, MANIFEST)
    except FileNotFoundError:
        return path  # of a model that was not made by `upload`
    check_manifest(path, MODEL, manifest)
    return path


def fetched(handle: str, file: str) -> pathlib.Path:
    """A file of a model, from the cache or else the network.

    Args:
        handle: `owner/model/framework/variation[/version]`; without a version
            the newest, for which Kaggle is asked each time.
        file: its path there.

    Raises:
        ImportError: if `kagglehub` is not installed.
        FileNotFoundError: if there is no such file, or no way to it.
    """
    kagglehub = _kagglehub()
    try:
        return pathlib.Path(kagglehub.model_download(handle, file))
    # What it raises depends on its version, and on what that connects with.
    except Exception as error:
        raise FileNotFoundError(
            f"The file {file} of {handle} must be in the cache or to be "
            f"fetched. Received: {first_line(error)} Look for it at "
            f"{PAGE}{handle}, and for your network; a version behind the "
            "address is found without one."
        ) from error


def upload(folder: PathLike, address: str, licence: str) -> str:
    """Sends a folder that `write_card` wrote to Kaggle.

    A new model is one that nobody else sees; its page publishes it.

    Args:
        folder: with a model, a card and a manifest.
        address: `kaggle://owner/model/framework/variation`; a new version of
            it, if it is there.
        licence: of the weights, a key of `LICENCES`.

    Returns:
        The address of its page.

    Raises:
        ImportError: if `kagglehub` is not installed.
        OSError: if Kaggle refuses, as without a token that may write.
        ValueError: if Kaggle has no such licence, or the address a version.
    """
    check_upload(address, licence)
    handle = parsed(address).handle
    kagglehub = _kagglehub()
    try:
        kagglehub.model_upload(
            handle, str(folder), LICENCES[licence], "Made with keras_igpt"
        )
    # What it raises depends on its version, and on what that connects with.
    except Exception as error:
        raise OSError(
            f"Kaggle must take {handle}. Received: {first_line(error)} "
            "Log in by `kagglehub.login()`, or set KAGGLE_API_TOKEN."
        ) from error
    return f"{PAGE}{handle}"


def check_upload(address: str, licence: str) -> None:
    """Refuses what `upload` cannot send, before there is a folder."""
    if parsed(address).version:
        raise ValueError(
            "The address must be kaggle://owner/model/framework/variation. "
            f"Received: {address}, which names a version. Leave it away: "
            "Kaggle counts them."
        )
    if licence not in LICENCES:
        raise ValueError(
            f"`licence` must be one that Kaggle has: {', '.join(LICENCES)}. "
            f"Received: licence={licence!r}."
        )


def _kagglehub():
    try:
        import kagglehub
    except ImportError:
        raise ImportError(
            "kagglehub must be installed to fetch models of Kaggle, or to "
            "send them. Received: a Python without it. Call "
            "`pip install 'keras_igpt[hub]'`."
        ) from None
    return kagglehub
