"""`ImageGPT`: where tokenizer, prompt and Transformer meet.

Axes: B batch, P prompt positions, N cells of the picture, V vocabulary.
"""

import functools
import math
import warnings

import keras
import numpy as np
from keras import ops

from keras_igpt import data
from keras_igpt.attention import (
    POSITIONS,
    attention_bias,
    prefix_causal_mask,
    rotary_angles,
)
from keras_igpt.block import TransformerBlock
from keras_igpt.layers import ACTIVATIONS, CellEmbedding, norm
from keras_igpt.painting import Painting, check_positive
from keras_igpt.prompts import Prompt
from keras_igpt.source_encoder import SourceEncoder
from keras_igpt.tasks import Tasks
from keras_igpt.training import (
    BitsPerPixel,
    TokenBatches,
    TokenCrossentropy,
)


@keras.saving.register_keras_serializable("keras_igpt")
class ImageGPT(Painting, keras.Model):
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
        activation: `"swiglu"` or `"quick_gelu"`.
        qk_norm: bool. Normalise queries and keys.
        use_bias: bool. Biases in the projections.
        dropout: float. Rate on the embedding and on what blocks add.

    Call arguments:
        inputs: dict of `"tokens"`, int32 `(B, N)`; if the model has classes,
            `"label"`, int32 `(B,)`; if it has captions, `"text"`, int32
            `(B, text_length)`, bytes; if it has edits, `"edit"`, int32
            `(B,)`, and `"source"`, uint8 `(B, height, width, C + 1)`, or
            neither to paint from nothing.

    Returns:
        float32 logits of shape `(B, N, V)`: those at cell i say what the
        model expects there, having seen the cells before i.

    Example:

    >>> model = keras_igpt.ImageGPT(tokenizer, num_layers=4, num_classes=10)
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> model.fit(model.prepare(train, batch_size=64), epochs=5)
    >>> images = model.generate(labels=[3, 7], seed=0)
    """

    SIZES = {
        "tiny": {"num_layers": 4, "num_heads": 4, "hidden_dim": 96},
        "small": {"num_layers": 6, "num_heads": 6, "hidden_dim": 192},
        "base": {"num_layers": 8, "num_heads": 8, "hidden_dim": 256},
        "large": {"num_layers": 12, "num_heads": 8, "hidden_dim": 512},
    }

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
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not hasattr(tokenizer, "vocabulary_size"):
            raise ValueError(
                "`tokenizer` must be a tokenizer object, such as a "
                f"PaletteTokenizer. Received: tokenizer={tokenizer!r}."
            )
        _check_not_negative("num_classes", num_classes)
        _check_not_negative("text_length", text_length)
        if not 0 <= dropout < 1:
            raise ValueError(
                "`dropout` must be at least 0 and below 1. "
                f"Received: dropout={dropout!r}."
            )
        _check_one_of("positions", positions, POSITIONS)
        _check_one_of("activation", activation, ACTIVATIONS)
        check_positive("num_layers", num_layers)
        _check_width(hidden_dim, num_heads, positions)
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
        }
        self.quantization = None
        self._compiled = {}

        # === Tokens ===
        self.tokenizer = tokenizer
        self.vocabulary_size = tokenizer.vocabulary_size
        self.start_token = self.vocabulary_size
        self.num_cells = math.prod(tokenizer.grid_size)
        self.num_classes = num_classes
        self.text_length = text_length
        self.tasks = Tasks(edits, tokenizer.image_shape if edits else ())

        # === Layers ===
        dtype = self.dtype_policy
        self.prompt = None
        if num_classes or text_length or edits:
            self.prompt = Prompt(
                num_classes,
                text_length,
                hidden_dim,
                len(self.tasks),
                dtype=dtype,
                name="prompt",
            )
        self.prompt_length = self.prompt.length if self.prompt else 0
        self.embedding = CellEmbedding(
            self.vocabulary_size,
            self.num_cells,
            hidden_dim,
            dtype=dtype,
            name="embedding",
        )
        self.source_encoder = None
        if edits:
            height, width, channels = tokenizer.image_shape
            rows, columns = tokenizer.grid_size
            self.source_encoder = SourceEncoder(
                tokenizer.grid_size,
                (height // rows, width // columns),
                channels,
                hidden_dim,
                num_heads,
                dtype=dtype,
                name="source_encoder",
            )
        self.embedding_dropout = keras.layers.Dropout(
            dropout, dtype=dtype, name="embedding_dropout"
        )
        self.blocks = [
            TransformerBlock(
                hidden_dim,
                num_heads,
                self.prompt_length,
                activation,
                qk_norm,
                use_bias,
                dropout,
                # 2 L parts are added to the residual stream: each starts
                # small enough for their sum to keep its variance.
                output_scale=1 / math.sqrt(2 * num_layers),
                dtype=dtype,
                name=f"block_{i}",
            )
            for i in range(num_layers)
        ]
        self.final_norm = norm(dtype, "final_norm")
        self.head = keras.layers.Dense(
            self.vocabulary_size,
            use_bias=False,
            kernel_initializer="zeros",
            dtype=dtype,
            name="head",
        )
        self.angles = None
        if positions == "rotary":
            self.angles = rotary_angles(
                tokenizer.grid_size,
                hidden_dim // num_heads,
                self.prompt_length,
            )
        self.build()

    def build(self, input_shape=None):
        width = self.config["hidden_dim"]
        if self.prompt:
            self.prompt.build()
        self.embedding.build()
        if self.source_encoder:
            self.source_encoder.build()
        for block in self.blocks:
            block.build()
        self.final_norm.build((None, None, width))
        self.head.build((None, None, width))
        self.built = True

    # === The network ===

    def call(self, inputs, training=None):
        hidden, _ = self._read(inputs, inputs["tokens"], training)
        return self._logits(hidden)

    def prefill(self, conditions, prefix):
        """Reads the prompt and the first cells, all known, in one pass.

        Args:
            conditions: dict of tensors with B rows, `"label"`, `"text"`,
                `"edit"` and `"source"`, those that the model has. Without
                the last two nothing is known.
            prefix: int32 tensor of shape `(B, n)`. Tokens of the first cells.

        Returns:
            dict of `"blocks"`, a tuple with a pair of caches per block, keys
            `(B H, D, P + n)` and values `(B H, P + n, D)`; and `"visible"`,
            bool `(B or 1, P)`, which positions of the prompt hold anything;
            with a source `"source"`, its vectors, float `(B, N, d)`.
        """
        return self._read(conditions, prefix)[1]

    def empty_caches(self, batch):
        """What `prefill` would return, had it nothing to read."""
        width = self.config["hidden_dim"] // self.config["num_heads"]
        rows = batch * self.config["num_heads"]

        def zeros(*shape):
            return ops.zeros(shape, dtype=self.compute_dtype)

        blocks = tuple(
            (zeros(rows, width, 0), zeros(rows, 0, width)) for _ in self.blocks
        )
        return {"blocks": blocks, "visible": _all_visible()}

    def step(self, previous, cell, caches):
        """Reads one cell, given the caches of all before it.

        Args:
            previous: int32 tensor of shape `(B,)`, the token before the cell.
            cell: int32 scalar tensor.
            caches: as `prefill` returns them, grown to have room for more.

        Returns:
            Tuple of float32 logits `(B, V)` and the caches with the cell.
        """
        x = self.embedding(previous[:, None], cell[None])
        if "source" in caches:
            x = x + ops.take(caches["source"], cell[None], axis=1)
        place = (self.prompt_length + cell)[None]
        length = ops.shape(caches["blocks"][0][0])[2]
        hidden, blocks = self._transform(
            x, place, length, caches["visible"], caches["blocks"]
        )
        return self._logits(hidden)[:, 0], {**caches, "blocks": blocks}

    def _read(self, conditions, tokens, training=None):
        """Hidden states of cells `(B, T, d)`, and the caches of all."""
        batch, length = ops.shape(tokens)[0], ops.shape(tokens)[1]
        start = ops.full((batch, 1), self.start_token, dtype="int32")
        tokens = ops.cast(tokens, "int32")
        previous = ops.concatenate([start, tokens], axis=1)[:, :length]
        x = self.embedding(previous, ops.arange(length))
        x = self.embedding_dropout(x, training=training)
        caches = {}
        if self.source_encoder:
            conditions = self._with_edit(conditions, batch)
            if "source" in conditions:
                caches["source"] = self.source_encoder(
                    conditions["source"], training=training
                )
                x = x + caches["source"][:, :length]
        visible = _all_visible()
        if self.prompt:
            prompt, visible = self.prompt(conditions, training=training)
            x = ops.concatenate([prompt, x], axis=1)
            length = length + self.prompt_length
        x, blocks = self._transform(
            x, ops.arange(length), length, visible, training=training
        )
        caches = {**caches, "blocks": blocks, "visible": visible}
        return x[:, self.prompt_length :], caches

    def _with_edit(self, conditions, batch):
        """Conditions that name an edit: to generate, if they name none."""
        if "edit" in conditions:
            return conditions
        return {**conditions, "edit": ops.zeros((batch,), "int32")}

    def _transform(
        self, x, places, length, visible, caches=None, training=None
    ):
        """Through all blocks, looking at `length` positions."""
        mask = prefix_causal_mask(places, ops.arange(length), visible)
        bias = attention_bias(mask, self.compute_dtype)
        angles = None
        if self.angles is not None:
            angles = ops.take(self.angles, places, axis=0)
        index = None if caches is None else places[0]
        written = []
        for i, block in enumerate(self.blocks):
            x, cache = block(
                x,
                bias,
                angles,
                cache=None if caches is None else caches[i],
                index=index,
                training=training,
            )
            written.append(cache)
        return x, tuple(written)

    def _logits(self, hidden):
        return ops.cast(self.head(self.final_norm(hidden)), "float32")

    # === Training ===

    def prepare(
        self, dataset, batch_size=64, shuffle=True, seed=0, truncate=False
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

        Returns:
            A `keras.utils.PyDataset` of `(inputs, tokens)` batches.
        """
        check_positive("batch_size", batch_size)
        columns = {"tokens": [], **{n: [] for n in self.tasks.columns}}
        if self.num_classes:
            columns["label"] = []
        if self.text_length:
            columns["text"] = []
        for batch in data.batches(dataset, batch_size=256):
            tokens = self.tokenizer.encode(batch["image"])
            narrow = "uint16" if self.vocabulary_size < 2**16 else "int32"
            tokens = ops.convert_to_numpy(tokens).astype(narrow)
            columns["tokens"].append(tokens)
            if self.num_classes:
                columns["label"].append(self._labels(batch.get("label")))
            if self.text_length:
                text = self._text(batch.get("text"), truncate)
                columns["text"].append(text.astype("uint8"))
            for name in self.tasks.columns:
                columns[name].append(self.tasks.column(name, batch))
        # Tokens stay in memory for the whole of `fit`: two bytes, not four.
        inputs = {k: np.concatenate(parts) for k, parts in columns.items()}
        draw = None
        if len(self.tasks):
            nulls = self.null_conditions(1)
            nulls = {k: ops.convert_to_numpy(v) for k, v in nulls.items()}
            draw = functools.partial(self.tasks.draw, nulls=nulls)
        return TokenBatches(inputs, batch_size, shuffle, seed, draw)

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """As `keras.Model.compile`, with defaults for all arguments.

        Args:
            optimizer: default AdamW at 1e-3, the gradient's norm cut at 1.
            loss: default `TokenCrossentropy()`.
            metrics: default `[BitsPerPixel(…)]`.
            kwargs: passed on.
        """
        if optimizer is None:
            optimizer = keras.optimizers.AdamW(
                1e-3, weight_decay=0.05, beta_2=0.95, global_clipnorm=1.0
            )
        if loss is None:
            loss = TokenCrossentropy()
        if metrics is None:
            pixels = math.prod(self.tokenizer.image_size)
            metrics = [BitsPerPixel(pixels / self.num_cells)]
        super().compile(
            optimizer=optimizer, loss=loss, metrics=metrics, **kwargs
        )

    def compile_from_config(self, config):
        # Keras leaves this to classes with a `compile` of their own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, *args, **kwargs):
        _check_prepared(x)
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        _check_prepared(x)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        _check_prepared(x)
        return super().predict(x, *args, **kwargs)

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


def _all_visible():
    """For a prompt without positions."""
    return ops.ones((1, 0), dtype="bool")


def _check_not_negative(name, value):
    if not isinstance(value, int) or value < 0:
        raise ValueError(
            f"`{name}` must be 0 or a positive int. Received: {name}={value!r}."
        )


def _check_prepared(x):
    spec = getattr(x, "element_spec", x)
    raw = isinstance(spec, dict) and "image" in spec
    raw = raw or getattr(x, "dtype", None) == np.uint8
    if raw:
        raise ValueError(
            "`x` must be tokens. Received: pictures. "
            "Do call `model.fit(model.prepare(pictures))`."
        )


def _check_one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(
            f"`{name}` must be one of {allowed}. Received: {name}={value!r}."
        )


def _check_width(hidden_dim, num_heads, positions):
    check_positive("num_heads", num_heads)
    check_positive("hidden_dim", hidden_dim)
    unit = num_heads * (4 if positions == "rotary" else 1)
    if hidden_dim % unit:
        raise ValueError(
            f"`hidden_dim` must be a multiple of {unit} (num_heads"
            f"{' x 4 for rotary positions' if unit != num_heads else ''}). "
            f"Received: hidden_dim={hidden_dim}, num_heads={num_heads}."
        )
