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
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_cells: int,
        hidden_dim: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_cells = num_cells
        self.hidden_dim = hidden_dim

        self.token_embedding = table(
            vocabulary_size + 1,
            hidden_dim,
            self.dtype_policy,
            "token_embedding",
        )
        self.position_embedding = table(
            num_cells, hidden_dim, self.dtype_policy, "position_embedding"
        )

    def build(self) -> None:
        self.token_embedding.build((None, None))
        self.position_embedding.build((None,))

    def call(
        self, previous: Tensor, cells: Tensor, masked: Tensor | None = None
    ) -> Tensor:
        """Embeds the tokens before some cells.

        Args:
            previous: int32 tensor of shape `(B, T)`.
            cells: int32 tensor of shape `(T,)`, places in raster order.
            masked: bool tensor of shape `(B, T)`, True where the place alone
                goes in; or None.

        Returns:
            float tensor of shape `(B, T, hidden_dim)`.
        """
        x = self.token_embedding(previous)
        if masked is not None:
            x = ops.where(masked[:, :, None], ops.zeros_like(x), x)
        return x + self.position_embedding(cells)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "num_cells": self.num_cells,
            "hidden_dim": self.hidden_dim,
        }
