"""Files of the Hugging Face Hub, and the released models that lie there.

They are kept in the Hub's own cache, where they are found without a network.
"""

import pathlib
import sys
from collections.abc import Callable
from typing import NamedTuple

from keras_igpt.annotations import PathLike
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.pretrained.arpg import conversion as arpg
from keras_igpt.pretrained.llamagen import conversion as llamagen
from keras_igpt.pretrained.llamagen.tokenizer import load_tokenizer
from keras_igpt.pretrained.manifest import MANIFEST, MODEL, check_manifest

PREFIX = "hf://"


# Where the tokenizers of all of them are: ARPG's models read LlamaGen's tokens.
LLAMAGEN = "FoundationVision/LlamaGen"
TOKENIZER = "vq_ds16_c2i.pt"


class Released(NamedTuple):
    """Where the weights of a released model are, and what loads them."""

    repository: str
    weights: str
    tokenizer: str
    image_size: int
    licence: str
    load: Callable[..., ImageGPT] = llamagen.load


RELEASED = {
    f"llamagen-{size.lower()}-{side}": Released(
        LLAMAGEN, f"c2i_{size}_{side}.pt", TOKENIZER, side, "MIT"
    )
    for size, side in (
        *(("B", 256), ("B", 384), ("L", 256), ("L", 384)),
        *(("XL", 384), ("XXL", 384), ("3B", 384)),
    )
} | {
    f"arpg-{size}-256": Released(
        "hp-l33/ARPG", file, TOKENIZER, 256, "MIT", arpg.load
    )
    for size, file in (
        ("l", "arpg_300m.pt"),
        ("xl", "arpg_700m.pt"),
        ("xxl", "arpg_1b.pt"),
    )
}


def load_released(name: str) -> ImageGPT:
    """A released model, downloaded at its first use.

    Args:
        name: a key of `RELEASED`.
    """
    where = RELEASED[name]
    tokenizer = fetched(LLAMAGEN, where.tokenizer, where.licence)
    weights = fetched(where.repository, where.weights, where.licence)
    return where.load(weights, load_tokenizer(tokenizer, where.image_size))


class Address(NamedTuple):
    """The parts of `hf://owner/name[@revision][/file.keras]`."""

    repository: str
    revision: str | None
    file: str


def parsed(address: str) -> Address:
    """The parts of an address; the file is "model.keras" if it names none."""
    owner, _, rest = address.removeprefix(PREFIX).partition("/")
    name, _, file = rest.partition("/")
    name, at, revision = name.partition("@")
    file = file or MODEL
    named = owner and name and bool(at) == bool(revision)
    if not named or not file.endswith(".keras"):
        raise ValueError(
            "`path` must be hf://owner/name, perhaps with @revision or with "
            "/file.keras behind it. "
            f"Received: {address}. Weights in other formats load with "
            "`keras_igpt.llamagen`, `keras_igpt.arpg` and `keras_igpt.openai`."
        )
    return Address(f"{owner}/{name}", revision or None, file)


def file_of(address: str) -> pathlib.Path:
    """The local file of `hf://owner/name`.

    What `upload` sent says the sizes and hashes of its files, which are
    compared.

    Raises:
        ValueError: if the address is none, or the file another one.
    """
    repository, revision, file = parsed(address)
    path = fetched(repository, file, revision=revision)
    if _known_to_lack(repository, MANIFEST, revision):
        return path
    try:
        manifest = fetched(repository, MANIFEST, None, revision)
    except FileNotFoundError:
        return path  # of a repository that was not made by `upload`
    check_manifest(path, file, manifest)
    return path


def fetched(
    repository: str,
    file: str,
    licence: str | None = "see its page",
    revision: str | None = None,
) -> pathlib.Path:
    """A file of a repository, from the cache or else the network.

    Args:
        repository: `owner/name`.
        file: its path there.
        licence: what is said of it before it is downloaded; None for
            nothing.
        revision: a branch, tag or commit; None for the main branch.

    Returns:
        pathlib.Path of the file in the Hub's cache: whole, for it is renamed
        when it is.

    Raises:
        ImportError: if `huggingface_hub` is not installed.
        FileNotFoundError: if there is no such file, or no way to it.
    """
    huggingface_hub = _huggingface_hub()
    try:
        cached = huggingface_hub.try_to_load_from_cache(
            repository, file, revision=revision
        )
        if isinstance(cached, str):
            return pathlib.Path(cached)
        if licence is not None:
            print(
                f"Downloading {file} of https://huggingface.co/{repository} "
                f"(licence: {licence})",
                file=sys.stderr,
            )
        return pathlib.Path(
            huggingface_hub.hf_hub_download(repository, file, revision=revision)
        )
    # What it raises depends on its version, and on what that connects with.
    except Exception as error:
        raise FileNotFoundError(
            f"The file {file} of {repository} must be in the cache or to be "
            f"fetched. Received: {first_line(error)} Look for it at "
            f"https://huggingface.co/{repository}, and for your network."
        ) from error


def upload(folder: PathLike, address: str, private: bool = False) -> str:
    """Sends a folder that `write_card` wrote to the Hub.

    Args:
        folder: with a model, a card and a manifest.
        address: `hf://owner/name`, made if it is not there, perhaps with
            `@branch`.
        private: bool. Whether nobody else may see a new repository.

    Returns:
        The address of its page.

    Raises:
        ImportError: if `huggingface_hub` is not installed.
        OSError: if the Hub refuses, as without a token that may write.
    """
    repository, revision, file = parsed(address)
    if file != MODEL:
        raise ValueError(
            "The address must be hf://owner/name. "
            f"Received: {address}, which names a file."
        )
    huggingface_hub = _huggingface_hub()
    api = huggingface_hub.HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=str(folder),
            revision=revision,
            commit_message="A model made with keras_igpt",
        )
    # What it raises depends on its version, and on what that connects with.
    except Exception as error:
        raise OSError(
            f"The Hub must take {repository}. Received: {first_line(error)} "
            "Log in with `hf auth login`, by a token that may write."
        ) from error
    return f"{api.endpoint}/{repository}"


def first_line(error: Exception) -> str:
    """What an error says first, or else what it is."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def _known_to_lack(repository, file, revision):
    """Whether the cache remembers that this revision has no such file.

    Ask it of files beside one that is in the cache: what a branch lacked once
    it may have got since, which is seen when that one is fetched anew.
    """
    huggingface_hub = _huggingface_hub()
    cached = huggingface_hub.try_to_load_from_cache(
        repository, file, revision=revision
    )
    return cached is huggingface_hub._CACHED_NO_EXIST


def _huggingface_hub():
    try:
        import huggingface_hub
    except ImportError:
        raise ImportError(
            "huggingface_hub must be installed to fetch models, or to send "
            "them. Received: a Python without it. Call "
            "`pip install 'keras_igpt[hub]'`."
        ) from None
    return huggingface_hub
