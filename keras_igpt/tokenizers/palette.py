"""Images as palette colours: one token a pixel, as in the original iGPT.

Colours are found by k-means on pixels (Chen et al. 2020, section 3.2); grey
images need no search, their palette is evenly spaced grey levels.
"""

import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt import data
from keras_igpt.annotations import ArrayLike
from keras_igpt.argument_checks import MOST_CODES, check_at_least, check_seed
from keras_igpt.images.arrays import check_images, to_floats, to_pixels
from keras_igpt.tokenizers.base import ImageTokenizer
from keras_igpt.tokenizers.quantizers import k_means

# Pixels compared with the whole palette at once: 512 colours x 16,384 pixels
# x 4 bytes are 32 MiB, whatever the size of the images.
BLOCK = 16_384

SAMPLE_PIXELS = 1_000_000


@keras.saving.register_keras_serializable("keras_igpt")
class PaletteTokenizer(ImageTokenizer):
    """Turns images into one colour number per pixel, and back.

    Args:
        image_size: tuple of two ints, height and width in pixels.
        num_colors: int, at least 2. Palette size, the vocabulary.
        channels: 3 for RGB, 1 for grey images. Grey needs no `adapt`: the
            palette is `num_colors` levels from black to white.

    Example:

    >>> tokenizer = keras_igpt.PaletteTokenizer((8, 8), 17, channels=1)
    >>> tokens = tokenizer.encode(images)      # int32 (batch, 64)
    >>> images = tokenizer.decode(tokens)      # uint8 (batch, 8, 8, 1)
    """

    def __init__(
        self,
        image_size: int | tuple[int, int],
        num_colors: int = 512,
        channels: int = 3,
        **kwargs: Any,
    ):
        super().__init__(image_size, channels, **kwargs)
        check_at_least("num_colors", num_colors, 2, MOST_CODES)
        self.num_colors = int(num_colors)
        self.adapted = channels == 1
        self.build()

    @property
    def vocabulary_size(self) -> int:
        """Number of colours."""
        return self.num_colors

    def build(self) -> None:
        """Makes the palette."""
        self.codebook = self.add_weight(
            shape=(self.num_colors, self.channels),
            initializer="zeros",
            dtype="float32",
            trainable=False,
            name="codebook",
        )
        if self.channels == 1:
            levels = np.linspace(-1, 1, self.num_colors, dtype="float32")
            self.codebook.assign(levels[:, None])

    def adapt(self, dataset: Any, seed: int = 0) -> "PaletteTokenizer":
        """Finds the palette: k-means on a sample of at most 1M pixels.

        Images with fewer colours than the palette keep theirs exactly.

        Args:
            dataset: what `keras_igpt.data.batches` takes: a `tf.data.Dataset`
                of dictionaries with `"image"`, or uint8 images.
            seed: int. Same images and seed, same palette.

        Returns:
            The tokenizer itself.
        """
        check_seed(seed)
        if self.channels == 1:
            return self
        pixels = self._sample_pixels(dataset, np.random.default_rng(seed))
        colors = np.unique(pixels, axis=0)
        if len(colors) < self.num_colors:
            warnings.warn(
                f"The images have {len(colors)} colours. So many of the "
                f"palette's {self.num_colors} are used; num_colors="
                f"{max(2, len(colors))} would do.",
                stacklevel=2,
            )
            # Of equal colours the first is the nearest, so these stay unused.
            spare = np.repeat(colors[:1], self.num_colors - len(colors), axis=0)
            palette = to_floats(np.concatenate([colors, spare]))
        else:
            pixels = to_floats(pixels, "float64")
            palette = k_means(pixels, self.num_colors, 8192, seed)
        self.codebook.assign(palette)
        self.adapted = True
        return self

    def set_palette(self, colors: ArrayLike) -> None:
        """Takes a palette that is known already, as another program's.

        Args:
            colors: float array of shape `(num_colors, channels)`, -1 for
                black to 1 for white.
        """
        colors = np.asarray(colors, "float32")
        wanted = (self.num_colors, self.channels)
        if colors.shape != wanted or not np.all(np.abs(colors) < 1.01):
            raise ValueError(
                f"`colors` must have shape {wanted} and values from -1 to 1. "
                f"Received: colors.shape={colors.shape}, values up to "
                f"{np.abs(colors).max(initial=0)}."
            )
        self.codebook.assign(colors)
        self.adapted = True

    def _encode(self, images):
        """The number of every pixel's nearest colour."""
        pixels = ops.reshape(images, (-1, self.channels))
        count = ops.shape(pixels)[0]
        if isinstance(count, int) and count == 0:  # nothing to map over
            return ops.zeros((0, math.prod(self.grid_size)), "int32")
        # map runs over equal blocks: fill the last one up, cut it off again.
        pixels = ops.concatenate(
            [pixels, ops.zeros((-count % BLOCK, self.channels), pixels.dtype)]
        )
        blocks = ops.reshape(pixels, (-1, BLOCK, self.channels))
        tokens = ops.reshape(ops.map(self._nearest, blocks), (-1,))[:count]
        return ops.reshape(tokens, (-1, math.prod(self.grid_size)))

    def _decode(self, tokens):
        """The colours of numbers."""
        colors = to_pixels(ops.convert_to_tensor(self.codebook))
        images = ops.take(colors, tokens, axis=0)
        return ops.reshape(images, (-1, *self.image_shape))

    def load_own_variables(self, store: Any) -> None:
        """Loads the palette; one that is not all zeros was adapted."""
        super().load_own_variables(store)
        self.adapted = bool(np.any(ops.convert_to_numpy(self.codebook)))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "num_colors": self.num_colors,
            "channels": self.channels,
        }

    def _nearest(self, pixels):
        pixels = to_floats(pixels)  # (BLOCK, channels)
        codebook = ops.convert_to_tensor(self.codebook)
        # |pixel - color|^2 without the term that all colours share.
        distance = ops.sum(codebook**2, axis=-1) - 2 * ops.matmul(
            pixels, ops.transpose(codebook)
        )
        return ops.cast(ops.argmin(distance, axis=-1), "int32")

    def _sample_pixels(self, dataset, generator):
        """A uniform sample of pixels in bounded memory (a reservoir)."""
        sample = np.empty((0, self.channels), "uint8")
        keys = np.empty(0)
        for batch in data.batches(dataset, batch_size=64):
            check_images(batch["image"], self.image_shape)
            pixels = batch["image"].reshape(-1, self.channels)
            sample = np.concatenate([sample, pixels])
            keys = np.concatenate([keys, generator.random(len(pixels))])
            if len(keys) > 2 * SAMPLE_PIXELS:
                smallest = np.argpartition(keys, SAMPLE_PIXELS)[:SAMPLE_PIXELS]
                sample, keys = sample[smallest], keys[smallest]
        smallest = np.argsort(keys)[:SAMPLE_PIXELS]
        return sample[smallest]
