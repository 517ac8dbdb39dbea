"""The network of `ImageGPT`: from tokens and a prompt to logits.

Axes: B batch, P prompt positions, T cells read, N cells of the picture, V
vocabulary, H heads, D width of a head, d width of the model.
"""

import math

import keras
from keras import ops

from keras_igpt.layers.attention import attention_bias, prefix_causal_mask
from keras_igpt.layers.block import TransformerBlock
from keras_igpt.layers.embedding import CellEmbedding
from keras_igpt.layers.primitives import norm
from keras_igpt.layers.rotary import rotary_angles
from keras_igpt.layers.source_encoder import SourceEncoder
from keras_igpt.prompts.prompt import Prompt, PromptSummary


class ImageGPTNetwork:
    """What `ImageGPT` computes: whole pictures at once, or cell by cell.

    Stands before `keras.Model` among the bases of the class it is mixed into,
    and expects of it: `config`, `tokenizer`, `tasks`, `vocabulary_size`,
    `start_token`, `num_cells` and `objective`.
    """

    def create_layers(self):
        """Makes the layers that `config` asks for, as attributes."""
        config, dtype = self.config, self.dtype_policy
        hidden_dim, num_heads = config["hidden_dim"], config["num_heads"]
        num_layers = config["num_layers"]
        self.prompt = None
        if config["num_classes"] or config["text_length"] or config["edits"]:
            self.prompt = Prompt(
                config["num_classes"],
                config["text_length"],
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
        if config["edits"]:
            height, width, channels = self.tokenizer.image_shape
            rows, columns = self.tokenizer.grid_size
            self.source_encoder = SourceEncoder(
                self.tokenizer.grid_size,
                (height // rows, width // columns),
                channels,
                hidden_dim,
                num_heads,
                dtype=dtype,
                name="source_encoder",
            )
        # All may look at the prompt, and with "bert" at all cells too.
        open_length = self.prompt_length
        if self.objective == "bert":
            open_length += self.num_cells
        self.embedding_dropout = keras.layers.Dropout(
            config["dropout"], dtype=dtype, name="embedding_dropout"
        )
        self.blocks = [
            TransformerBlock(
                hidden_dim,
                num_heads,
                open_length,
                config["activation"],
                config["qk_norm"],
                config["use_bias"],
                config["dropout"],
                # 2 L parts are added to the residual stream: each starts
                # small enough for their sum to keep its variance.
                output_scale=1 / math.sqrt(2 * num_layers),
                inner_dim=config["inner_dim"],
                score_scale=1 / (i + 1) if config["scale_by_layer"] else 1.0,
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
        if config["positions"] == "rotary":
            self.angles = rotary_angles(
                self.tokenizer.grid_size,
                hidden_dim // num_heads,
                self.prompt_length,
            )

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
        """Reads one cell or a few, given the caches of all before.

        Args:
            previous: int32 tensor of shape `(B, T)`, for each of the T cells
                the token before it.
            cell: int32 scalar tensor, the first of the cells.
            caches: as `prefill` returns them, grown to have room for more.

        Returns:
            Tuple of float32 logits `(B, T, V)` and the caches with the cells.
        """
        cells = cell + ops.arange(previous.shape[1], dtype="int32")
        x = self.embedding(previous, cells)
        if "summary" in caches:
            x = x + caches["summary"]
        if "source" in caches:
            x = x + ops.take(caches["source"], cells, axis=1)
        places = self.prompt_length + cells
        length = ops.shape(caches["blocks"][0][0])[2]
        hidden, blocks = self._transform(
            x, places, length, caches["visible"], caches["blocks"]
        )
        return self.logits(hidden), {**caches, "blocks": blocks}

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


def _all_visible():
    """For a prompt without positions."""
    return ops.ones((1, 0), dtype="bool")
