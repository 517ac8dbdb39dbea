"""Edits: what each hides of an image, and what it keeps exactly.

A *source* is what is known of an image: its pixels and one more channel,
255 where they are known and 0, as the pixels themselves, where they are not.
In training an edit hides a part of each image, another one every epoch; at
work it is given the known part, and afterwards puts back what it promises.

Axes: B images, C channels.
"""

import abc
import io

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.edits.consistency import (
    block_mean,
    exact_luma,
    hidden,
    known_everywhere,
    luma,
    repeated,
    shifted,
    shrunk,
)
from keras_igpt.edits.masks import random_mask
from keras_igpt.images import arrays
from keras_igpt.images.arrays import check_images
from keras_igpt.images.crop import fit_around


class Edit(abc.ABC):
    """What all edits share: images as given, and a source as it is."""

    # Whether masks may, and must, say where to generate.
    takes_masks = False
    needs_masks = False

    @abc.abstractmethod
    def hide(self, images: Tensor, generator: np.random.Generator) -> Array:
        """Draws what a model is to know of training images.

        Args:
            images: uint8 array of shape `(B, height, width, C)`.
            generator: `numpy.random.Generator`.

        Returns:
            uint8 array of shape `(B, height, width, C + 1)`, a source.
        """

    def fit(
        self, images: Tensor, masks: Tensor | None, image_size: tuple[int, int]
    ) -> tuple[Array, Array | None]:
        """Brings what a user gives to the model's size.

        Args:
            images: uint8 array of shape `(B, rows, columns, C)`.
            masks: bool array of shape `(B, rows, columns)`, True where to
                generate; the parts around them are kept. None: the middle is.
            image_size: tuple, the model's height and width.

        Returns:
            Tuple of both.
        """
        if images.shape[1:3] == tuple(image_size):
            return images, masks
        if masks is None:
            return arrays.resize(images, image_size), None
        return fit_around(images, masks, image_size)

    def source(
        self,
        images: Tensor,
        image_shape: tuple[int, int, int],
        masks: Tensor | None = None,
    ) -> Tensor:
        """What is known of images that a user gives.

        Args:
            images, masks: as `fit` returns them, arrays or tensors.
            image_shape: tuple, the model's height, width and C.

        Returns:
            uint8 tensor of shape `(B, height, width, C + 1)`.

        Raises:
            ValueError: if the images have another shape.
        """
        check_images(images, image_shape)
        return known_everywhere(images)

    def keep(
        self, generated: Tensor, images: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        """Puts back what must not change: here what is not masked.

        Args:
            generated: uint8 tensor of shape `(B, height, width, C)`.
            images, masks: as `source` was given them.

        Returns:
            uint8 tensor of the shape of `generated`.
        """
        if masks is None:
            return generated
        return ops.where(masks[..., None], generated, images)


class Inpaint(Edit):
    """Generates what a mask hides; known pixels come back bit by bit.

    It also outpaints (the mask is a border), replaces (a mask and a caption)
    and completes (the mask is a half).
    """

    name = "inpaint"
    takes_masks = True
    needs_masks = True

    def hide(self, images: Tensor, generator: np.random.Generator) -> Array:
        """Hides boxes, strokes, a border or a side of each image."""
        masks = [random_mask(images.shape[1:3], generator) for _ in images]
        return np.asarray(hidden(images, np.stack(masks)))

    def source(
        self,
        images: Tensor,
        image_shape: tuple[int, int, int],
        masks: Tensor | None,
    ) -> Tensor:
        """Shows what the masks do not hide."""
        check_images(images, image_shape)
        return hidden(images, masks)


class Upscale(Edit):
    """Enlarges 2 or 4 times; shrunk by areas, the result is what was given.

    The source is the small image, its pixels repeated.
    """

    name = "upscale"
    factors = (2, 4)

    def hide(self, images: Tensor, generator: np.random.Generator) -> Array:
        """Shrinks by one of the factors."""
        height, width = images.shape[1:3]
        fit = [f for f in self.factors if height % f == width % f == 0]
        chosen = generator.choice(fit, len(images))
        coarse = np.empty_like(images)
        for factor in set(chosen):
            some = chosen == factor
            coarse[some] = repeated(shrunk(images[some], factor), factor)
        return np.asarray(known_everywhere(coarse))

    def fit(
        self, images: Tensor, masks: Tensor | None, image_size: tuple[int, int]
    ) -> tuple[Array, Array | None]:
        """Leaves images as they are: their size says how much to enlarge."""
        return images, masks

    def source(
        self,
        images: Tensor,
        image_shape: tuple[int, int, int],
        masks: Tensor | None = None,
    ) -> Tensor:
        """Repeats pixels of images a half or a quarter as large."""
        height, width, channels = image_shape
        factor = height // max(images.shape[1], 1)
        large = (factor * images.shape[1], factor * images.shape[2])
        if (
            factor not in self.factors
            or large != (height, width)
            or images.shape[3] != channels
        ):
            raise ValueError(
                f"`images` must be {height} x {width} divided by one of "
                f"{self.factors}, with {channels} channels. "
                f"Received: images of shape {images.shape}. "
                "Resize them with `keras_igpt.data.resize`."
            )
        return known_everywhere(repeated(images, factor))

    def keep(
        self, generated: Tensor, images: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        """Shifts each block of pixels until its mean is the pixel given."""
        factor = generated.shape[1] // images.shape[1]
        return shifted(
            generated,
            images,
            lambda x: block_mean(x, factor),
            lambda shift: repeated(shift, factor),
        )


class Colorize(Edit):
    """Colours grey images; their luma stays (ITU-R BT.601)."""

    name = "colorize"

    def hide(
        self, images: Tensor, generator: np.random.Generator = None
    ) -> Array:
        """Shows the luma, in all channels."""
        return np.asarray(self._grey(images))

    def source(
        self,
        images: Tensor,
        image_shape: tuple[int, int, int],
        masks: Tensor | None = None,
    ) -> Tensor:
        """Takes grey images, and the luma of others."""
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        check_images(images, image_shape)
        return self._grey(images)

    def _grey(self, images):
        return known_everywhere(ops.repeat(luma(images), 3, axis=-1))

    def keep(
        self, generated: Tensor, images: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        """Shifts the channels of each pixel until its luma is right."""
        wanted = images if images.shape[-1] == 1 else luma(images)
        return shifted(generated, wanted, exact_luma)


class Denoise(Edit):
    """Removes noise and the traces of strong JPEG compression."""

    name = "denoise"
    takes_masks = True
    # Standard deviation of the noise in levels, and JPEG's quality.
    noise = (8.0, 48.0)
    quality = (8, 40)

    def hide(self, images: Tensor, generator: np.random.Generator) -> Array:
        """Adds noise, compresses, or both."""
        damaged = np.empty_like(images)
        for i, image in enumerate(images):
            kind = generator.integers(3)
            if kind != 1:
                noise = generator.normal(size=image.shape)
                noisy = image + generator.uniform(*self.noise) * noise
                image = np.clip(np.round(noisy), 0, 255).astype("uint8")
            if kind != 0:
                quality = int(generator.integers(*self.quality))
                image = compressed(image, quality)
            damaged[i] = image
        return np.asarray(known_everywhere(damaged))


class Restyle(Edit):
    """Generates an image after another one, as pairs in the data show it."""

    name = "restyle"
    takes_masks = True

    def hide(
        self, images: Tensor, generator: np.random.Generator = None
    ) -> Array:
        """Shows the other images of the pairs."""
        return np.asarray(known_everywhere(images))


EDITS = {
    edit.name: edit
    for edit in (Inpaint(), Upscale(), Colorize(), Denoise(), Restyle())
}


def compressed(image: Array, quality: int) -> Array:
    """An image `(height, width, C)` after JPEG compression."""
    from PIL import Image

    file = io.BytesIO()
    grey = image.shape[-1] == 1
    Image.fromarray(image[..., 0] if grey else image).save(
        file, "JPEG", quality=quality
    )
    return np.asarray(Image.open(file)).reshape(image.shape)
