"""What is known of an image, as a vector for each of its cells.

Axes: B images, h and w rows and columns of cells, N = h w, C channels,
d width of the model.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.block import TransformerBlock
from keras_igpt.layers.primitives import norm
from keras_igpt.layers.rotary import rotary_angles


@keras.saving.register_keras_serializable("keras_igpt")
class SourceEncoder(keras.layers.Layer):
    """A small Transformer in which all cells see each other.

    Its vectors are added where the model is about to write a cell: so every
    cell is written knowing what stands to its right and below.

    Args:
        grid_size: tuple of two ints, h and w.
        cell_size: tuple of two ints, pixels that a cell is high and wide.
        channels: int. C, of images.
        hidden_dim: int. d.
        num_heads: int. Of the model; it has half of them, as wide.
        num_layers: int.
    """

    def __init__(
        self,
        grid_size: tuple[int, int],
        cell_size: tuple[int, int],
        channels: int,
        hidden_dim: int,
        num_heads: int,
        num_layers: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.grid_size = tuple(grid_size)
        self.cell_size = tuple(cell_size)
        self.channels = channels
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.num_layers = num_layers
        heads, head_dim = max(1, num_heads // 2), hidden_dim // num_heads
        self.width = heads * head_dim
        self.num_cells = int(np.prod(self.grid_size))
        dtype = self.dtype_policy
        self.pixels = keras.layers.Dense(self.width, dtype=dtype, name="pixels")
        self.position_embedding = keras.layers.Embedding(
            self.num_cells, self.width, dtype=dtype, name="position_embedding"
        )
        # As a prompt is seen by all, so is every cell here.
        self.blocks = [
            TransformerBlock(
                self.width,
                heads,
                self.num_cells,
                dtype=dtype,
                name=f"block_{i}",
            )
            for i in range(num_layers)
        ]
        self.final_norm = norm(dtype, "final_norm")
        # Zeros: at first a model generates as if nothing were known.
        self.output_projection = keras.layers.Dense(
            hidden_dim,
            use_bias=False,
            kernel_initializer="zeros",
            dtype=dtype,
            name="output",
        )
        self.angles = None
        if head_dim % 4 == 0:
            self.angles = rotary_angles(self.grid_size, head_dim)

    def build(self) -> None:
        rows, columns = self.cell_size
        self.pixels.build((None, None, rows * columns * (self.channels + 1)))
        self.position_embedding.build((None,))
        for block in self.blocks:
            block.build()
        self.final_norm.build((None, None, self.width))
        self.output_projection.build((None, None, self.width))

    def call(self, source: Tensor, training: bool | None = None) -> Tensor:
        """Reads sources.

        Args:
            source: uint8 tensor of shape `(B, height, width, C + 1)`: pixels,
                and 255 where they are known, 0 where they are not.
            training: bool.

        Returns:
            float tensor of shape `(B, N, d)`; zeros for images of which
            nothing is known.
        """
        known = ops.cast(source[..., -1:], self.compute_dtype) / 255
        pixels = ops.cast(source[..., :-1], self.compute_dtype) / 127.5 - 1
        x = self._cells(ops.concatenate([pixels * known, known], axis=-1))
        x = self.pixels(x) + self.position_embedding(
            ops.arange(self.num_cells, dtype="int32")
        )
        # Nothing is forbidden.
        bias = ops.zeros((1, 1, self.num_cells, self.num_cells), x.dtype)
        for block in self.blocks:
            x, _ = block(x, bias, self.angles, training=training)
        x = self.output_projection(self.final_norm(x))
        return x * ops.max(known, axis=(1, 2))[:, None]

    def _cells(self, x):
        """`(B, height, width, C + 1)` to `(B, N, pixels of a cell)`."""
        (h, w), (rows, columns) = self.grid_size, self.cell_size
        channels = self.channels + 1
        x = ops.reshape(x, (-1, h, rows, w, columns, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, h * w, rows * columns * channels))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "grid_size": self.grid_size,
            "cell_size": self.cell_size,
            "channels": self.channels,
            "hidden_dim": self.hidden_dim,
            "num_heads": self.num_heads,
            "num_layers": self.num_layers,
        }
