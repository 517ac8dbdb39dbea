"""The network of `ImageGPT`: from tokens and a prompt to logits.

Axes: B batch, P prompt positions, T cells read, N cells of the image, V
vocabulary, H heads, D width of a head, d width of the model.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.edits.edit_set import EditSet
from keras_igpt.generation.plans import halton_order
from keras_igpt.layers.embedding import CellEmbedding
from keras_igpt.layers.primitives import (
    Dropout,
    empty_weights,
    norm,
    zero_dense,
)
from keras_igpt.models import any_order, raster
from keras_igpt.models.parts import (
    new_angles,
    new_blocks,
    new_memory,
    new_prompt,
    new_source_encoder,
)
from keras_igpt.models.token_model import TokenModel
from keras_igpt.prompts.prompt import PromptSummary


class ImageGPTNetwork(TokenModel):
    """What `ImageGPT` computes: whole images at once, or cell by cell.

    Args:
        tokenizer: an adapted tokenizer. It is part of the model's files.
        config: dict, as `checked_config` returns it.
        kwargs: as `keras.Model` takes them.
    """

    def __init__(
        self, tokenizer: keras.layers.Layer, config: dict, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.objective = config["objective"]
        self.tokenizer = tokenizer
        self.vocabulary_size = tokenizer.vocabulary_size
        self.start_token = self.vocabulary_size
        self.num_cells = math.prod(tokenizer.grid_size)
        self.any_order = config["order"] == "any"
        self.num_classes = config["num_classes"]
        self.text_length = config["text_length"]
        edits = config["edits"]
        self.edit_set = EditSet(edits, tokenizer.image_shape if edits else ())

        # Their names and their order are part of the files' format.
        dtype = self.dtype_policy
        self.prompt = new_prompt(config, len(self.edit_set), dtype)
        # With the class as START nothing stands in front of the cells: words
        # and edits are told by the summary alone, and a class needs none.
        self.class_start = config["start"] == "class"
        self.has_summary = self.prompt is not None and bool(
            not self.class_start or self.text_length or edits
        )
        if self.has_summary:
            with empty_weights(False):
                self.prompt_summary = PromptSummary(
                    config["hidden_dim"], dtype=dtype, name="prompt_summary"
                )
        in_front = self.prompt and not self.class_start
        self.prompt_length = self.prompt.length if in_front else 0
        self.embedding = CellEmbedding(
            self.vocabulary_size,
            self.num_cells,
            config["hidden_dim"],
            not self.class_start,
            config["cell_embedding"],
            asks=self.any_order,
            dtype=dtype,
            name="embedding",
        )
        self.source_encoder = new_source_encoder(config, tokenizer, dtype)
        self.embedding_dropout = Dropout(
            config["dropout"], dtype=dtype, name="embedding_dropout"
        )
        self.blocks = new_blocks(
            config, self.prompt_length, self.num_cells, dtype
        )
        self.memory = new_memory(config, dtype)
        self.final_norm = norm(dtype, "final_norm")
        self.head = zero_dense(self.vocabulary_size, dtype, "head")
        self.angles, self.factor = new_angles(
            config, tokenizer.grid_size, self.prompt_length
        )

        self.build()
        for layer in self.layers:
            # The flag came before there were parts to tell it to.
            layer.trainable = layer.trainable and self.trainable

    @property
    def given_weights(self) -> list:
        """Weights of the tokenizer; all, if the model is frozen."""
        return self.tokenizer.weights if self.trainable else self.weights

    @property
    def reading_blocks(self) -> list:
        """Blocks that read cells: all, or in any order the first half."""
        count = len(self.blocks)
        return self.blocks[: count // 2] if self.any_order else self.blocks

    @property
    def asking_blocks(self) -> list:
        """Blocks that ask for cells what was read; only in any order."""
        return self.blocks[len(self.reading_blocks) :]

    @property
    def decode_order(self) -> tuple[int, ...]:
        """The cells in the order in which they are written."""
        if self.any_order:
            return halton_order(tuple(self.tokenizer.grid_size))
        return tuple(range(self.num_cells))

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights, once: they do not depend on inputs."""
        width = self.config["hidden_dim"]
        if self.prompt:
            self.prompt.build()
        if self.has_summary:
            self.prompt_summary.build()
        self.embedding.build()
        if self.source_encoder:
            self.source_encoder.build()
        for block in self.blocks:
            block.build()
        if self.memory:
            self.memory.build()
        self.final_norm.build((None, None, width))
        self.head.build((None, None, width))
        self.built = True

    def call(
        self,
        inputs: dict[str, Tensor],
        training: bool | None = None,
        start: bool = True,
    ) -> Tensor:
        """Logits of whole images.

        Args:
            inputs: dict of `"tokens"`, int32 `(B, N)`; if the model has
                classes, `"label"`, int32 `(B,)`; if it has captions, `"text"`,
                int32 `(B, text_length)`, bytes; if it has edits, `"edit"`,
                int32 `(B,)`, and `"source"`, uint8 `(B, height, width,
                C + 1)`, or neither to generate from nothing. With the
                objective "bert" also `"masked"`, bool `(B, N)`, True where a
                token is hidden; without it none is. With the order "any" also
                `"order"`, int32 `(B, N)`, the cells in the order in which they
                are asked, or `"plan"`, int32 `(B, N)`, the step that asks each
                cell; without them it is row by row.
            training: bool. Apply dropout.
            start: bool. Put START before the tokens. False is the raw form of
                Hugging Face's ImageGPT: what goes into a cell is its own token
                (which may be START, the id V), what comes out is of the next.

        Returns:
            float32 logits of shape `(B, N, V)`: those at cell i say what the
            model expects there, having seen the cells before.
        """
        return self.logits(self.read(inputs, training, start))

    def _check_order(self, order: str) -> None:
        """Refuses what only models of the other order do."""
        if self.config["order"] != order:
            raise ValueError(
                f"`order` must be {order!r} for this. Received: a model with "
                f"order={self.config['order']!r}."
            )

    def read(
        self,
        inputs: dict[str, Tensor],
        training: bool | None = None,
        start: bool = True,
        states: list | None = None,
    ) -> Tensor:
        """What the last block gives for each cell, before the last norm.

        Args:
            inputs, training, start: as the model is called with.
            states: list. The input of every block is appended, `(B, N, d)`.

        Returns:
            float tensor of shape `(B, N, d)`.
        """
        if self.any_order:
            if not start:
                self._check_order("raster")
            return any_order.read(self, inputs, training, states)
        if {"order", "plan"} & set(inputs):
            self._check_order("any")
        tokens = inputs["tokens"]
        return raster.read(self, inputs, tokens, training, start, states)[0]

    def hidden_states(
        self, inputs: dict[str, Tensor], start: bool = True
    ) -> tuple[Tensor, ...]:
        """What goes into each block, and what comes out behind the last norm.

        Args:
            inputs, start: as the model is called with.

        Returns:
            tuple of a float tensor `(B, N, d)` for each block, and one more.
        """
        states = []
        last = self.read(inputs, start=start, states=states)
        return (*states, self.final_norm(last))

    def logits(self, hidden: Tensor) -> Tensor:
        """float32 logits `(B, N, V)` of what `read` returns."""
        return ops.cast(self.head(self.final_norm(hidden)), "float32")

    def null_conditions(self, batch: int | Tensor) -> dict[str, Tensor]:
        """Conditions that ask for nothing, for `batch` rows."""
        return self.prompt.nulls(batch) if self.prompt else {}

    def prefill(self, conditions: dict[str, Tensor], prefix: Tensor) -> dict:
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
            with a prompt `"summary"`, its vector, float `(B, 1, d)`, and
            `"start"`, the class's, if it is START; with a source
            `"source"`, its vectors, float `(B, N, d)`.
        """
        self._check_order("raster")
        return raster.read(self, conditions, prefix)[1]

    def empty_caches(self, batch: int | Tensor) -> dict:
        """What `prefill` would return, had it nothing to read."""
        self._check_order("raster")
        return raster.empty_caches(self, batch)

    def step(
        self, previous: Tensor, cell: Tensor, caches: dict
    ) -> tuple[Tensor, dict]:
        """Reads one cell or a few, given the caches of all before.

        Args:
            previous: int32 tensor of shape `(B, T)`, for each of the T cells
                the token before it.
            cell: int32 scalar tensor, the first of the cells.
            caches: as `prefill` returns them, grown to have room for more.

        Returns:
            Tuple of float32 logits `(B, T, V)` and the caches with the cells.
        """
        self._check_order("raster")
        return raster.step(self, previous, cell, caches)

    def prefill_known(
        self,
        conditions: dict[str, Tensor],
        tokens: Tensor,
        cells: Tensor,
        known: Tensor,
    ) -> dict:
        """As `any_order.prefill`: the prompt and known cells in any order."""
        self._check_order("any")
        return any_order.prefill(self, conditions, tokens, cells, known)

    def ask(self, cells: Tensor, caches: dict) -> Tensor:
        """As `any_order.ask`: logits of cells, given what was read."""
        self._check_order("any")
        return any_order.ask(self, cells, caches)

    def read_group(
        self,
        tokens: Tensor,
        cells: Tensor,
        valid: Tensor,
        index: Tensor,
        caches: dict,
    ) -> dict:
        """As `any_order.read_group`: the caches with some cells more."""
        self._check_order("any")
        return any_order.read_group(self, tokens, cells, valid, index, caches)

    def in_decode_order(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Inputs with the order of writing, if the model has one.

        Args:
            inputs: dict as the model is called with; `"order"` and `"plan"`
                stay.
        """
        if not self.any_order or {"order", "plan"} & set(inputs):
            return inputs
        order = ops.convert_to_tensor([self.decode_order], "int32")
        rows = ops.shape(inputs["tokens"])[0]
        return {**inputs, "order": ops.repeat(order, rows, axis=0)}

    def read_prompt(
        self, conditions: dict[str, Tensor], training: bool | None = None
    ) -> tuple[dict[str, Tensor], Tensor | None, Tensor]:
        """What a prompt tells the cells, its positions, and which are seen.

        Args:
            conditions: dict of tensors with B rows, as `prefill` takes them.
            training: bool. Apply dropout.

        Returns:
            Tuple of a dict, with `"summary"` and `"start"` where the model
            has them; float `(B, P, d)`, or None if nothing stands in front;
            and bool `(B or 1, P)`.
        """
        if not self.prompt:
            return {}, None, raster.all_visible()
        prompt, visible = self.prompt(conditions, training=training)
        told = {}
        if self.has_summary:
            told["summary"] = self.prompt_summary(prompt, visible)
        if not self.class_start:
            return told, prompt, visible
        told["start"] = self.prompt.class_vector(prompt)
        return told, None, raster.all_visible()

    def with_edit(
        self, conditions: dict[str, Tensor], batch: int | Tensor
    ) -> dict[str, Tensor]:
        """Conditions that name an edit: to generate, if they name none.

        Args:
            conditions: dict of tensors with `batch` rows.
            batch: int, or scalar tensor.
        """
        if not self.source_encoder or "edit" in conditions:
            return conditions
        return {**conditions, "edit": ops.zeros((batch,), "int32")}
