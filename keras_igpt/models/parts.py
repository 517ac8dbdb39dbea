"""The layers that the network is made of, from the arguments of `ImageGPT`."""

import math
from typing import Any

import keras
import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.layers.block import TransformerBlock
from keras_igpt.layers.memory import Memory
from keras_igpt.layers.primitives import empty_weights
from keras_igpt.layers.rotary import held_angles, rotary_angles
from keras_igpt.layers.source_encoder import SourceEncoder
from keras_igpt.prompts.prompt import Prompt


def new_prompt(config: dict, num_edits: int, dtype: Any) -> Prompt | None:
    """The layer that reads what is asked; None if nothing can be."""
    if not (config["num_classes"] or config["text_length"] or num_edits):
        return None
    return Prompt(
        config["num_classes"],
        config["text_length"],
        config["hidden_dim"],
        num_edits,
        dtype=dtype,
        name="prompt",
    )


def new_source_encoder(
    config: dict, tokenizer: keras.layers.Layer, dtype: Any
) -> SourceEncoder | None:
    """The layer that reads known pixels; None without edits."""
    if not config["edits"]:
        return None
    height, width, channels = tokenizer.image_shape
    rows, columns = tokenizer.grid_size
    with empty_weights(False):
        return SourceEncoder(
            tokenizer.grid_size,
            (height // rows, width // columns),
            channels,
            config["hidden_dim"],
            config["num_heads"],
            dtype=dtype,
            name="source_encoder",
        )


def new_blocks(
    config: dict, prompt_length: int, num_cells: int, dtype: Any
) -> list[TransformerBlock]:
    """All blocks, in the order in which they are computed."""
    # All may look at the prompt, and with "bert" at all cells too; in any
    # order, the mask alone says at what.
    open_length = prompt_length
    if config["objective"] == "bert" or config["order"] == "any":
        open_length += num_cells + (config["order"] == "any")
    return [
        _new_block(config, number, open_length, dtype)
        for number in range(config["num_layers"])
    ]


def _new_block(config, number, open_length, dtype):
    """Block `number`, whose first `open_length` positions are seen by all."""
    return TransformerBlock(
        config["hidden_dim"],
        config["num_heads"],
        open_length,
        config["activation"],
        config["qk_norm"],
        config["use_bias"],
        config["dropout"],
        # 2 L parts are added to the residual stream: each starts small
        # enough for their sum to keep its variance.
        output_scale=1 / math.sqrt(2 * config["num_layers"]),
        inner_dim=config["inner_dim"],
        score_scale=1 / (number + 1) if config["scale_by_layer"] else 1.0,
        dtype=dtype,
        asks=asks_at(config, number),
        name=f"block_{number}",
    )


def asks_at(config: dict, number: int) -> bool:
    """Whether block `number` asks, rather than reads."""
    half = config["num_layers"] // 2
    return config["order"] == "any" and number >= half


def new_memory(config: dict, dtype: Any) -> Memory | None:
    """What the blocks that ask look at; None where all read."""
    if config["order"] != "any":
        return None
    return Memory(
        config["hidden_dim"],
        config["num_heads"],
        config["qk_norm"],
        config["use_bias"],
        dtype=dtype,
        name="memory",
    )


def new_angles(
    config: dict, grid_size: tuple[int, int], prompt_length: int
) -> tuple[Array | None, Array | None]:
    """Rotary angles and factors of all positions, None where unused."""
    if config["positions"] != "rotary":
        return None, None
    any_order = config["order"] == "any"
    angles = rotary_angles(
        grid_size,
        config["hidden_dim"] // config["num_heads"],
        prompt_length + any_order,  # START has a position of its own
        config["rotary_base"],
    )
    if any_order and config["start"] == "class":
        return angles, (np.arange(len(angles)) > 0).astype("float32")
    # With the class as START a position's place is that of what it holds.
    if config["start"] == "class":
        return held_angles(angles)
    return angles, None
