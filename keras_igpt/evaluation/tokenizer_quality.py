"""What a tokenizer keeps of images, beside a palette."""

import numpy as np

from keras_igpt import data
from keras_igpt.images import arrays, metrics
from keras_igpt.tokenizers.palette import PaletteTokenizer

# Pictures that a learned tokenizer paints at once.
DECODED = 256

# Colours of the palette that a learned tokenizer is compared with, and
# training pictures that they are fitted to.
PALETTE_COLORS = 512

PALETTE_PICTURES = 5_000


def tokenizer_figures(tokenizer, train, test):
    """How well test pictures survive as tokens, beside a plain palette.

    The palette has as many tokens to spend: pictures shrunk to the grid of
    the tokens, a fitted colour for each pixel, enlarged again.

    Args:
        tokenizer: a `VQTokenizer`.
        train: pictures to fit the palette to, as `keras_igpt.data.batches`
            takes them.
        test: pictures it has not seen.

    Returns:
        dict of float: those of `VQTokenizer.figures`, and `palette_psnr` in
        dB.
    """
    height, width = tokenizer.grid_size
    palette = PaletteTokenizer(
        (height, width), PALETTE_COLORS, tokenizer.channels
    )

    def small(images):
        return arrays.resize(images, palette.image_size)

    fitted = data.arrays(train, limit=PALETTE_PICTURES)["image"]
    palette.adapt(small(fitted))
    images = data.arrays(test)["image"]
    tokens = palette.encode(small(images))
    painted = np.asarray(palette.decode(tokens))
    painted = arrays.resize(painted, tokenizer.image_size)
    psnr = metrics.psnr(images, painted).mean()
    return {**tokenizer.figures(images), "palette_psnr": float(psnr)}


def decoded(tokenizer, tokens):
    """Pictures of any number of tokens `(B, N)`, some at a time."""
    parts = np.array_split(tokens, -(-len(tokens) // DECODED))
    return np.concatenate([np.asarray(tokenizer.decode(p)) for p in parts])
