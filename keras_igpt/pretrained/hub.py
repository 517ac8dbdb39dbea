"""Files of the Hugging Face Hub, and the released models that lie there.

They are kept in the Hub's own cache, where they are found without a network.
"""

import pathlib
import sys
from collections.abc import Callable
from typing import NamedTuple

from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.pretrained.arpg import conversion as arpg
from keras_igpt.pretrained.llamagen import conversion as llamagen
from keras_igpt.pretrained.llamagen.tokenizer import load_tokenizer

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


def file_of(address: str) -> pathlib.Path:
    """The local file of `hf://owner/name/file.keras`."""
    owner, _, rest = address.removeprefix(PREFIX).partition("/")
    name, _, file = rest.partition("/")
    if not (owner and name and file.endswith(".keras")):
        raise ValueError(
            "`path` must be hf://owner/name/file with a `.keras` file. "
            f"Received: {address}. Name the file; weights in other formats "
            "load with `keras_igpt.llamagen`, `keras_igpt.arpg` and "
            "`keras_igpt.openai`."
        )
    return fetched(f"{owner}/{name}", file)


def fetched(
    repository: str, file: str, licence: str = "see its page"
) -> pathlib.Path:
    """A file of a repository, from the cache or else the network.

    Args:
        repository: `owner/name`.
        file: its path there.
        licence: what is said of it before it is downloaded.

    Returns:
        pathlib.Path of the file in the Hub's cache: whole, for it is renamed
        when it is.

    Raises:
        ImportError: if `huggingface_hub` is not installed.
        FileNotFoundError: if there is no such file, or no way to it.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise ImportError(
            f"huggingface_hub must be installed to fetch {file} of "
            f"{repository}. Received: a Python without it. Call "
            "`pip install 'keras_igpt[hub]'`."
        ) from None
    try:
        cached = huggingface_hub.try_to_load_from_cache(repository, file)
        if isinstance(cached, str):
            return pathlib.Path(cached)
        print(
            f"Downloading {file} of https://huggingface.co/{repository} "
            f"(licence: {licence})",
            file=sys.stderr,
        )
        return pathlib.Path(huggingface_hub.hf_hub_download(repository, file))
    # What it raises depends on its version, and on what that connects with.
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise FileNotFoundError(
            f"The file {file} of {repository} must be in the cache or to be "
            f"fetched. Received: {lines[0][:200]} Look for it at "
            f"https://huggingface.co/{repository}, and for your network."
        ) from error
