"""Several candidates for each image, of which the likeliest is kept.

Axes: B images, n candidates of each, N cells.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.generation.plans import scored_orders
from keras_igpt.generation.settings import MAX_SEED
from keras_igpt.training.losses import token_nats

# Seeds of one image's candidates are so far apart, beyond those of the images
# beside it, which count up.
_STRIDE = 0x5BD1E995


def repeated(rows: Any, count: int) -> Any:
    """Each row of all arrays of a nest so many times in a row, `(B * n, …)`."""
    return keras.tree.map_structure(lambda x: np.repeat(x, count, 0), rows)


def candidate_seeds(seeds: Array, count: int) -> Array:
    """Seeds of the candidates of images: the first one's is the image's own.

    Args:
        seeds: int32 array `(B,)`.
        count: int, n.

    Returns:
        int32 array `(B * n,)`, which depends on an image's own seed alone.
    """
    apart = _STRIDE * np.arange(count, dtype="int64")
    found = (seeds.astype("int64")[:, None] + apart) % (MAX_SEED + 1)
    return found.reshape(-1).astype("int32")


def candidate_nats(model: Any) -> Callable[[Tensor, dict[str, Tensor]], Tensor]:
    """Function of tokens `(B, N)` and what was asked to nats of each image.

    They are those of all cells, those that were given among them: between
    candidates only what was generated differs.
    """

    def nats(tokens, conditions):
        (orders,) = scored_orders(model, None, 0)  # when it is traced
        count = ops.shape(tokens)[0]
        more = {k: ops.repeat(v, count, 0) for k, v in orders.items()}
        logits = model({"tokens": tokens, **conditions, **more})
        return ops.sum(token_nats(tokens, logits), axis=-1)

    return nats


def likeliest(tokens: Array, nats: Array, count: int) -> Array:
    """The candidate of each image with the least nats.

    Args:
        tokens: int32 array `(B * n, N)`.
        nats: float array `(B * n,)`.
        count: int, n.

    Returns:
        int32 array `(B, N)`; of equals the first.
    """
    best = nats.reshape(-1, count).argmin(axis=1)
    return tokens.reshape(len(best), count, -1)[np.arange(len(best)), best]
