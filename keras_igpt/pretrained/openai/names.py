"""What the original iGPT's weights are called, in three places.

Axes: V colours, N cells, d width, f inner width, H heads, L blocks.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.pretrained.tensor_files import Tensor

# Variables of OpenAI's training, of which a model needs nothing. Their
# classifier's head is not restored by their own program either.
TRAINING = ("adam_v", "adam_m", "AdamWeightDecayOptimizer", "global_step")


class Sizes(NamedTuple):
    """How large a checkpoint is."""

    num_layers: int
    num_heads: int
    hidden_dim: int
    inner_dim: int
    num_cells: int
    vocabulary_size: int


class Row(NamedTuple):
    """A weight: where it is in our model, and in Hugging Face's.

    `transposed` says that theirs is ours with the axes changed.
    """

    place: str
    name: str
    shape: tuple[int, ...]
    transposed: bool = False


# === Hugging Face ===


def rows(sizes: Sizes) -> list[Row]:
    """All weights of a checkpoint, in Hugging Face's shapes, with biases."""
    d, vocabulary = sizes.hidden_dim, sizes.vocabulary_size
    found = [
        Row(
            "embedding/token_embedding/embeddings",
            "transformer.wte.weight",
            (vocabulary + 1, d),
        ),
        Row(
            "embedding/position_embedding/embeddings",
            "transformer.wpe.weight",
            (sizes.num_cells, d),
        ),
    ]
    for i in range(sizes.num_layers):
        found += _block_rows(i, d, sizes.inner_dim)
    return [
        *found,
        Row("final_norm/scale", "transformer.ln_f.weight", (d,)),
        Row("head/kernel", "lm_head.weight", (vocabulary, d), True),
    ]


def _block_rows(i, d, inner):
    ours, theirs = f"block_{i}", f"transformer.h.{i}"

    def norm(place, name):
        return Row(f"{ours}/{place}/scale", f"{theirs}.{name}.weight", (d,))

    def projection(place, name, inputs, outputs):
        place, name = f"{ours}/{place}", f"{theirs}.{name}"
        yield Row(f"{place}/kernel", f"{name}.weight", (inputs, outputs))
        yield Row(f"{place}/bias", f"{name}.bias", (outputs,))

    return [
        norm("attention_norm", "ln_1"),
        *projection("attention/query_key_value", "attn.c_attn", d, 3 * d),
        *projection("attention/output", "attn.c_proj", d, d),
        norm("feed_forward_norm", "ln_2"),
        *projection("feed_forward/inner", "mlp.c_fc", d, inner),
        *projection("feed_forward/output", "mlp.c_proj", inner, d),
    ]


def is_buffer(name: str) -> bool:
    """Whether a name is of a mask that old checkpoints hold too."""
    return name.endswith((".attn.bias", ".attn.masked_bias"))


# === OpenAI ===


def tensorflow_sizes(tensors: Mapping[str, Tensor], path: PathLike) -> Sizes:
    """Sizes of OpenAI's checkpoint, read off its tensors' shapes."""
    depth = 0
    while f"model/h{depth}/ln_1/g" in tensors:
        depth += 1
    names = ("wte", "wpe", "h0/attn/q_proj", "h0/mlp/c_fc/w")
    missing = [f"model/{n}" for n in names if f"model/{n}" not in tensors]
    if missing or not depth:
        raise ValueError(
            "The checkpoint must hold the weights of an iGPT. Received: "
            f"{path}, missing: {', '.join(missing or ['model/h0/ln_1/g'])}. "
            "Nothing was loaded."
        )
    shapes = [tensors[f"model/{name}"].shape for name in names]
    wte, wpe, query, inner = shapes
    if [len(shape) for shape in shapes] != [2, 2, 3, 2] or 0 in query:
        raise ValueError(
            "The checkpoint must hold the weights of an iGPT. Received: "
            f"{path}, with {', '.join(names)} of the shapes {shapes}. "
            "Nothing was loaded."
        )
    return Sizes(depth, query[0], wte[1], inner[-1], wpe[0], wte[0])


def tensorflow_shapes(sizes: Sizes, start: bool) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all that a checkpoint of OpenAI's must hold.

    Args:
        sizes: how large it is.
        start: whether there is a start vector: not with "bert".
    """
    d, heads = sizes.hidden_dim, sizes.num_heads
    shapes = {
        "wte": (sizes.vocabulary_size, d),
        "wpe": (sizes.num_cells, d),
        "ln_f/g": (d,),
        "wtet": (sizes.vocabulary_size, d),
    }
    if start:
        shapes["sos"] = (d,)
    for i in range(sizes.num_layers):
        block = {
            "ln_1/g": (d,),
            "ln_2/g": (d,),
            "mlp/c_fc/w": (d, sizes.inner_dim),
            "mlp/c_proj/w": (sizes.inner_dim, d),
        }
        for name in ("q_proj", "k_proj", "v_proj", "c_proj"):
            block[f"attn/{name}"] = (heads, d // heads, d)
        shapes |= {f"h{i}/{name}": shape for name, shape in block.items()}
    return {f"model/{name}": shape for name, shape in shapes.items()}


def is_of_training(name: str) -> bool:
    """Whether a name is of the optimizer's state or the classifier's head."""
    return (
        any(part in name for part in TRAINING)
        or name.endswith("_step")
        or "clf" in name
    )


def from_tensorflow(
    tensors: Mapping[str, Tensor], sizes: Sizes
) -> dict[str, Tensor]:
    """OpenAI's tensors under Hugging Face's names and in their shapes.

    Projections of heads are one matrix there, and there are no biases.

    Args:
        tensors: all that a checkpoint must hold.
        sizes: how large it is.
    """
    d = sizes.hidden_dim
    vocabulary = sizes.vocabulary_size

    def read(name):
        return tensors[f"model/{name}"].read()

    def embeddings():
        start = np.zeros(d, "float32")
        if "model/sos" in tensors:
            start = read("sos")
        return np.concatenate([read("wte"), start[None]])

    def query_key_value(i):
        # Theirs multiplies (H, D, d) with a vector d: ours stands on its side.
        parts = [read(f"h{i}/attn/{x}_proj").reshape(d, d).T for x in "qkv"]
        return np.concatenate(parts, axis=1)

    found = {
        "transformer.wte.weight": Tensor((vocabulary + 1, d), embeddings),
        "transformer.wpe.weight": tensors["model/wpe"],
        "transformer.ln_f.weight": tensors["model/ln_f/g"],
        "lm_head.weight": tensors["model/wtet"],
    }
    for i in range(sizes.num_layers):
        block = {
            "ln_1.weight": tensors[f"model/h{i}/ln_1/g"],
            "ln_2.weight": tensors[f"model/h{i}/ln_2/g"],
            "mlp.c_fc.weight": tensors[f"model/h{i}/mlp/c_fc/w"],
            "mlp.c_proj.weight": tensors[f"model/h{i}/mlp/c_proj/w"],
            "attn.c_attn.weight": Tensor(
                (d, 3 * d), lambda i=i: query_key_value(i)
            ),
            "attn.c_proj.weight": Tensor(
                (d, d), lambda i=i: read(f"h{i}/attn/c_proj").reshape(d, d)
            ),
        }
        found |= {f"transformer.h.{i}.{k}": v for k, v in block.items()}
    return found
