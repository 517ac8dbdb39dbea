"""The arguments of `ImageGPT`: what they may be, and sizes that have names."""

import math
from collections.abc import Mapping
from typing import Any

from keras_igpt.argument_checks import (
    MOST_LAYERS,
    MOST_WIDTH,
    check_at_least,
    check_not_negative,
    check_one_of,
    check_positive,
    check_width,
    is_number,
    is_whole,
)
from keras_igpt.generation.step_schedules import SCHEDULE, SCHEDULES

POSITIONS = ("rotary", "learned")
ACTIVATIONS = ("swiglu", "quick_gelu", "gelu")
OBJECTIVES = ("autoregressive", "bert")
STARTS = ("token", "class")
ORDERS = ("raster", "any")

# What the original has beside its width and depth (Chen et al. 2020). The
# published sizes read images of 32x32 in 512 colours.
ORIGINAL = {
    "positions": "learned",
    "activation": "quick_gelu",
    "qk_norm": False,
    "use_bias": False,
}

SIZES = {
    "tiny": {"num_layers": 4, "num_heads": 4, "hidden_dim": 96},
    "small": {"num_layers": 6, "num_heads": 6, "hidden_dim": 192},
    "base": {"num_layers": 8, "num_heads": 8, "hidden_dim": 256},
    "large": {"num_layers": 12, "num_heads": 8, "hidden_dim": 512},
    "igpt_s": {
        **{"num_layers": 24, "num_heads": 8, "hidden_dim": 512},
        **ORIGINAL,
    },
    "igpt_m": {
        **{"num_layers": 36, "num_heads": 8, "hidden_dim": 1024},
        **ORIGINAL,
    },
    "igpt_l": {
        **{"num_layers": 48, "num_heads": 16, "hidden_dim": 1536},
        **ORIGINAL,
    },
}


def checked_config(tokenizer: Any, config: Mapping[str, Any]) -> dict:
    """The arguments of `ImageGPT` as its files keep them.

    Args:
        tokenizer: what should be a tokenizer.
        config: the other arguments of `ImageGPT` by name, all of them.

    Returns:
        dict of the same names, of values that JSON can hold.

    Raises:
        ValueError: if one is not what it must be, or two do not fit.
    """
    config = {name: _plain(value) for name, value in config.items()}
    if not hasattr(tokenizer, "vocabulary_size"):
        raise ValueError(
            "`tokenizer` must be a tokenizer object, such as a "
            f"PaletteTokenizer. Received: tokenizer={tokenizer!r}."
        )
    _check_conditions(tokenizer, config)
    _check_shape(config)
    return config


def _plain(value):
    if is_whole(value):
        return int(value)
    return list(value) if isinstance(value, list | tuple) else value


def _check_conditions(tokenizer, config):
    """Checks what the model can be asked for."""
    check_not_negative("num_classes", config["num_classes"])
    check_not_negative("text_length", config["text_length"], MOST_WIDTH)
    names = config["class_names"]
    if names and (
        len(names) != config["num_classes"] or len(set(names)) != len(names)
    ):
        raise ValueError(
            "`class_names` must be empty or have one name for each of the "
            f"{config['num_classes']} classes, all different. "
            f"Received: class_names={names}."
        )
    check_one_of("objective", config["objective"], OBJECTIVES)
    _check_order(tokenizer, config)
    if config["objective"] == "bert" and config["edits"]:
        raise ValueError(
            "`edits` must be empty with the objective 'bert', which does "
            f"not generate. Received: edits={tuple(config['edits'])}."
        )


def _check_order(tokenizer, config):
    """Checks the order of cells, and the steps that write them."""
    check_one_of("order", config["order"], ORDERS)
    if config["order"] == "raster":
        for name in ("steps", "step_schedule"):
            if config[name] is not None:
                raise ValueError(
                    f"`{name}` must be None with the order 'raster', which "
                    f"writes cell by cell. Received: {name}={config[name]!r}."
                )
        return
    if config["objective"] == "bert":
        raise ValueError(
            "`order` must be 'raster' with the objective 'bert', which does "
            "not generate. Received: order='any'."
        )
    if config["num_layers"] % 2:
        raise ValueError(
            "`num_layers` must be even with the order 'any': half of the "
            "blocks read, half ask. Received: "
            f"num_layers={config['num_layers']}."
        )
    if config["step_schedule"] is None:
        config["step_schedule"] = SCHEDULE
    check_one_of("step_schedule", config["step_schedule"], sorted(SCHEDULES))
    if config["steps"] is not None:
        cells = math.prod(tokenizer.grid_size)
        check_at_least("steps", config["steps"], 1, cells)


def _check_shape(config):
    """Checks the network's sizes and switches."""
    check_one_of("positions", config["positions"], POSITIONS)
    _check_places(config)
    check_one_of("activation", config["activation"], ACTIVATIONS)
    check_positive("num_layers", config["num_layers"], MOST_LAYERS)
    check_width(config["hidden_dim"], config["num_heads"], config["positions"])
    if config["inner_dim"] is not None:
        check_positive("inner_dim", config["inner_dim"], MOST_WIDTH)
    if not 0 <= config["dropout"] < 1:
        raise ValueError(
            "`dropout` must be at least 0 and below 1. "
            f"Received: dropout={config['dropout']!r}."
        )


def _check_places(config):
    """Checks how the network tells where a cell is, and what begins."""
    check_one_of("start", config["start"], STARTS)
    if config["start"] == "class" and (
        not config["num_classes"] or config["objective"] == "bert"
    ):
        raise ValueError(
            "`start` must be 'token' without classes and with the objective "
            f"'bert'. Received: start='class', num_classes="
            f"{config['num_classes']}, objective={config['objective']!r}."
        )
    if config["positions"] == "learned" and not config["cell_embedding"]:
        raise ValueError(
            "`cell_embedding` must be True with learned positions, which are "
            "nothing else. Received: cell_embedding=False, "
            "positions='learned'."
        )
    base = config["rotary_base"]
    if not is_number(base) or not 1 < base < math.inf:
        raise ValueError(
            "`rotary_base` must be a number above 1. "
            f"Received: rotary_base={base!r}."
        )
