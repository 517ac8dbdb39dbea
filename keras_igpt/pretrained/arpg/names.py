"""What the weights of ARPG's models are called, and their shapes.

Axes: V codes, C classes, H heads, D width of a head, d width, f inner width.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.argument_checks import check_positive
from keras_igpt.pretrained.llamagen.names import ROWS, check_tokens
from keras_igpt.pretrained.tensors import Tensor

# Heads of the released sizes, by layers and width; no file tells them.
HEADS = {(24, 1024): 16, (36, 1280): 20, (48, 1536): 24}

# Cells of the images that all of them were trained on.
RELEASED_GRID = (16, 16)

# Codes, the question, classes, the null class, and a row without use.
TABLE = "embeddings.weight"
HEAD = "head.weight"


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

    Theirs have the axes of kernels changed; several stand above one another,
    and of those in `turned` the pairs of a head are ordered as ours are. Of
    a table, `part` is ours.
    """

    place: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    turned: tuple[str, ...] = ()
    part: slice = slice(None)

    @property
    def is_kernel(self) -> bool:
        """Whether the axes of ours are theirs changed."""
        return self.place.endswith("kernel")

    def parts(
        self, tensors: Mapping[str, Tensor], sizes: Sizes
    ) -> Iterator[tuple[int, Array]]:
        """The weight as ours is shaped, of the type that the file has.

        In parts of about `ROWS` rows of theirs, each beside the number of its
        first. Queries and keys are turned a head at a time.
        """
        ours, order = 0, split_pairs(sizes)
        head = sizes.hidden_dim // sizes.num_heads
        for name in self.names:
            first, last, _ = self.part.indices(self.shape[0])
            turned = name in self.turned
            step = max(1, ROWS // head) * head if turned else ROWS
            for start in range(first, last, step):
                stop = min(start + step, last)
                part = tensors[name].read(start, stop)
                if turned:
                    part = part[order[start:stop] - start]
                yield ours, part.T if self.is_kernel else part
                ours += stop - start


def split_pairs(sizes: Sizes) -> Array:
    """The order of the rows of queries or keys, int `(d,)`.

    Theirs turns neighbours of a head, ours one of its first half with one of
    its second. Scores are the same.
    """
    places = np.arange(sizes.hidden_dim).reshape(sizes.num_heads, -1, 2)
    return places.swapaxes(1, 2).reshape(-1)


def sizes_of(
    tensors: Mapping[str, Tensor], path: PathLike, num_heads: int | None
) -> Sizes:
    """Sizes of a checkpoint, read off its tensors' shapes.

    Args:
        tensors: the file's.
        path: its name, for errors.
        num_heads: int, or None for that of the released sizes.
    """
    named = [name.split(".") for name in tensors]
    reading, asking = (
        len({x[2] for x in named if x[:2] == ["layers", kind] and len(x) > 3})
        for kind in ("self_dec", "cross_dec")
    )
    names = (TABLE, HEAD, "layers.self_dec.0.ffn.w1.weight")
    shapes = [tensors[n].shape if n in tensors else () for n in names]
    if not reading or any(len(x) != 2 or 0 in x for x in shapes):
        missing = [n for n, shape in zip(names, shapes) if not shape]
        raise ValueError(
            "The file must hold a model of ARPG's. Received: "
            f"{path} with {reading} + {asking} layers, missing: "
            f"{', '.join(missing) or 'none'}; it holds "
            f"{', '.join(sorted(tensors)[:4])} and so on. Nothing was loaded."
        )
    (rows, width), (codes, _), (inner, _) = shapes
    if reading != asking or rows < codes + 4:
        raise ValueError(
            "The file must hold as many blocks that read as blocks that ask, "
            f"and a row for each code and class. Received: {path} with "
            f"{reading} and {asking} blocks, {codes} codes and {rows} rows. "
            "Nothing was loaded."
        )
    if num_heads is None:
        num_heads = HEADS.get((2 * reading, width))
        if num_heads is None:
            raise ValueError(
                "`num_heads` must be given for sizes of which nothing was "
                f"released. Received: num_heads=None and {path} of "
                f"{2 * reading} layers, {width} wide. Look it up where it was "
                "trained."
            )
    check_positive("num_heads", num_heads)
    return Sizes(2 * reading, num_heads, width, inner, codes, rows - codes - 3)


def rows(sizes: Sizes) -> list[Row]:
    """All weights of a checkpoint."""
    d, codes = sizes.hidden_dim, sizes.vocabulary_size
    table = (codes + sizes.num_classes + 3, d)
    first = codes + 1
    found = [
        Row(f"{place}/embeddings", (TABLE,), table, part=part)
        for place, part in (
            ("embedding/token_embedding", slice(codes)),
            ("embedding/question", slice(codes, first)),
            (
                "prompt/class/class_embedding",
                slice(first, first + sizes.num_classes + 1),
            ),
        )
    ]
    half = sizes.num_layers // 2
    for i in range(half):
        found += _block_rows(f"block_{i}", f"self_dec.{i}", sizes, False)
    for i in range(half):
        found += _block_rows(f"block_{half + i}", f"cross_dec.{i}", sizes, True)
    keys, values = "layers.to_k.weight", "layers.to_v.weight"
    return [
        *found,
        Row("memory/norm/scale", ("layers.norm.weight",), (d,)),
        Row("memory/key_value/kernel", (keys, values), (d, d), (keys,)),
        Row("final_norm/scale", ("norm.weight",), (d,)),
        Row("head/kernel", (HEAD,), (codes, d)),
    ]


def _block_rows(ours, theirs, sizes, asks):
    d, inner = sizes.hidden_dim, sizes.inner_dim

    def row(place, names, shape):
        names = tuple(f"layers.{theirs}.{x}.weight" for x in names.split())
        turned = [x for x in names if x.endswith(("to_q.weight", "k.weight"))]
        return Row(f"{ours}/{place}", names, shape, tuple(turned))

    query = ("query", "attn.to_q")
    both = ("query_key_value", "attn.to_q attn.to_k attn.to_v")
    name, theirs_of = query if asks else both
    return [
        row("attention_norm/scale", "attn_norm", (d,)),
        row(f"attention/{name}/kernel", theirs_of, (d, d)),
        row("attention/output/kernel", "attn.proj", (d, d)),
        row("feed_forward_norm/scale", "ffn_norm", (d,)),
        row("feed_forward/inner/kernel", "ffn.w1 ffn.w3", (inner, d)),
        row("feed_forward/output/kernel", "ffn.w2", (d, inner)),
    ]


def check_fits(path: PathLike, sizes: Sizes, tokenizer: Any) -> None:
    """Refuses a tokenizer of another vocabulary or grid.

    Files do not tell the grid: nothing in them depends on it. The released
    sizes have one.

    Args:
        path: the file's name.
        sizes: as `sizes_of` returns them.
        tokenizer: whatever is to make images of the tokens.
    """
    check_tokens(path, sizes.vocabulary_size, tokenizer)
    grid = tuple(tokenizer.grid_size)
    if (sizes.num_layers, sizes.hidden_dim) in HEADS and grid != RELEASED_GRID:
        raise ValueError(
            f"`tokenizer` must have a grid of {RELEASED_GRID}, as {path} was "
            f"trained with. Received: a grid of {grid}. Load the tokenizer "
            "with image_size=256."
        )
