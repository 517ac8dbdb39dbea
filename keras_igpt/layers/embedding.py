"""What goes into a cell: the token before it, and its place.

Axes: B batch, T length.
"""

from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.primitives import table


@keras.saving.register_keras_serializable("keras_igpt")
class CellEmbedding(keras.layers.Layer):
    """What goes into a cell: the token before it and the cell's own place.

    Token ids are `0 … vocabulary_size - 1`; the id `vocabulary_size` is START,
    which stands before the first cell.

    Args:
        vocabulary_size: int.
        num_cells: int.
        hidden_dim: int.
        learned_start: bool. Whether START has a learned vector; without, one
            comes with each call.
        learned_cells: bool. Whether each cell has a learned vector.
        asks: bool. Whether there is a vector that asks for a cell's token,
            and tokens stand at their own cells, START at none.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_cells: int,
        hidden_dim: int,
        learned_start: bool = True,
        learned_cells: bool = True,
        asks: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_cells = num_cells
        self.hidden_dim = hidden_dim
        self.learned_start = learned_start
        self.learned_cells = learned_cells
        self.asks = asks

        self.token_embedding = table(
            vocabulary_size + learned_start,
            hidden_dim,
            self.dtype_policy,
            "token_embedding",
        )
        if learned_cells:
            self.position_embedding = table(
                num_cells, hidden_dim, self.dtype_policy, "position_embedding"
            )
        if asks:
            self.question = table(1, hidden_dim, self.dtype_policy, "question")

    def build(self) -> None:
        self.token_embedding.build((None, None))
        if self.learned_cells:
            self.position_embedding.build((None,))
        if self.asks:
            self.question.build((None,))

    def call(
        self,
        previous: Tensor,
        cells: Tensor,
        masked: Tensor | None = None,
        start: Tensor | None = None,
    ) -> Tensor:
        """Embeds the tokens before some cells.

        Args:
            previous: int32 tensor of shape `(B, T)`.
            cells: int32 tensor of shape `(T,)`, places in raster order; with
                `asks` also `(B, T)`, and any number for START.
            masked: bool tensor of shape `(B, T)`, True where the place alone
                goes in; or None.
            start: float tensor of shape `(B, 1, hidden_dim)`, what START is;
                None for its learned vector.

        Returns:
            float tensor of shape `(B, T, hidden_dim)`.
        """
        if start is None:
            x = self.token_embedding(previous)
        else:
            is_start = (previous == self.vocabulary_size)[:, :, None]
            known = ops.minimum(previous, self.vocabulary_size - 1)
            x = ops.where(is_start, start, self.token_embedding(known))
        if masked is not None:
            x = ops.where(masked[:, :, None], ops.zeros_like(x), x)
        if not self.learned_cells:
            return x
        places = self.position_embedding(cells)
        if self.asks:
            has_place = previous != self.vocabulary_size
            places = ops.where(ops.expand_dims(has_place, -1), places, 0)
        return x + places

    def ask(self, cells: Tensor) -> Tensor:
        """What asks for the tokens of cells.

        Args:
            cells: int32 tensor of shape `(T,)` or `(B, T)`.

        Returns:
            float tensor of shape `(*cells.shape, hidden_dim)`.
        """
        x = self.question(ops.zeros_like(cells))
        return x + self.position_embedding(cells) if self.learned_cells else x

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "num_cells": self.num_cells,
            "hidden_dim": self.hidden_dim,
            "learned_start": self.learned_start,
            "learned_cells": self.learned_cells,
            "asks": self.asks,
        }
