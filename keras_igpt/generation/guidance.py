"""Classifier-free guidance: what is asked, against what nothing asks for.

Axes: B images, V vocabulary.
"""

from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.prompts.conditions import NEGATIVE

# What guidance above 1 takes for possible: this share of the likeliest.
LOG_PLAUSIBLE = float(np.log(0.1))


def wanted(conditions: dict[str, Tensor]) -> dict[str, Tensor]:
    """Conditions without those that say what is not wanted."""
    return {k: v for k, v in conditions.items() if k != NEGATIVE}


def with_nulls(
    model: Any, conditions: dict[str, Tensor], tokens: Tensor
) -> dict[str, Tensor]:
    """Conditions of `2 B` rows: those that are given, then null ones.

    The null ones ask for the same edit of the same source, and for what is
    not wanted, if that is said.

    Args:
        model: has `null_conditions`.
        conditions: dict of tensors with B rows.
        tokens: tensor with B rows.
    """
    nulls = model.null_conditions(ops.shape(tokens)[0])
    if NEGATIVE in conditions:
        nulls["text"] = conditions[NEGATIVE]
        conditions = wanted(conditions)
    return {
        name: ops.concatenate([value, nulls.get(name, value)])
        for name, value in conditions.items()
    }


def guidance_at(
    cell: Tensor,
    settings: dict[str, Tensor],
    done: Tensor | float | None = None,
) -> Tensor:
    """The guidance scale of every image at one cell, or one group of cells.

    Args:
        cell: int32 tensor, a scalar or `(B,)`: how many cells are known.
        settings: dict of tensors of shape `(B,)`; guidance is for all cells
            if they do not say where it begins and ends, and constant if not
            how it grows.
        done: float tensor, a scalar or `(B,)`: the share of the cells that
            are known after this one. None for a constant scale.

    Returns:
        float32 tensor of shape `(B,)`.
    """
    scale = settings["guidance_scale"]
    if done is not None and "guidance_linear" in settings:
        linear = ops.cast(settings["guidance_linear"], "float32")
        scale = 1 + (scale - 1) * (1 - linear * (1 - done))
    if "guidance_first" not in settings:
        return scale
    inside = ops.logical_and(
        settings["guidance_first"] <= cell, cell < settings["guidance_last"]
    )
    return ops.where(inside, scale, 1.0)


def guide(
    logits: Tensor, guidance_scale: Tensor, plain: bool = False
) -> Tensor:
    """Classifier-free guidance on a batch of conditional, then null, rows.

    The ratio of two tiny probabilities says nothing, and guidance would make
    much of it. So above 1 only tokens take part that the condition makes at
    least a tenth as likely as the likeliest (the "adaptive plausibility" of
    Li et al. 2022, https://arxiv.org/abs/2210.15097).

    Args:
        logits: float32 tensor of shape `(2 B, V)`.
        guidance_scale: float32 tensor of shape `(B,)`. 1 changes nothing.
        plain: bool. All tokens take part.

    Returns:
        float32 tensor of shape `(B, V)`.
    """
    conditional, unconditional = ops.split(logits, 2, axis=0)
    scale = guidance_scale[:, None]
    guided = unconditional + scale * (conditional - unconditional)
    if plain:
        return guided
    least = ops.max(conditional, axis=-1, keepdims=True) + LOG_PLAUSIBLE
    stays = ops.logical_or(conditional >= least, scale <= 1)
    return ops.where(stays, guided, -1e9)
