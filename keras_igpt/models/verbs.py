"""`ImageGPTVerbs`: what a model makes of images, and what it says of them.

Axes: B images, N cells, d width of the model, L blocks.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.generation.image_decoder import OnStep
from keras_igpt.generation.image_generator import ImageGenerator
from keras_igpt.models.features import FeatureExtractor
from keras_igpt.models.trainer import ImageGPTTrainer


class ImageGPTVerbs(ImageGPTTrainer):
    """The network that is trained, and what it does with images.

    Args:
        tokenizer, config, kwargs: as `ImageGPTNetwork` takes them.
    """

    def __init__(
        self, tokenizer: keras.layers.Layer, config: dict, **kwargs: Any
    ) -> None:
        super().__init__(tokenizer, config, **kwargs)
        self.image_generator = ImageGenerator(self)
        self.feature_extractor = FeatureExtractor(self)

    def generate(
        self,
        labels: ArrayLike | None = None,
        text: str | Sequence[str] | None = None,
        num_images: int = 1,
        guidance_scale: float = 1.0,
        guidance_interval: tuple[int, int] | None = None,
        guidance_schedule: str = "constant",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | Sequence[int] | None = None,
        sampler: Any = None,
        truncate: bool = False,
        jit_compile: bool = True,
        steps: int | None = None,
        step_schedule: str | None = None,
        order: ArrayLike | None = None,
        best_of: int = 1,
        negative_text: str | Sequence[str] | None = None,
        output: str = "numpy",
        on_step: OnStep | None = None,
        verbose: bool = True,
    ) -> Any:
        """Generates images.

        Every sampling argument is one value or one per image; an image
        depends on its own alone.

        Args:
            labels: numbers from 0 to `num_classes - 1` or names of classes,
                one or several; or None for an image of any class.
            text: str or list of str, captions, one for all or one each.
            num_images: int. Images per label or caption.
            guidance_scale: float. 1 is off; above 1 the image follows what
                is asked more closely, at twice the cost.
            guidance_interval: tuple of two ints, the first cell that is
                guided, and the first that is no more, counted in the order
                of writing; or None.
            guidance_schedule: `"constant"`, or `"linear"`: from 1 up to the
                scale, with the share of the cells that are written.
            temperature: float. 0 always takes the likeliest token.
            top_k: int. Draw from the k likeliest tokens only.
            top_p: float in (0, 1]. Draw from the likeliest tokens that hold
                this share of the probability.
            seed: int, or one per image; image i of a batch gets `seed + i`.
            sampler: a `keras_nlp.samplers` object or name instead of the
                arguments from `temperature` to `seed`.
            truncate: bool. Cut captions longer than `text_length` bytes.
            jit_compile: bool. Compile with XLA: faster, but for the first.
            steps: int. In how many steps a model of any order writes a whole
                image; None for its own `steps`, or one per cell.
            step_schedule: `"cosine"` or `"arccos"`: how many cells each step
                writes; None for the model's own.
            order: ints, all cells in the order of writing, for all images or
                one row each; None for one that is spread evenly.
            best_of: int from 1 to 64. Generate so many candidates of each
                image, and keep the one that the model finds likeliest under
                what was asked. 1 keeps the first.
            negative_text: str or list of str, captions of what is not
                wanted: guidance leads away from it.
            output: `"numpy"`, or `"pil"` for a list of PIL images.
            on_step: function that is called a few times a second, with the
                number of cells that are known or written by now, of all
                images, and with a function that gives the images as they
                are, grey where nothing is yet.
            verbose: bool. Show a bar if it takes over three seconds.

        Returns:
            uint8 array of shape `(images, height, width, channels)`, or what
            `output` says.
        """
        return self.image_generator.generate(
            labels,
            text,
            num_images,
            truncate,
            negative_text,
            output,
            guidance_scale=guidance_scale,
            guidance_interval=guidance_interval,
            guidance_schedule=guidance_schedule,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            sampler=sampler,
            jit_compile=jit_compile,
            steps=steps,
            step_schedule=step_schedule,
            order=order,
            best_of=best_of,
            on_step=on_step,
            verbose=verbose,
        )

    def generate_stream(
        self,
        labels: ArrayLike | None = None,
        text: str | Sequence[str] | None = None,
        num_images: int = 1,
        truncate: bool = False,
        **sampling: Any,
    ) -> Iterator[Any]:
        """Generates images, and shows them a few times a second until then.

        Whoever stops asking stops the generating.

        Args:
            labels, text, num_images, truncate: as in `generate`.
            sampling: the other arguments of `generate`, but for `on_step`.

        Yields:
            What `generate` returns: grey where nothing is yet, and at last
            the same images.
        """
        return self.image_generator.generate_stream(
            labels, text, num_images, truncate, **sampling
        )

    def complete(
        self,
        images: Any,
        keep_rows: int,
        labels: ArrayLike | None = None,
        text: str | Sequence[str] | None = None,
        truncate: bool = False,
        **sampling: Any,
    ) -> Any:
        """Keeps the upper rows of images and generates the rest.

        Args:
            images: uint8 array of shape `(batch, height, width, channels)`;
                or files, PIL images, a list or a data set of images, as
                `edit` takes them, which are resized to the model's size.
            keep_rows: int. Pixel rows to keep; they come back unchanged.
            labels, text: as in `generate`, one for all or one per image.
            truncate: bool. Cut captions longer than `text_length` bytes.
            sampling: the sampling arguments of `generate`.

        Returns:
            uint8 array of shape `(batch, height, width, channels)`, or what
            `output` says.
        """
        return self.image_generator.complete(
            images, keep_rows, labels, text, truncate, **sampling
        )

    def edit(
        self,
        images: Any,
        edit: str,
        masks: Any = None,
        labels: ArrayLike | None = None,
        text: str | Sequence[str] | None = None,
        style: str | None = None,
        paste_back: bool = False,
        truncate: bool = False,
        **sampling: Any,
    ) -> Any:
        """Generates images anew from what is known of them.

        Args:
            images: uint8 array or tensor of shape
                `(batch, rows, columns, channels)`, grey too for "colorize";
                the path of a file; a PIL image; a list of any of these, of
                several sizes too; or a `tf.data.Dataset` of images, or of
                dictionaries with "image". Of images of another size than
                the model's, the part around the mask is resized to it, or
                the middle; "upscale" takes a half or a quarter of it.
            edit: str, one of the model's `edits`, or "inpaint", which any
                can do; "outpaint" and "replace" are other names of it.
            masks: array of shape `(batch, rows, columns)` or
                `(rows, columns)`: bool, or numbers from 0 to 1 or to 255.
                True or more than half: generate here. All else comes back
                bit by bit. Or a file, a PIL image, or a list of one mask per
                image. Only "denoise" and "restyle" need none.
            labels, text: as in `generate`, one for all or one per image.
            style: str. Which "restyle", if there are several.
            paste_back: bool. With masks: put what is generated into the
                images at their own size.
            truncate: bool. Cut captions longer than `text_length` bytes.
            sampling: the sampling arguments of `generate`.

        Returns:
            uint8 array of shape `(batch, height, width, channels)`, or of
            the shape of `images` with `paste_back`, a list where they have
            several sizes; or what `output` says. Shrunk, upscaled images
            are those given, and colorized ones keep their luma, up to 1/255.

        Raises:
            ValueError: if the model has not learned the edit, or images and
                masks do not fit.
        """
        return self.image_generator.edit(
            images,
            edit,
            masks,
            labels,
            text,
            style,
            paste_back,
            truncate,
            **sampling,
        )

    def score(
        self,
        images: Any,
        labels: ArrayLike | None = None,
        text: str | Sequence[str] | None = None,
        batch_size: int = 64,
        truncate: bool = False,
        per_cell: bool = False,
        orders: int | None = None,
        seed: int = 0,
    ) -> Array:
        """Says how likely images are, under their labels or captions.

        A model of any order reads the cells in the order in which it writes
        them, one a step.

        Args:
            images: as in `complete`.
            labels: as in `generate`, one per image; None: of any class.
            text: list of str, captions, or None.
            batch_size: int.
            truncate: bool. Cut captions longer than `text_length` bytes.
            per_cell: bool. Say it of every token, rather than of images.
            orders: int. For a model of any order: the mean over so many
                random orders, the same for all images, in place of its own.
            seed: int. Draws these orders.

        Returns:
            float64 array of shape `(batch,)`: negative log-likelihood of
            each image's tokens, in nats. Lower is likelier. With `per_cell`,
            float32 `(batch, rows, columns)`, which adds up to it: the nats of
            each token, given those before it.

        Raises:
            ValueError: if images do not fit, or `orders` is given to a model
                that writes row by row.
        """
        return self.image_generator.score(
            images, labels, text, batch_size, truncate, per_cell, orders, seed
        )

    def score_tokens(
        self,
        inputs: dict,
        batch_size: int = 64,
        per_cell: bool = False,
        orders: int | None = None,
        seed: int = 0,
    ) -> Array:
        """As `score`, for tokens as `prepare` makes them.

        Args:
            inputs: dict of int arrays, `"tokens"`, and `"label"` and
                `"text"` if the model has them. Others are not looked at.
            batch_size: int.
            per_cell, orders, seed: as in `score`.
        """
        return self.image_generator.score_tokens(
            inputs, batch_size, per_cell, orders, seed
        )

    def features(
        self,
        images: Any,
        layer: int | Sequence[int] | None = None,
        batch_size: int = 16,
    ) -> Array:
        """Describes images by vectors, for classifiers and searches.

        The vector is the mean over cells of what a block reads, behind its
        first norm (Chen et al. 2020, section 2.3). Prompts are empty. A model
        of any order reads the cells in the order in which it writes them; its
        first half sees their tokens, its middle is what that half has made of
        them, and its second half only asks.

        Args:
            images: as in `complete`.
            layer: int from 0 to L: the block; L is what the head reads. None
                for the middle. Or a list of those.
            batch_size: int.

        Returns:
            float32 array of shape `(batch, d)`; for a list
            `(batch, layers, d)`.

        Raises:
            ValueError: if there is no such layer, or images do not fit.
        """
        return self.feature_extractor.features(images, layer, batch_size)

    def token_features(
        self,
        tokens: Array,
        layer: int | Sequence[int] | None = None,
        batch_size: int = 16,
    ) -> Array:
        """As `features`, for int tokens of shape `(batch, N)`."""
        return self.feature_extractor.token_features(tokens, layer, batch_size)
