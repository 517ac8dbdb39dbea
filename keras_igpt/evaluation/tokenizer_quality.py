"""What a tokenizer keeps of images, beside a palette.

Axes: B images.
"""

from typing import Any

import numpy as np

from keras_igpt import data
from keras_igpt.annotations import Array
from keras_igpt.images import metrics
from keras_igpt.images.arrays import most_images, resize, slices
from keras_igpt.tokenizers.base import ImageTokenizer
from keras_igpt.tokenizers.palette import PaletteTokenizer
from keras_igpt.tokenizers.vq import VQTokenizer

# Colours of the palette that a learned tokenizer is compared with, and
# training images that they are fitted to.
PALETTE_COLORS = 512

PALETTE_IMAGES = 5_000

# Images that are compared at once, as floats.
COMPARED = 256


def tokenizer_figures(
    tokenizer: VQTokenizer, train: Any, test: Any
) -> dict[str, float]:
    """How well test images survive as tokens, beside a plain palette.

    The palette has as many tokens to spend: images shrunk to the grid of the
    tokens, a fitted colour for each pixel, enlarged again.

    Args:
        tokenizer: a learned tokenizer.
        train: images to fit the palette to, as `keras_igpt.data.batches`
            takes them.
        test: images it has not seen; the first ones, if all of them would
            take more than 1 GiB.

    Returns:
        dict of those of `VQTokenizer.figures`, and `palette_psnr` in dB.
    """
    palette = PaletteTokenizer(
        tokenizer.grid_size, PALETTE_COLORS, tokenizer.channels
    )

    def small(images):
        return resize(images, palette.image_size)

    def shrunk(batch):
        return {"image": small(batch["image"])}

    fitted = data.arrays(train, shrunk, PALETTE_IMAGES)["image"]
    palette.adapt(fitted)
    most = most_images(2**63 - 1, tokenizer.image_shape)
    images = data.arrays(test, limit=most)["image"]
    psnr = []
    for rows in slices(images, COMPARED):
        kept = reconstructed(palette, small(images[rows]))
        kept = resize(kept, tokenizer.image_size)
        psnr.extend(metrics.psnr(images[rows], kept))
    return {**tokenizer.figures(images), "palette_psnr": float(np.mean(psnr))}


def reconstructed(tokenizer: ImageTokenizer, images: Array) -> Array:
    """What is left of images, decoded from their tokens.

    Args:
        tokenizer: an adapted tokenizer.
        images: uint8 array of shape `(B, *image_shape)`.

    Returns:
        uint8 array of the same shape.
    """
    return tokenizer.decode_all(tokenizer.encode_all(images))
