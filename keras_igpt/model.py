"""`ImageGPT`: where tokenizer, prompt and Transformer meet.

Axes: B batch, P prompt positions, N cells of the picture, V vocabulary.
"""

import math
import warnings

import keras
from keras import ops

from keras_igpt.attention import (
    POSITIONS,
    attention_bias,
    prefix_causal_mask,
    rotary_angles,
)
from keras_igpt.block import TransformerBlock
from keras_igpt.checks import (
    check_not_negative,
    check_one_of,
    check_positive,
    check_width,
)
from keras_igpt.features import Features
from keras_igpt.layers import ACTIVATIONS, CellEmbedding, norm
from keras_igpt.learning import Learning
from keras_igpt.painting import Painting
from keras_igpt.prompts import Prompt, PromptSummary
from keras_igpt.sizes import SIZES
from keras_igpt.source_encoder import SourceEncoder
from keras_igpt.tasks import Tasks

OBJECTIVES = ("autoregressive", "bert")


@keras.saving.register_keras_serializable("keras_igpt")
class ImageGPT(Painting, Features, Learning, keras.Model):
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
        float32 logits of shape `(B, N, V)`: those at cell i say what the
        model expects there, having seen the cells before i.

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
            self.prompt_summary = PromptSummary(
                hidden_dim, dtype=dtype, name="prompt_summary"
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
        # All may look at the prompt, and with "bert" at all cells too.
        open_length = self.prompt_length
        if objective == "bert":
            open_length += self.num_cells
        self.embedding_dropout = keras.layers.Dropout(
            dropout, dtype=dtype, name="embedding_dropout"
        )
        self.blocks = [
            TransformerBlock(
                hidden_dim,
                num_heads,
                open_length,
                activation,
                qk_norm,
                use_bias,
                dropout,
                # 2 L parts are added to the residual stream: each starts
                # small enough for their sum to keep its variance.
                output_scale=1 / math.sqrt(2 * num_layers),
                inner_dim=inner_dim,
                score_scale=1 / (i + 1) if scale_by_layer else 1.0,
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
        for layer in self.layers:
            # The flag came before there were parts to tell it to.
            layer.trainable = layer.trainable and self.trainable

    def build(self, input_shape=None):
        width = self.config["hidden_dim"]
        if self.prompt:
            self.prompt.build()
            self.prompt_summary.build()
        self.embedding.build()
        if self.source_encoder:
            self.source_encoder.build()
        for block in self.blocks:
            block.build()
        self.final_norm.build((None, None, width))
        self.head.build((None, None, width))
        self.built = True

    # === The network ===

    def call(self, inputs, training=None, start=True):
        return self.logits(self.read(inputs, training, start))

    def read(self, inputs, training=None, start=True, states=None):
        """What the last block gives for each cell, before the last norm.

        Args:
            inputs, training, start: as the model is called with.
            states: list. The input of every block is appended, `(B, N, d)`.

        Returns:
            float tensor of shape `(B, N, d)`.
        """
        tokens = inputs["tokens"]
        return self._read(inputs, tokens, training, start, states)[0]

    def logits(self, hidden):
        """float32 logits `(B, N, V)` of what `read` returns."""
        return ops.cast(self.head(self.final_norm(hidden)), "float32")

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
            with a prompt `"summary"`, its vector, float `(B, 1, d)`; with a
            source `"source"`, its vectors, float `(B, N, d)`.
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
        if "summary" in caches:
            x = x + caches["summary"]
        if "source" in caches:
            x = x + ops.take(caches["source"], cell[None], axis=1)
        place = (self.prompt_length + cell)[None]
        length = ops.shape(caches["blocks"][0][0])[2]
        hidden, blocks = self._transform(
            x, place, length, caches["visible"], caches["blocks"]
        )
        return self.logits(hidden)[:, 0], {**caches, "blocks": blocks}

    def _read(self, conditions, tokens, training=None, start=True, states=None):
        """Hidden states of cells `(B, T, d)`, and the caches of all."""
        batch, length = ops.shape(tokens)[0], ops.shape(tokens)[1]
        given = ops.cast(tokens, "int32")
        if start and self.objective == "autoregressive":
            first = ops.full((batch, 1), self.start_token, dtype="int32")
            given = ops.concatenate([first, given], axis=1)[:, :length]
        masked = conditions.get("masked")
        if masked is not None:
            masked = ops.cast(masked, "bool")
        x = self.embedding(given, ops.arange(length), masked)
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
            caches["summary"] = self.prompt_summary(prompt, visible)
            x = x + caches["summary"]
            x = ops.concatenate([prompt, x], axis=1)
        if self.objective == "bert":
            visible = ops.pad(
                visible, [(0, 0), (0, length)], constant_values=True
            )
        length = length + self.prompt_length
        x, blocks = self._transform(
            x,
            ops.arange(length),
            length,
            visible,
            training=training,
            states=states,
        )
        caches = {**caches, "blocks": blocks, "visible": visible}
        return x[:, self.prompt_length :], caches

    def _with_edit(self, conditions, batch):
        """Conditions that name an edit: to generate, if they name none."""
        if "edit" in conditions:
            return conditions
        return {**conditions, "edit": ops.zeros((batch,), "int32")}

    def _transform(
        self,
        x,
        places,
        length,
        visible,
        caches=None,
        training=None,
        states=None,
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
            if states is not None:
                states.append(x[:, self.prompt_length :])
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
        from keras_igpt import export

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


def _all_visible():
    """For a prompt without positions."""
    return ops.ones((1, 0), dtype="bool")
