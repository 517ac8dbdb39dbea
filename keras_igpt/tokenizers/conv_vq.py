"""Images as codes of large cells, for photographs.

A convolutional encoder and decoder with attention see the whole image, so
that cells of 8 or 16 pixels suffice (Sun et al. 2024,
https://arxiv.org/abs/2406.06525; codes of length 1 after Yu et al. 2021,
https://arxiv.org/abs/2110.04627).
"""

from typing import Any

import keras
import numpy as np

from keras_igpt.annotations import ArrayLike
from keras_igpt.argument_checks import (
    MOST_CODES,
    MOST_WIDTH,
    check_at_least,
    check_positive,
    is_whole,
)
from keras_igpt.images.arrays import slices
from keras_igpt.tokenizers.autoencoder import ReconstructionLoss
from keras_igpt.tokenizers.codebook import CodebookTokenizer, share
from keras_igpt.tokenizers.convolutional_parts import decoder, encoder
from keras_igpt.tokenizers.critics import AdversarialAutoencoder, PerceptualLoss
from keras_igpt.tokenizers.quantizers import VectorQuantizer

# Channels of each level, as multiples of `hidden_dim`, by the cells' size.
MULTIPLIERS = {8: (1, 2, 2, 4), 16: (1, 1, 2, 2, 4)}

# Pixels encoded or decoded at once: 4 images of 256x256, of which a tensor of
# 128 channels has 128 MiB.
PIXELS = 2**18

# Learning rate times `hidden_dim`: twice as many channels sum up twice as many
# steps (Yang et al. 2022, https://arxiv.org/abs/2203.03466). Found with 16.
RATE = 0.05


@keras.saving.register_keras_serializable("keras_igpt")
class ConvVQTokenizer(CodebookTokenizer):
    """Turns images into one code per 16x16 or 8x8 pixels, and back.

    Every token depends on the whole image, and every pixel on all tokens.
    The weights fit any size of images that is a multiple of the cells'.

    Args:
        image_size: int, or tuple of two, height and width in pixels,
            multiples of `cell_size`.
        codebook_size: int. Number of codes, the vocabulary.
        cell_size: 16 or 8: pixels that a cell is high and wide.
        channels: 3 for RGB, 1 for grey images.
        code_dim: int. Size of a code.
        hidden_dim: int. Channels of the convolutions at full size, best a
            multiple of 32.
        multipliers: tuple of ints. How many times as many channels there are
            at full size, at half the size, and so on down to the cells.
            Default: those of LlamaGen's.
        latent_dim: int. Channels at the cells, before they become a code.

    Example:

    >>> tokenizer = keras_igpt.ConvVQTokenizer(
    ...     (256, 256), codebook_size=1024, hidden_dim=16  # for a processor
    ... )
    >>> tokenizer.adapt(photographs, minutes=60)
    >>> tokens = tokenizer.encode(images)      # int32 (batch, 256)
    >>> images = tokenizer.decode(tokens)      # uint8 (batch, 256, 256, 3)
    """

    max_aside = 16

    def __init__(
        self,
        image_size: int | tuple[int, int],
        codebook_size: int = 16_384,
        cell_size: int = 16,
        channels: int = 3,
        code_dim: int = 8,
        hidden_dim: int = 128,
        multipliers: tuple[int, ...] | None = None,
        latent_dim: int = 256,
        **kwargs: Any,
    ):
        if cell_size not in MULTIPLIERS:
            raise ValueError(
                "`cell_size` must be 8 or 16, in pixels. "
                f"Received: cell_size={cell_size!r}."
            )
        kwargs = {**kwargs, "dtype": "float32"}
        super().__init__(image_size, channels, cell_size, **kwargs)
        check_at_least("codebook_size", codebook_size, 2, MOST_CODES)
        check_positive("code_dim", code_dim, MOST_WIDTH)
        check_at_least("hidden_dim", hidden_dim, 2, MOST_WIDTH)
        check_positive("latent_dim", latent_dim, MOST_WIDTH)
        self.codebook_size = int(codebook_size)
        self.code_dim = int(code_dim)
        self.hidden_dim = int(hidden_dim)
        self.multipliers = _checked_multipliers(multipliers, cell_size)
        self.latent_dim = int(latent_dim)
        self.quantizer = VectorQuantizer(
            self.codebook_size, self.code_dim, dtype="float32", name="quantizer"
        )
        sizes = self.hidden_dim, self.multipliers, self.latent_dim
        self.encoder = encoder(*sizes, self.code_dim)
        self.decoder = decoder(*sizes, self.channels)
        self.make_loss, self.discriminator = ReconstructionLoss, False
        self.build()

    @property
    def reach(self) -> int | None:
        """None: a token depends on all pixels."""
        return None

    def adapt(
        self,
        dataset: Any,
        epochs: float | None = None,
        minutes: float | None = None,
        batch_size: int = 4,
        learning_rate: float | None = None,
        seed: int = 0,
        verbose: bool = True,
        perceptual: keras.Model | None = None,
        discriminator: bool = False,
    ) -> "ConvVQTokenizer":
        """Learns to encode and decode images like these.

        Shows how far it is and, for images set aside, PSNR (dB), the share
        of the codes in use, and their perplexity. Called again, or of a
        released tokenizer, it goes on. Codes change then: a model that was
        trained on its tokens must be trained on.

        Args:
            dataset: what `keras_igpt.data.batches` takes: a `tf.data.Dataset`
                of dictionaries with `"image"`, or uint8 images. The first
                20,000 are used, and at most 1 GiB of pixels.
            epochs: float. How often to see each image; 5 if neither this
                nor `minutes` is given.
            minutes: float. How long to learn, instead of `epochs`; the time
                to compile comes on top.
            batch_size: int. Where minutes are few, small ones teach more.
            learning_rate: float. The highest; it rises, then falls. Default:
                0.05 / `hidden_dim`.
            seed: int. Order of the images.
            verbose: bool. Show progress and figures.
            perceptual: a Keras model of float images in [-1, 1], of which
                the features of image and decoded image should be alike;
                None for pixels alone.
            discriminator: bool. Whether a small network learns beside it to
                tell patches of decoded images from real ones, which makes
                them sharper. It begins when half of the time is over, for
                blurred images teach it nothing.

        Returns:
            The tokenizer itself.

        Raises:
            ValueError: if images are not of `image_size`, or show too few
                different cells for so many codes.
        """
        if perceptual is not None:
            # A function: Keras would take the model for a part of this layer.
            self.make_loss = lambda: PerceptualLoss(perceptual)
        self.discriminator = discriminator
        if learning_rate is None:
            learning_rate = RATE / self.hidden_dim
        try:
            return super().adapt(
                dataset,
                epochs,
                minutes,
                batch_size,
                learning_rate,
                seed,
                verbose,
            )
        finally:
            self.make_loss, self.discriminator = ReconstructionLoss, False

    def set_codebook(self, codes: ArrayLike) -> None:
        """Takes codes that are known already, beside weights that are.

        Args:
            codes: float array of shape `(codebook_size, code_dim)`; their
                lengths do not matter.
        """
        codes = np.asarray(codes, "float32")
        wanted = (self.codebook_size, self.code_dim)
        if codes.shape != wanted or not np.isfinite(codes).all():
            raise ValueError(
                f"`codes` must have shape {wanted} and finite values. "
                f"Received: codes.shape={codes.shape}."
            )
        self.quantizer.set_codes(codes)
        self.updates.assign_add(1)
        self.adapted = True

    def _learn(self, batches, budget, verbose, shown=None, quantized=True):
        # There is nothing to be sharp about before there are codes.
        if self.discriminator and quantized:
            budget = share(budget, 0.5)
            self.discriminator = False
            super()._learn(batches, budget, verbose, shown, quantized)
            self.discriminator = True
        super()._learn(batches, budget, verbose, shown, quantized)

    def _trainer(self, quantized):
        if self.discriminator and quantized:
            return AdversarialAutoencoder(
                self.encoder,
                self.quantizer,
                self.decoder,
                channels=self.channels,
            )
        return super()._trainer(quantized)

    def _loss(self):
        return self.make_loss()

    def _batches(self, rows):
        height, width = self.image_size
        return slices(rows, max(1, PIXELS // (height * width)))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "codebook_size": self.codebook_size,
            "cell_size": self.cell_size,
            "channels": self.channels,
            "code_dim": self.code_dim,
            "hidden_dim": self.hidden_dim,
            "multipliers": self.multipliers,
            "latent_dim": self.latent_dim,
        }


def _checked_multipliers(multipliers, cell_size):
    if multipliers is None:
        return MULTIPLIERS[cell_size]
    levels = len(MULTIPLIERS[cell_size])
    if (
        not isinstance(multipliers, (tuple, list))
        or len(multipliers) != levels
        or not all(is_whole(x) and x > 0 for x in multipliers)
    ):
        raise ValueError(
            f"`multipliers` must be {levels} positive ints with "
            f"cell_size={cell_size}. Received: multipliers={multipliers!r}."
        )
    return tuple(int(x) for x in multipliers)
