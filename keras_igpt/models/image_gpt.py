"""`ImageGPT`: the public model, what it is made from, saved and exported.

Axes: B images, N cells, d width of the model, L blocks.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import check_one_of, checked_names
from keras_igpt.models.config import SIZES, checked_config
from keras_igpt.models.verbs import ImageGPTVerbs


@keras.saving.register_keras_serializable("keras_igpt")
class ImageGPT(ImageGPTVerbs):
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
