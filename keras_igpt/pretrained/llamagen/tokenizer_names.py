"""What the weights of LlamaGen's tokenizers are called, and their shapes.

Kernels there are (outputs, inputs, height, width).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.pretrained.tensors import Tensor
from keras_igpt.tokenizers.conv_vq import MULTIPLIERS

# Which codes were used in training, in released files.
IGNORED = "quantize.codebook_used"

CODEBOOK = "quantize.embedding.weight"


class Row(NamedTuple):
    """Weights of ours: theirs by name, each of this shape.

    Several of theirs are one of ours, side by side along the last axis.
    """

    place: str
    names: tuple[str, ...]
    shape: tuple[int, ...]

    def ours(self, tensors: Mapping[str, Tensor], shape: tuple) -> Array:
        """float32 of our shape."""
        parts = []
        for name in self.names:
            array = np.asarray(tensors[name].read(), "float32")
            if array.ndim == 4:
                array = array.transpose(2, 3, 1, 0)
            parts.append(array)
        return np.concatenate(parts, axis=-1).reshape(shape)


def sizes(tensors: Mapping[str, Tensor], path: PathLike) -> dict:
    """Arguments of `ConvVQTokenizer`, read off the tensors' shapes.

    Args:
        tensors: the file's.
        path: its name, for the error.
    """
    levels = 0
    while f"encoder.conv_blocks.{levels}.res.0.conv1.weight" in tensors:
        levels += 1
    needed = [
        CODEBOOK,
        "encoder.conv_in.weight",
        "encoder.conv_out.weight",
        *(f"encoder.conv_blocks.{i}.res.0.conv1.weight" for i in range(levels)),
    ]
    shapes = [tensors[n].shape if n in tensors else () for n in needed]
    by_levels = {len(x): cell for cell, x in MULTIPLIERS.items()}
    ranks = [2, *[4] * (len(needed) - 1)]
    if levels not in by_levels or [len(x) for x in shapes] != ranks:
        missing = [n for n in needed if n not in tensors]
        raise ValueError(
            "The file must hold a tokenizer of LlamaGen's, with 4 or 5 "
            f"levels. Received: {path} with {levels}, missing: "
            f"{', '.join(missing) or 'none'}; it holds "
            f"{', '.join(sorted(tensors)[:4])} and so on. Nothing was loaded."
        )
    (codes, code_dim), first, last, *blocks = shapes
    width = max(1, first[0])
    return {
        "codebook_size": codes,
        "code_dim": code_dim,
        "cell_size": by_levels[levels],
        "channels": first[1],
        "hidden_dim": width,
        "multipliers": tuple(max(1, x[0] // width) for x in blocks),
        "latent_dim": last[0],
    }


def rows(sizes: Mapping) -> list[Row]:
    """All weights but the codebook, of tokenizers so large."""
    width, multipliers = sizes["hidden_dim"], sizes["multipliers"]
    latent, code = sizes["latent_dim"], sizes["code_dim"]
    channels, deepest = sizes["channels"], width * multipliers[-1]
    last = len(multipliers) - 1

    found = list(_conv("encoder/conv_in", "encoder.conv_in", channels, width))
    inputs = width
    for level, multiplier in enumerate(multipliers):
        ours = f"encoder/level_{level}"
        theirs = f"encoder.conv_blocks.{level}"
        outputs = width * multiplier
        found += _level(ours, theirs, inputs, outputs, 2, level == last)
        if level < last:
            theirs += ".downsample.conv"
            found += _conv(f"{ours}_down", theirs, outputs, outputs)
        inputs = outputs
    found += _middle("encoder", deepest)
    found += _end("encoder", deepest, latent)
    found += _conv("encoder/to_code", "quant_conv", latent, code, 1)

    found += _conv("decoder/from_code", "post_quant_conv", code, latent, 1)
    found += _conv("decoder/conv_in", "decoder.conv_in", latent, deepest)
    found += _middle("decoder", deepest)
    inputs = deepest
    for level in range(last, -1, -1):
        ours = f"decoder/level_{level}"
        theirs = f"decoder.conv_blocks.{last - level}"
        outputs = width * multipliers[level]
        found += _level(ours, theirs, inputs, outputs, 3, level == last)
        if level > 0:
            theirs += ".upsample.conv"
            found += _conv(f"{ours}_up/conv", theirs, outputs, outputs)
        inputs = outputs
    return [*found, *_end("decoder", inputs, channels)]


def _level(ours, theirs, inputs, outputs, count, attends) -> Iterator[Row]:
    for i in range(count):
        block = f"{theirs}.res.{i}"
        yield from _block(f"{ours}_block_{i}", block, inputs, outputs)
        if attends:
            attention = f"{theirs}.attn.{i}"
            yield from _attention(f"{ours}_attention_{i}", attention, outputs)
        inputs = outputs


def _middle(part, width):
    ours, theirs = f"{part}/middle", f"{part}.mid"
    yield from _block(f"{ours}_block_0", f"{theirs}.0", width, width)
    yield from _attention(f"{ours}_attention", f"{theirs}.1", width)
    yield from _block(f"{ours}_block_1", f"{theirs}.2", width, width)


def _end(part, inputs, outputs):
    yield from _norm(f"{part}/norm_out", f"{part}.norm_out", inputs)
    yield from _conv(f"{part}/conv_out", f"{part}.conv_out", inputs, outputs)


def _block(ours, theirs, inputs, outputs):
    yield from _norm(f"{ours}/norm_1", f"{theirs}.norm1", inputs)
    yield from _conv(f"{ours}/conv_1", f"{theirs}.conv1", inputs, outputs)
    yield from _norm(f"{ours}/norm_2", f"{theirs}.norm2", outputs)
    yield from _conv(f"{ours}/conv_2", f"{theirs}.conv2", outputs, outputs)
    if inputs != outputs:
        name = f"{theirs}.nin_shortcut"
        yield from _conv(f"{ours}/shortcut", name, inputs, outputs, 1)


def _attention(ours, theirs, width):
    yield from _norm(f"{ours}/norm", f"{theirs}.norm", width)
    projections = tuple(f"{theirs}.{x}" for x in "qkv")
    for place, names in (
        ("query_key_value", projections),
        ("output_projection", (f"{theirs}.proj_out",)),
    ):
        place = f"{ours}/{place}"
        yield _row(f"{place}/kernel", names, "weight", (width, width, 1, 1))
        yield _row(f"{place}/bias", names, "bias", (width,))


def _norm(ours, theirs, width):
    yield _row(f"{ours}/scale", (theirs,), "weight", (width,))
    yield _row(f"{ours}/offset", (theirs,), "bias", (width,))


def _conv(ours, theirs, inputs, outputs, side=3):
    shape = (outputs, inputs, side, side)
    yield _row(f"{ours}/kernel", (theirs,), "weight", shape)
    yield _row(f"{ours}/bias", (theirs,), "bias", (outputs,))


def _row(place, names, end, shape):
    return Row(place, tuple(f"{name}.{end}" for name in names), shape)
