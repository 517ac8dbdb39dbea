"""Images as codes of small cells, found by a small autoencoder.

An encoder makes a vector of each cell by itself, a quantiser replaces it by
one of a few hundred codes, a convolutional decoder makes pixels of codes (van
den Oord et al. 2017, "Neural Discrete Representation Learning",
https://arxiv.org/abs/1711.00937). No discriminator takes part: the squared
errors of pixels and of their differences cannot go astray.

Axes: B batch, h and w rows and columns of cells, D code size.
"""

from typing import Any

import keras

from keras_igpt.argument_checks import (
    MOST_CODES,
    MOST_WIDTH,
    check_at_least,
    check_one_of,
    check_positive,
)
from keras_igpt.tokenizers.autoencoder import CELL_SIZES, decoder, encoder
from keras_igpt.tokenizers.codebook import CodebookTokenizer
from keras_igpt.tokenizers.quantizers import QUANTIZERS


@keras.saving.register_keras_serializable("keras_igpt")
class VQTokenizer(CodebookTokenizer):
    """Turns images into one code per 4x4 or 2x2 pixels, and back.

    Args:
        image_size: tuple of two ints, height and width, multiples of
            `cell_size`.
        codebook_size: int. Number of codes, the vocabulary.
        channels: 3 for RGB, 1 for grey images.
        quantizer: `"vq"`, codes are learned; or `"fsq"`, they are points of
            a grid, and `codebook_size` is one of 240, 512, 1000 and 4375.
        code_dim: int. Size of a learned code.
        hidden_dim: int. Channels of the convolutions.
        cell_size: 4, or 2: pixels that a cell is high and wide. Cells of 2
            keep much more of small images, and are four times as many.

    Example:

    >>> tokenizer = keras_igpt.VQTokenizer((64, 64), codebook_size=512)
    >>> tokenizer.adapt(train, minutes=10)
    >>> tokens = tokenizer.encode(images)      # int32 (batch, 256)
    >>> images = tokenizer.decode(tokens)      # uint8 (batch, 64, 64, 3)
    """

    def __init__(
        self,
        image_size: int | tuple[int, int],
        codebook_size: int = 512,
        channels: int = 3,
        quantizer: str = "vq",
        code_dim: int = 8,
        hidden_dim: int = 96,
        cell_size: int = 4,
        **kwargs: Any,
    ):
        if cell_size not in CELL_SIZES:
            raise ValueError(
                "`cell_size` must be 2 or 4, in pixels. "
                f"Received: cell_size={cell_size!r}."
            )
        kwargs = {**kwargs, "dtype": "float32"}
        super().__init__(image_size, channels, cell_size, **kwargs)
        check_at_least("codebook_size", codebook_size, 2, MOST_CODES)
        check_one_of("quantizer", quantizer, sorted(QUANTIZERS))
        check_positive("code_dim", code_dim, MOST_WIDTH)
        check_at_least("hidden_dim", hidden_dim, 2, MOST_WIDTH)
        self.codebook_size = int(codebook_size)
        self.quantizer_name = quantizer
        self.code_dim = int(code_dim)
        self.hidden_dim = int(hidden_dim)
        options = {"code_dim": self.code_dim} if quantizer == "vq" else {}
        self.quantizer = QUANTIZERS[quantizer](
            self.codebook_size, dtype="float32", name="quantizer", **options
        )
        self.encoder = encoder(
            self.hidden_dim, self.quantizer.code_dim, self.cell_size
        )
        self.decoder = decoder(self.hidden_dim, self.channels, self.cell_size)
        self.build()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "codebook_size": self.codebook_size,
            "channels": self.channels,
            "quantizer": self.quantizer_name,
            "code_dim": self.code_dim,
            "hidden_dim": self.hidden_dim,
            "cell_size": self.cell_size,
        }
