"""What a model has understood of pictures, as vectors.

Axes: B pictures, N cells, d width of the model, L blocks.
"""

import numpy as np
from keras import ops

from keras_igpt.compiling import compile_function
from keras_igpt.images.arrays import check_images


class FeatureExtractor:
    """What `ImageGPT` says of its inside, apart from its network.

    Expects of the class it is mixed into: `read`, `blocks`, `final_norm`,
    `tokenizer`, `null_conditions`, and a dict `_compiled`.
    """

    def hidden_states(self, inputs, start=True):
        """What goes into each block, and what comes out behind the last norm.

        Args:
            inputs, start: as the model is called with.

        Returns:
            tuple of L + 1 float tensors of shape `(B, N, d)`.
        """
        states = []
        last = self.read(inputs, start=start, states=states)
        return (*states, self.final_norm(last))

    def features(self, images, layer=None, batch_size=16):
        """Describes pictures by vectors, for classifiers and searches.

        The vector is the mean over cells of what a block reads, behind its
        first norm (Chen et al. 2020, section 2.3). Nothing is said of the
        pictures: prompts are empty.

        Args:
            images: uint8 array of shape `(batch, height, width, channels)`.
            layer: int from 0 to L: the block; L is what the head reads. None
                for the middle. Or a list of those.
            batch_size: int.

        Returns:
            float32 array of shape `(batch, d)`; for a list
            `(batch, layers, d)`.

        Raises:
            ValueError: if there is no such layer, or pictures do not fit.
        """
        images = np.asarray(images)
        images = images[None] if images.ndim == 3 else images
        check_images(images, self.tokenizer.image_shape)
        parts = [
            ops.convert_to_numpy(self.tokenizer.encode(part))
            for part in _parts(images, batch_size)
        ]
        return self.token_features(np.concatenate(parts), layer, batch_size)

    def token_features(self, tokens, layer=None, batch_size=16):
        """As `features`, for int tokens of shape `(batch, N)`."""
        layers = self._asked_layers(layer)
        key = ("features", layers)
        if key not in self._compiled:

            def describe(inputs):
                states = self._pooled(inputs, layers)
                return ops.stack(states, axis=1)

            self._compiled[key] = compile_function(self, describe)
        found = []
        for part in _parts(tokens, batch_size):
            nulls = self.null_conditions(len(part))
            inputs = {"tokens": part.astype("int32"), **nulls}
            described = self._compiled[key](inputs)
            found.append(ops.convert_to_numpy(described))
        found = np.concatenate(found).astype("float32")
        return found if isinstance(layer, (list, tuple)) else found[:, 0]

    def _pooled(self, inputs, layers):
        """Means over cells `(B, d)` of what the layers read."""
        states = []
        states.append(self.read(inputs, states=states))
        norms = [block.attention_norm for block in self.blocks]
        norms.append(self.final_norm)
        return [
            ops.mean(ops.cast(norms[i](states[i]), "float32"), axis=1)
            for i in layers
        ]

    def _asked_layers(self, layer):
        """Layers that are asked for, checked, as a tuple."""
        depth = len(self.blocks)
        if layer is None:
            return (depth // 2,)
        layers = layer if isinstance(layer, (list, tuple)) else [layer]
        whole = all(isinstance(i, (int, np.integer)) for i in layers)
        if not layers or not whole or min(layers) < 0 or max(layers) > depth:
            raise ValueError(
                f"`layer` must be an int from 0 to {depth}, or a list of "
                f"these. Received: layer={layer!r}."
            )
        return tuple(int(i) for i in layers)


def _parts(array, size):
    return [array[i : i + size] for i in range(0, len(array), size)]
