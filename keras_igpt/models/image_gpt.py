"""`ImageGPT`: the public model, what it is made from and what it can do.

Axes: B images, N cells, d width of the model, L blocks.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from keras_igpt.annotations import ArrayLike, PathLike
from keras_igpt.argument_checks import check_one_of, checked_names
from keras_igpt.models.config import SIZES, checked_config
from keras_igpt.models.figures import ImageGPTFigures


@keras.saving.register_keras_serializable("keras_igpt")
class ImageGPT(ImageGPTFigures):
    """A decoder-only Transformer that generates images token by token.

    The input at a cell is the token before it and the cell's place; the
    output there is the distribution of the cell's own token. A prompt in
    front, read as a whole, says what to generate. With `positions="learned"`,
    `activation="quick_gelu"` and `qk_norm=False` this is ImageGPT (Chen et
    al. 2020, "Generative Pretraining from Pixels").

    Args:
        tokenizer: a `PaletteTokenizer` or `VQTokenizer`, adapted. Saved with
            the model.
        num_layers: int. Transformer blocks.
        num_heads: int. Attention heads; divides `hidden_dim`.
        hidden_dim: int. Width of the residual stream.
        num_classes: int. Labels to generate from; 0 for images without.
        text_length: int. Bytes of the longest caption; 0 for images
            without.
        edits: tuple of str. What it can do with images beside generating new
            ones: keys of `keras_igpt.edits.EDITS`; "restyle" may have a
            style, as "restyle/layout".
        positions: `"rotary"` (rows and columns turn queries and keys, beside
            a learned vector per cell) or `"learned"` (that vector alone).
        activation: `"swiglu"`, `"quick_gelu"` or `"gelu"`.
        qk_norm: bool. Normalise queries and keys.
        use_bias: bool. Biases in the projections.
        dropout: float. Rate on the embedding and on what blocks add.
        inner_dim: int. Inner width of the feed-forward parts; None for 4
            times `hidden_dim`, with "swiglu" 8/3 of it.
        scale_by_layer: bool. Divide the attention scores of block i, counted
            from 0, by i + 1.
        objective: `"autoregressive"`, or `"bert"`: every cell sees all, and
            learns what a sixth of them hide (Chen et al. 2020, section 2.2).
            Such a model has features and can be a classifier's start, but
            does not generate.
        class_names: tuple of str. Names of the classes in the order of their
            labels, so that `labels="cat"` works too; () for numbers alone.
        start: `"token"`: the first cell is written from a learned vector,
            and the prompt stands in front. `"class"`: from the class's, with
            nothing in front; captions and edits are told to each cell as one
            vector, and cells are turned by the place of the token they read.
        cell_embedding: bool. A learned vector per cell beside rotary
            positions; without, weights fit every grid.
        rotary_base: float. The slowest frequency is 1 in about so many cells.
        plain_guidance: bool. Guidance may raise tokens that the condition
            makes less than a tenth as likely as the likeliest.
        order: `"raster"`, cells are written row by row; or `"any"`, in any
            order and several at once.
        steps: int. In how many steps a model of any order writes an image,
            unless it is asked otherwise; None for one per cell.
        step_schedule: str. How many cells each of these writes, unless it is
            asked otherwise: `"cosine"`, the first few one by one, which None
            means; or `"arccos"`, as ARPG does.
        kwargs: as `keras.Model` takes them, such as `dtype`.

    Example:

    >>> model = keras_igpt.ImageGPT(tokenizer, num_layers=4, num_classes=10)
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> model.fit(model.prepare(train, batch_size=64), epochs=5)
    >>> images = model.generate(labels=[3, 7], seed=0)
    """

    SIZES = SIZES

    def __init__(
        self,
        tokenizer: keras.layers.Layer,
        num_layers: int = 8,
        num_heads: int = 8,
        hidden_dim: int = 256,
        num_classes: int = 0,
        text_length: int = 0,
        edits: Sequence[str] = (),
        positions: str = "rotary",
        activation: str = "swiglu",
        qk_norm: bool = True,
        use_bias: bool = False,
        dropout: float = 0.0,
        inner_dim: int | None = None,
        scale_by_layer: bool = False,
        objective: str = "autoregressive",
        class_names: Sequence[str] = (),
        start: str = "token",
        cell_embedding: bool = True,
        rotary_base: float = 100.0,
        plain_guidance: bool = False,
        order: str = "raster",
        steps: int | None = None,
        step_schedule: str | None = None,
        **kwargs: Any,
    ) -> None:
        config = {
            "num_layers": num_layers,
            "num_heads": num_heads,
            "hidden_dim": hidden_dim,
            "num_classes": num_classes,
            "text_length": text_length,
            "edits": checked_names("edits", edits),
            "positions": positions,
            "activation": activation,
            "qk_norm": qk_norm,
            "use_bias": use_bias,
            "dropout": dropout,
            "inner_dim": inner_dim,
            "scale_by_layer": scale_by_layer,
            "objective": objective,
            "class_names": tuple(class_names),
            "start": start,
            "cell_embedding": cell_embedding,
            "rotary_base": rotary_base,
            "plain_guidance": plain_guidance,
            "order": order,
            "steps": steps,
            "step_schedule": step_schedule,
        }
        config = checked_config(tokenizer, config)
        super().__init__(tokenizer, config, **kwargs)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels; or ()."""
        return tuple(self.config["class_names"])

    # === Images ===

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

    # === Saving ===

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> pathlib.Path:
        """Writes the model for TensorFlow Serving: words in, PNG out.

        Args:
            filepath: a folder whose name is a number, the version, or the
                folder of all versions: the next number is taken then. For
                LiteRT a file that ends in ".tflite".
            format: "tf_saved_model", or "litert" for the signature `tokens`
                alone: numbers in, tokens out.
            kwargs: `class_names` and `names`, see
                `keras_igpt.serving.export.export`.

        Returns:
            pathlib.Path of the version's folder, or of the file.

        Raises:
            ValueError: on another backend than TensorFlow, or if the model
                does not generate.
        """
        check_one_of("format", format, ("tf_saved_model", "litert"))
        _check_exports()
        from keras_igpt.serving import export

        self.image_generator.check_generates()
        if format == "litert":
            return export.export_litert(self, filepath)
        return export.export(self, filepath, **kwargs)

    def get_config(self) -> dict:
        """The arguments of the class, and how it is quantised."""
        return {
            **super().get_config(),
            **self.config,
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "quantization": self.quantization,
        }

    @classmethod
    def from_config(cls, config: dict) -> "ImageGPT":
        """A model with random weights, from what `get_config` returned."""
        config = dict(config)
        quantization = config.pop("quantization", None)
        config["tokenizer"] = keras.saving.deserialize_keras_object(
            config["tokenizer"]
        )
        model = cls(**config)
        if quantization:
            model.quantize(quantization)
        return model


def _check_exports():
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(
            "Keras's backend must be TensorFlow to export. "
            f"Received: KERAS_BACKEND={backend}. Save the model with "
            "`model.save`, and load and export it in a process with "
            "KERAS_BACKEND=tensorflow."
        )
