"""`ImageGPT`: what it is made from, and how it is saved."""

import functools
import math
import warnings

import keras
import numpy as np
from keras import ops

from keras_igpt import data, progress
from keras_igpt.argument_checks import (
    check_not_negative,
    check_one_of,
    check_positive,
    check_share,
    check_width,
)
from keras_igpt.edits.edit_set import EditSet
from keras_igpt.generation.image_generator import ImageGenerator
from keras_igpt.models.config import ACTIVATIONS, OBJECTIVES, POSITIONS, SIZES
from keras_igpt.models.features import FeatureExtractor
from keras_igpt.models.network import ImageGPTNetwork
from keras_igpt.models.token_model import TokenModel
from keras_igpt.prompts.conditions import encode_captions, encode_labels
from keras_igpt.training.batches import TokenBatches, draw_masked
from keras_igpt.training.losses import BitsPerPixel, TokenCrossentropy
from keras_igpt.training.schedule import default_optimizer

# Pictures that `prepare` reads at a time.
PREPARED = 256


class Learning(TokenModel):
    """What `ImageGPT` changes of Keras's training, apart from its network.

    Stands before `keras.Model` among the bases of the class it is mixed into,
    and expects of it: `tokenizer`, `num_cells`, `num_classes`, `text_length`,
    `vocabulary_size`, `objective`, `tasks` and `null_conditions`.
    """

    def prepare(
        self,
        dataset,
        batch_size=64,
        shuffle=True,
        seed=0,
        truncate=False,
        edit_share=0.5,
    ):
        """Tokenises pictures once, for `fit`, `evaluate` and `predict`.

        Args:
            dataset: what `keras_igpt.data.load` returns, or arrays as
                `keras_igpt.data.batches` takes them.
            batch_size: int.
            shuffle: bool. A new order every epoch.
            seed: int. Decides the orders.
            truncate: bool. Cut captions that are too long, rather than
                refuse them.
            edit_share: float from 0 to 1. Share of the pictures that a model
                with edits is to edit; it paints the others from nothing.

        Returns:
            A `keras.utils.PyDataset` of `(inputs, tokens)` batches; with the
            objective "bert" of `(inputs, tokens, weights)`, for only the
            cells that are hidden count.
        """
        check_positive("batch_size", batch_size)
        check_share("edit_share", edit_share)
        edits = edit_share > 0 and len(self.tasks) > 0
        batches = data.batches(dataset, batch_size=PREPARED)
        parts = []
        with progress.bar(
            "reading pictures", data.num_images(dataset)
        ) as advance:
            for batch in batches:
                parts.append(self._columns(batch, truncate, edits))
                advance(len(batch["image"]))
        inputs = {
            name: np.concatenate([part[name] for part in parts])
            for name in parts[0]
        }
        draw = self._draw(edit_share) if edits else self.draw_masked
        return TokenBatches(inputs, batch_size, shuffle, seed, draw)

    def _columns(self, batch, truncate, edits):
        """What training needs of a batch of data, as small as it can be."""
        # It stays in memory for the whole of `fit`: two bytes, not four.
        narrow = "uint16" if self.vocabulary_size < 2**16 else "int32"
        tokens = self.tokenizer.encode(batch["image"])
        columns = {"tokens": ops.convert_to_numpy(tokens).astype(narrow)}
        if self.num_classes:
            columns["label"] = encode_labels(
                batch.get("label"), self.num_classes
            )
        if self.text_length:
            text = batch.get("text")
            text = encode_captions(text, self.text_length, truncate)
            columns["text"] = text.astype("uint8")
        for name in self.tasks.columns if edits else ():
            columns[name] = self.tasks.column(name, batch)
        return columns

    def _draw(self, edit_share):
        """Draws edits for a batch, as `Tasks.draw`."""
        nulls = self.null_conditions(1)
        nulls = {k: ops.convert_to_numpy(v) for k, v in nulls.items()}
        return functools.partial(self.tasks.draw, nulls=nulls, share=edit_share)

    @property
    def given_weights(self):
        """Weights of the tokenizer; all, if the model is frozen."""
        return self.tokenizer.weights if self.trainable else self.weights

    @property
    def draw_masked(self):
        """Hides cells of a batch for the objective "bert"; else None."""
        return draw_masked if self.objective == "bert" else None

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """As `keras.Model.compile`, with defaults for all arguments.

        Args:
            optimizer: default AdamW at 1e-3, the gradient's norm cut at 1.
            loss: default `TokenCrossentropy()`.
            metrics: default `[BitsPerPixel(…)]`; with the objective "bert" it
                is weighted, so that hidden cells alone count.
            kwargs: passed on.
        """
        if optimizer is None:
            optimizer = default_optimizer()
        if loss is None:
            loss = TokenCrossentropy()
        if metrics is None:
            pixels = math.prod(self.tokenizer.image_size)
            metrics = [BitsPerPixel(pixels / self.num_cells)]
            if self.objective == "bert":
                kwargs = {"weighted_metrics": metrics, **kwargs}
                metrics = []
        super().compile(
            optimizer=optimizer, loss=loss, metrics=metrics, **kwargs
        )


@keras.saving.register_keras_serializable("keras_igpt")
class ImageGPT(
    ImageGenerator, FeatureExtractor, Learning, ImageGPTNetwork, keras.Model
):
    """A decoder-only Transformer that paints pictures token by token.

    The input at a cell is the token before it and the cell's place; the
    output there is the distribution of the cell's own token. A prompt in
    front, read as a whole, says what to paint. With `positions="learned"`,
    `activation="quick_gelu"` and `qk_norm=False` this is ImageGPT (Chen et
    al. 2020, "Generative Pretraining from Pixels").

    Args:
        tokenizer: a `PaletteTokenizer` or `VQTokenizer`, adapted. Saved with
            the model.
        num_layers: int. Transformer blocks.
        num_heads: int. Attention heads; divides `hidden_dim`.
        hidden_dim: int. Width of the residual stream.
        num_classes: int. Labels to paint from; 0 for pictures without.
        text_length: int. Bytes of the longest caption; 0 for pictures
            without.
        edits: tuple of str. What it can do with pictures beside painting new
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
            does not paint.

    Call arguments:
        inputs: dict of `"tokens"`, int32 `(B, N)`; if the model has classes,
            `"label"`, int32 `(B,)`; if it has captions, `"text"`, int32
            `(B, text_length)`, bytes; if it has edits, `"edit"`, int32
            `(B,)`, and `"source"`, uint8 `(B, height, width, C + 1)`, or
            neither to paint from nothing. With the objective "bert" also
            `"masked"`, bool `(B, N)`, True where a token is hidden; without
            it none is.
        start: bool. Put START before the tokens. False is the raw form of
            Hugging Face's ImageGPT: what goes into a cell is its own token
            (which may be START, the id V), what comes out is of the next.

    Returns:
        float32 logits of shape `(B, N, V)`, of a vocabulary of V: those at
        cell i say what the model expects there, having seen the cells before.

    Example:

    >>> model = keras_igpt.ImageGPT(tokenizer, num_layers=4, num_classes=10)
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> model.fit(model.prepare(train, batch_size=64), epochs=5)
    >>> images = model.generate(labels=[3, 7], seed=0)
    """

    SIZES = SIZES

    def __init__(
        self,
        tokenizer,
        num_layers=8,
        num_heads=8,
        hidden_dim=256,
        num_classes=0,
        text_length=0,
        edits=(),
        positions="rotary",
        activation="swiglu",
        qk_norm=True,
        use_bias=False,
        dropout=0.0,
        inner_dim=None,
        scale_by_layer=False,
        objective="autoregressive",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not hasattr(tokenizer, "vocabulary_size"):
            raise ValueError(
                "`tokenizer` must be a tokenizer object, such as a "
                f"PaletteTokenizer. Received: tokenizer={tokenizer!r}."
            )
        check_not_negative("num_classes", num_classes)
        check_not_negative("text_length", text_length)
        if not 0 <= dropout < 1:
            raise ValueError(
                "`dropout` must be at least 0 and below 1. "
                f"Received: dropout={dropout!r}."
            )
        check_one_of("positions", positions, POSITIONS)
        check_one_of("activation", activation, ACTIVATIONS)
        check_positive("num_layers", num_layers)
        check_width(hidden_dim, num_heads, positions)
        if inner_dim is not None:
            check_positive("inner_dim", inner_dim)
        check_one_of("objective", objective, OBJECTIVES)
        if objective == "bert" and edits:
            raise ValueError(
                "`edits` must be empty with the objective 'bert', which does "
                f"not paint. Received: edits={tuple(edits)}."
            )
        self.config = {
            "num_layers": num_layers,
            "num_heads": num_heads,
            "hidden_dim": hidden_dim,
            "num_classes": num_classes,
            "text_length": text_length,
            "edits": list(edits),
            "positions": positions,
            "activation": activation,
            "qk_norm": qk_norm,
            "use_bias": use_bias,
            "dropout": dropout,
            "inner_dim": inner_dim,
            "scale_by_layer": scale_by_layer,
            "objective": objective,
        }
        self.objective = objective
        self.quantization = None
        self._compiled = {}

        # === Tokens ===
        self.tokenizer = tokenizer
        self.vocabulary_size = tokenizer.vocabulary_size
        self.start_token = self.vocabulary_size
        self.num_cells = math.prod(tokenizer.grid_size)
        self.num_classes = num_classes
        self.text_length = text_length
        self.tasks = EditSet(edits, tokenizer.image_shape if edits else ())

        self.create_layers()
        self.build()
        for layer in self.layers:
            # The flag came before there were parts to tell it to.
            layer.trainable = layer.trainable and self.trainable

    # === Saving ===

    def quantize(self, mode="int8", **kwargs):
        """As `keras.Model.quantize`; remembered, so that saved files load."""
        with warnings.catch_warnings():
            # Keras names every norm and dropout that has nothing to quantise.
            warnings.filterwarnings("ignore", "Layer .* does not have")
            super().quantize(mode, **kwargs)
        self.quantization = mode
        self._compiled = {}
        if self.compiled:
            # The optimizer's state is of weights that are no more.
            self.compile_from_config(self.get_compile_config())

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Writes the model for TensorFlow Serving: words in, PNG out.

        Args:
            filepath: a folder whose name is a number, the version, or the
                folder of all versions: the next number is taken then. For
                LiteRT a file that ends in ".tflite".
            format: "tf_saved_model", or "litert" for the signature `tokens`
                alone: numbers in, tokens out.
            kwargs: `class_names` and `names`, see `keras_igpt.export.export`.

        Returns:
            pathlib.Path of the version's folder, or of the file.
        """
        if format not in ("tf_saved_model", "litert"):
            raise ValueError(
                "`format` must be 'tf_saved_model' or 'litert'. "
                f'Received: format={format!r}. Do see the README, "Serving", '
                "for other runtimes."
            )
        from keras_igpt.serving import export

        self._check_paints()
        if format == "litert":
            return export.export_litert(self, filepath)
        return export.export(self, filepath, **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            **self.config,
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "quantization": self.quantization,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        quantization = config.pop("quantization", None)
        config["tokenizer"] = keras.saving.deserialize_keras_object(
            config["tokenizer"]
        )
        model = cls(**config)
        if quantization:
            model.quantize(quantization)
        return model
