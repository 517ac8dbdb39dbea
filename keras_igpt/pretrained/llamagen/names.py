"""What the weights of LlamaGen's Transformers are called, and their shapes.

Axes: V codes, C classes, L blocks, H heads, D width of a head, d width, f
inner width.
"""

import math
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.argument_checks import check_positive
from keras_igpt.pretrained.tensors import Tensor

# Heads by depth and width, which files do not tell. The last three are sizes
# of their code of which nothing is released.
HEADS = {
    (12, 768): 12,
    (24, 1024): 16,
    (36, 1280): 20,
    (48, 1536): 24,
    (24, 3200): 32,
    (48, 2560): 40,
    (22, 2048): 32,
    (32, 4096): 32,
}

# Rotary angles, in old files; rows for the class and all cells.
BUFFER = "freqs_cis"

# Pixels that a cell of the released ones is high and wide.
RELEASED_CELL = 16

# Rows that are read at once: 0.75 MiB in float32 where they are 768 wide.
ROWS = 256

CLASSES = "cls_embedding.embedding_table.weight"


class Sizes(NamedTuple):
    """How large a checkpoint is."""

    num_layers: int
    num_heads: int
    hidden_dim: int
    inner_dim: int
    vocabulary_size: int
    num_classes: int


class Row(NamedTuple):
    """A weight of ours: theirs by name, each of this shape.

    Theirs have the axes of kernels changed; several stand above one another.
    `turned` are queries, keys and values.
    """

    place: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    turned: bool = False

    @property
    def is_kernel(self) -> bool:
        """Whether the axes of ours are theirs changed."""
        return self.place.endswith("kernel")

    def parts(
        self, tensors: Mapping[str, Tensor], sizes: Sizes
    ) -> Iterator[tuple[int, Array]]:
        """The weight as ours is shaped, of the type that the file has.

        In parts of about `ROWS` rows of theirs, each beside the number of its
        first. Queries, keys and values are turned a head at a time.
        """
        first = 0
        step = ROWS
        if self.turned:
            order = split_pairs(sizes)
            head = sizes.hidden_dim // sizes.num_heads
            step = max(1, ROWS // head) * head
        for name in self.names:
            read, length = tensors[name].read, self.shape[0]
            for start in range(0, length, step):
                stop = min(start + step, length)
                part = read(start, stop)
                if self.turned:
                    part = part[order[start:stop] - start]
                yield first + start, part.T if self.is_kernel else part
            first += length


def split_pairs(sizes: Sizes) -> Array:
    """The order of the rows of queries, keys and values.

    Theirs turns neighbours of a head, ours one of its first half with one of
    its second. Scores are the same; values stay as they are.

    Returns:
        int array of shape `(3 d,)`, rows of theirs.
    """
    d = sizes.hidden_dim
    places = np.arange(3 * d).reshape(3, sizes.num_heads, -1, 2)  # (…, D/2, 2)
    queries_keys = places[:2].swapaxes(2, 3).reshape(-1)
    return np.concatenate([queries_keys, places[2].reshape(-1)])


def sizes_of(
    tensors: Mapping[str, Tensor], path: PathLike, num_heads: int | None
) -> Sizes:
    """Sizes of a checkpoint, read off its tensors' shapes.

    Args:
        tensors: the file's.
        path: its name, for errors.
        num_heads: int, or None for that of the released sizes.
    """
    named = (name.split(".") for name in tensors)
    depth = len({x[1] for x in named if x[0] == "layers" and len(x) > 2})
    names = (
        "tok_embeddings.weight",
        CLASSES,
        "layers.0.feed_forward.w1.weight",
    )
    shapes = [tensors[n].shape if n in tensors else () for n in names]
    if not depth or any(len(x) != 2 or 0 in x for x in shapes):
        missing = [n for n, shape in zip(names, shapes) if not shape]
        raise ValueError(
            "The file must hold a class-conditional Transformer of "
            f"LlamaGen's. Received: {path} with {depth} layers, missing: "
            f"{', '.join(missing) or 'none'}; it holds "
            f"{', '.join(sorted(tensors)[:4])} and so on. Nothing was loaded."
        )
    (codes, width), (classes, _), (inner, _) = shapes
    if classes < 2:
        raise ValueError(
            f"The file must hold a class, and the null, in {CLASSES}. "
            f"Received: {path} with {classes} row. Nothing was loaded."
        )
    if num_heads is None:
        num_heads = HEADS.get((depth, width))
        if num_heads is None:
            raise ValueError(
                "`num_heads` must be given for sizes of which nothing was "
                f"released. Received: num_heads=None and {path} of {depth} "
                f"layers, {width} wide. Look it up where it was trained."
            )
    check_positive("num_heads", num_heads)
    return Sizes(depth, num_heads, width, inner, codes, classes - 1)


def rows(sizes: Sizes) -> list[Row]:
    """All weights of a checkpoint."""
    d, codes = sizes.hidden_dim, sizes.vocabulary_size
    embeddings = (
        ("prompt/class/class_embedding", CLASSES, sizes.num_classes + 1),
        ("embedding/token_embedding", "tok_embeddings.weight", codes),
    )
    found = [
        Row(f"{place}/embeddings", (name,), (count, d))
        for place, name, count in embeddings
    ]
    for i in range(sizes.num_layers):
        found += _block_rows(f"block_{i}", f"layers.{i}", d, sizes.inner_dim)
    return [
        *found,
        Row("final_norm/scale", ("norm.weight",), (d,)),
        Row("head/kernel", ("output.weight",), (codes, d)),
    ]


def _block_rows(ours, theirs, d, inner):
    def row(place, names, shape, turned=False):
        names = tuple(f"{theirs}.{name}.weight" for name in names.split())
        return Row(f"{ours}/{place}", names, shape, turned)

    gates = "feed_forward.w1 feed_forward.w3"
    return [
        row("attention_norm/scale", "attention_norm", (d,)),
        row(
            "attention/query_key_value/kernel",
            "attention.wqkv",
            (3 * d, d),
            turned=True,
        ),
        row("attention/output/kernel", "attention.wo", (d, d)),
        row("feed_forward_norm/scale", "ffn_norm", (d,)),
        row("feed_forward/inner/kernel", gates, (inner, d)),
        row("feed_forward/output/kernel", "feed_forward.w2", (d, inner)),
    ]


def check_tokens(path: PathLike, codes: int, tokenizer: Any) -> None:
    """Refuses what is no tokenizer of `codes` tokens.

    Args:
        path: the file's name.
        codes: int. What it was trained with.
        tokenizer: whatever is to make images of the tokens.
    """
    if not isinstance(getattr(tokenizer, "grid_size", None), tuple):
        raise ValueError(
            "`tokenizer` must be a tokenizer, as `keras_igpt.llamagen."
            f"load_tokenizer` returns it. Received: {tokenizer!r}."
        )
    if tokenizer.vocabulary_size != codes:
        raise ValueError(
            f"`tokenizer` must have {codes} tokens, as {path} has. Received: "
            f"{tokenizer.vocabulary_size}. Load the one that it was trained "
            "with: `keras_igpt.llamagen.load_tokenizer`."
        )


def check_fits(
    tensors: Mapping[str, Tensor],
    path: PathLike,
    sizes: Sizes,
    tokenizer: Any,
) -> None:
    """Refuses a tokenizer of another vocabulary or grid.

    Files do not tell the grid, but old ones hold angles of all cells, and the
    names of released files end in the images' side.

    Args:
        tensors: the file's.
        path: its name.
        sizes: as `sizes_of` returns them.
        tokenizer: whatever is to make images of the tokens.
    """
    check_tokens(path, sizes.vocabulary_size, tokenizer)
    cells = math.prod(tokenizer.grid_size)
    wanted = None
    if BUFFER in tensors:
        wanted = (tensors[BUFFER].shape or (0,))[0] - 1
    named = re.match(
        r"c2i_[A-Za-z0-9]+_(256|384)(?!\d)", pathlib.Path(path).name
    )
    if named and (sizes.num_layers, sizes.hidden_dim) in HEADS:
        wanted = (int(named[1]) // RELEASED_CELL) ** 2
    if wanted not in (None, cells):
        raise ValueError(
            f"`tokenizer` must have {wanted} cells, as {path} was trained "
            f"with. Received: a grid of {tokenizer.grid_size}. Load the "
            "tokenizer with another `image_size`."
        )
