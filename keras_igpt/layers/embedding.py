"""The Transformer's smaller parts: embedding, feed-forward, norm, projection.

Axes: B batch, T length.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_igpt")
class CellEmbedding(keras.layers.Layer):
    """What goes into a cell: the token before it and the cell's own place.

    Token ids are `0 … vocabulary_size - 1`; the id `vocabulary_size` is START,
    which stands before the first cell.
    """

    def __init__(self, vocabulary_size, num_cells, hidden_dim, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_cells = num_cells
        self.hidden_dim = hidden_dim

        def table(rows, name):
            return keras.layers.Embedding(
                rows,
                hidden_dim,
                embeddings_initializer=keras.initializers.RandomNormal(
                    stddev=0.02
                ),
                dtype=self.dtype_policy,
                name=name,
            )

        self.token_embedding = table(vocabulary_size + 1, "token_embedding")
        self.position_embedding = table(num_cells, "position_embedding")

    def build(self):
        self.token_embedding.build((None, None))
        self.position_embedding.build((None,))

    def call(self, previous, cells, masked=None):
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

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "num_cells": self.num_cells,
            "hidden_dim": self.hidden_dim,
        }
