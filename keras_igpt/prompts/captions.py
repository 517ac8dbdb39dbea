"""Captions as bytes, and what can be told of bytes before any are learned.

Axes: B captions, L bytes of a caption.
"""

import functools
import re
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor

# Letters of a quoted word that are told apart by their number.
MAX_SLOT = 15

# Quotation marks that people and their keyboards write for `"`.
MARKS = dict.fromkeys(map(ord, "“”„«»「」『』＂"), '"')

# A place that no byte has.
NEVER = 2**20

# How many numbers runs of bytes share.
NGRAM_ROWS = 4093  # a prime, to spread them


def encode_text(
    texts: Sequence[str | bytes],
    length: int,
    truncate: bool = False,
    name: str = "text",
) -> Array:
    """Captions as bytes (UTF-8), all quotation marks as `"`.

    Args:
        texts: list of str or bytes.
        length: int. Bytes of the longest caption.
        truncate: bool. Cut longer captions, between two characters, rather
            than refuse them.
        name: str, what errors call them.

    Returns:
        int32 array of shape `(len(texts), length)`, zeros behind the bytes.
    """
    texts = [_checked_text(text, length, truncate, name) for text in texts]
    return np.asarray(_byte_tokenizer(length)(texts)).reshape(-1, length)


@functools.cache
def _byte_tokenizer(length):
    import keras_nlp

    return keras_nlp.tokenizers.ByteTokenizer(
        lowercase=False, sequence_length=length, dtype="int32"
    )


def rule_of_text(name: str = "text") -> str:
    """What captions must be."""
    return f"`{name}` must be str without NUL characters"


def rule_of_length(length: int, name: str = "text") -> str:
    """How long captions may be."""
    return f"`{name}` must have at most {length} bytes in UTF-8"


def _checked_text(text, length, truncate, name):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(f"{rule_of_text(name)}. Received: {name}={text!r}.")
    text = text.translate(MARKS)
    encoded = text.encode("utf-8")
    if len(encoded) <= length:
        return text
    if not truncate:
        raise ValueError(
            f"{rule_of_length(length, name)}. "
            f"Received: {len(encoded)} bytes: {text!r}. "
            "Shorten it, or allow to cut it with truncate=True."
        )
    return encoded[:length].decode("utf-8", "ignore")


def quoted_slots(text: Tensor) -> tuple[Tensor, Tensor]:
    """Where bytes stand between quotation marks.

    Words are drawn letter by letter, each in its place; so each letter is
    told its number, from both ends because words are centred. (That models
    must see characters to spell: Liu et al. 2022,
    https://arxiv.org/abs/2212.10562.)

    Args:
        text: int32 tensor of shape `(B, L)`, bytes.

    Returns:
        Tuple of two int32 tensors of shape `(B, L)`: distances to the
        opening and to the closing mark, at most `MAX_SLOT`; 0 for bytes that
        are not between two marks.
    """
    marks = ops.equal(text, ord('"'))
    places = ops.arange(ops.shape(text)[1], dtype="int32")
    before = places[None, :] < places[:, None]  # (L, L)
    behind = ops.transpose(before)
    opening = ops.where(ops.logical_and(before, marks[:, None]), places, -1)
    closing = ops.where(ops.logical_and(behind, marks[:, None]), places, NEVER)
    # As floats: OpenVINO 2026.4 subtracts the greatest of integers wrongly.
    opening = ops.max(ops.cast(opening, "float32"), axis=-1)
    opening, closing = ops.cast(opening, "int32"), ops.min(closing, axis=-1)
    count = ops.cumsum(ops.cast(marks, "int32"), axis=-1)
    inside = ops.logical_and(count % 2 == 1, ops.logical_not(marks))
    inside = ops.logical_and(inside, closing < NEVER)
    return tuple(
        ops.where(inside, ops.minimum(slot, MAX_SLOT), 0)
        for slot in (places - opening, closing - places)
    )


def hashed_ngrams(text: Tensor, length: int) -> Tensor:
    """The last bytes up to each place, as one number.

    A Transformer that reads bytes must first find out which of them make
    words; told what stands in a row, it need not (Pagnoni et al. 2024,
    https://arxiv.org/abs/2412.09871, section 3.2.1).

    Args:
        text: int32 tensor of shape `(B, L)`, bytes.
        length: int, how many bytes.

    Returns:
        int32 tensor of shape `(B, L)`, below `NGRAM_ROWS`. Different bytes
        may have the same number, rarely.
    """
    count = ops.shape(text)[1]
    padded = ops.pad(text, ((0, 0), (length - 1, 0)))
    number = ops.full_like(text, length)
    for i in range(length):
        number = (number * 257 + padded[:, i : i + count]) % NGRAM_ROWS
    return number


def quoted_word(text: str | None) -> str:
    """The word between quotation marks in a caption.

    Raises:
        ValueError: unless there is exactly one.
    """
    words = re.findall('"([^"]+)"', (text or "").translate(MARKS))
    if len(words) != 1:
        raise ValueError(
            "`text` must have one word between quotation marks, to be drawn. "
            f"Received: text={text!r}."
        )
    return words[0]
