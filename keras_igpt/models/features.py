"""What a model has understood of images, as vectors.

Axes: B images, N cells, d width of the model, L blocks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.argument_checks import is_whole
from keras_igpt.compiling import CompiledFunction
from keras_igpt.images.arrays import check_images, slices
from keras_igpt.images.given import fitted_images


class FeatureExtractor:
    """Describes images by what a model's blocks read of them.

    Args:
        model: an `ImageGPT`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        # By layers. Threads that are first at once each set the same.
        self._functions = {}

    def features(
        self,
        images: ArrayLike,
        layer: int | Sequence[int] | None = None,
        batch_size: int = 16,
    ) -> Array:
        """As `ImageGPT.features`."""
        tokenizer = self.model.tokenizer
        images = fitted_images(images, tokenizer.image_shape)
        check_images(images, tokenizer.image_shape)
        tokens = tokenizer.encode_all(images)
        return self.token_features(tokens, layer, batch_size)

    def token_features(
        self,
        tokens: Array,
        layer: int | Sequence[int] | None = None,
        batch_size: int = 16,
    ) -> Array:
        """As `ImageGPT.features`, for int tokens of shape `(batch, N)`."""
        layers = self._checked_layers(layer)
        describe = self._functions.setdefault(
            layers,
            CompiledFunction(
                self.model, lambda inputs: self._pooled(inputs, layers)
            ),
        )
        found = []
        for rows in slices(tokens, batch_size):
            part = tokens[rows].astype("int32")
            nulls = self.model.null_conditions(len(part))
            described = describe({"tokens": part, **nulls})
            found.append(ops.convert_to_numpy(described))
        none = np.zeros((0, len(layers), self.model.config["hidden_dim"]))
        found = np.concatenate([none, *found]).astype("float32")
        return found if isinstance(layer, list | tuple) else found[:, 0]

    def _pooled(self, inputs, layers):
        """Means over cells of what the layers read, `(B, layers, d)`."""
        model, states = self.model, []
        inputs = model.in_decode_order(inputs)
        states.append(model.read(inputs, states=states))
        norms = [block.attention_norm for block in model.blocks]
        norms.append(model.final_norm)
        if model.any_order:
            norms[len(model.reading_blocks)] = model.memory.norm
        means = [
            ops.mean(ops.cast(norms[i](states[i]), "float32"), axis=1)
            for i in layers
        ]
        return ops.stack(means, axis=1)

    def _checked_layers(self, layer):
        """Numbers of the layers that are asked for, as a tuple."""
        depth = len(self.model.blocks)
        if layer is None:
            return (depth // 2,)
        layers = layer if isinstance(layer, list | tuple) else [layer]
        whole = all(is_whole(i) for i in layers)
        if not layers or not whole or min(layers) < 0 or max(layers) > depth:
            raise ValueError(
                f"`layer` must be an int from 0 to {depth}, or a list of "
                f"these. Received: layer={layer!r}."
            )
        return tuple(int(i) for i in layers)
