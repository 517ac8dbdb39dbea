"""What is asked of the model, as vectors in front of the image's cells.

A prompt is read as a whole (prefix language model). Each part has a *null*
that stands for "nothing asked". Training replaces a part by its null now and
then, which is what classifier-free guidance compares with at generation (Ho
& Salimans 2022, https://arxiv.org/abs/2207.12598).

Axes: B batch, P prompt positions, L bytes of a caption, d width.
"""

from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.primitives import (
    dense,
    empty_weights,
    norm,
    row_uniforms,
    table,
    zero_dense,
)
from keras_igpt.prompts.captions import (
    MAX_SLOT,
    NGRAM_ROWS,
    hashed_ngrams,
    quoted_slots,
)

# Bytes in a row that are looked up as one: short words, Chinese characters.
NGRAMS = (3, 4, 6)


@keras.saving.register_keras_serializable("keras_igpt")
class ClassPrompt(keras.layers.Layer):
    """One vector that names the class.

    The label `num_classes` is the null.

    Args:
        num_classes: int, at least 1.
        hidden_dim: int.
        null_rate: float. Share of the training labels replaced by the null.
    """

    key = "label"
    length = 1

    def __init__(
        self,
        num_classes: int,
        hidden_dim: int,
        null_rate: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.hidden_dim = hidden_dim
        self.null_rate = null_rate
        self.seed_generator = keras.random.SeedGenerator()
        self.class_embedding = table(
            num_classes + 1, hidden_dim, self.dtype_policy, "class_embedding"
        )

    def build(self) -> None:
        self.class_embedding.build((None,))

    def call(self, labels: Tensor, training: bool | None = None) -> Tensor:
        """Embeds labels.

        Args:
            labels: int32 tensor of shape `(B,)`, `num_classes` for none.
            training: bool. Whether to put nulls in at random.

        Returns:
            Tuple of a float tensor of shape `(B, 1, d)`, and bool `(B, 1)`,
            True.
        """
        if training:
            dropped = _draw_nulls(self, ops.shape(labels)[0])
            labels = ops.where(dropped, self.num_classes, labels)
        visible = ops.ones_like(labels[:, None], dtype="bool")
        return self.class_embedding(labels)[:, None, :], visible

    def nulls(self, batch: int | Tensor) -> Tensor:
        """The labels of `batch` prompts that ask for nothing."""
        return ops.full((batch,), self.num_classes, dtype="int32")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_dim": self.hidden_dim,
            "null_rate": self.null_rate,
        }


@keras.saving.register_keras_serializable("keras_igpt")
class TextPrompt(keras.layers.Layer):
    """A caption, byte by byte: any language, any spelling, no vocabulary.

    Bytes between quotation marks, of words to be generated, also know how far
    they are from both marks (`quoted_slots`); the others, which are read as
    words, also know the bytes before them (`hashed_ngrams`). Byte 0 fills
    captions up; nobody looks at it. A caption of nothing else is the null.

    Args:
        length: int. Bytes of the longest caption.
        hidden_dim: int.
        null_rate: float. Share of the captions replaced by the null in
            training.
    """

    key = "text"

    def __init__(
        self,
        length: int,
        hidden_dim: int,
        null_rate: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.length = length
        self.hidden_dim = hidden_dim
        self.null_rate = null_rate
        self.seed_generator = keras.random.SeedGenerator()
        self.byte_embedding = table(
            256, hidden_dim, self.dtype_policy, "byte_embedding"
        )
        self.position_embedding = table(
            length, hidden_dim, self.dtype_policy, "position_embedding"
        )
        self.slot_embedding = table(
            2 * (MAX_SLOT + 1), hidden_dim, self.dtype_policy, "slot_embedding"
        )
        self.ngram_embedding = table(
            NGRAM_ROWS, hidden_dim, self.dtype_policy, "ngram_embedding"
        )

    def build(self) -> None:
        self.byte_embedding.build((None, None))
        self.position_embedding.build((None,))
        self.slot_embedding.build((None, None))
        self.ngram_embedding.build((None, None))

    def call(self, text: Tensor, training: bool | None = None) -> Tensor:
        """Embeds captions.

        Args:
            text: int32 tensor of shape `(B, L)`, bytes as `encode_text`
                makes them.
            training: bool. Whether to put nulls in at random.

        Returns:
            Tuple of a float tensor of shape `(B, L, d)`, and bool `(B, L)`,
            False where there is no byte.
        """
        if training:
            dropped = _draw_nulls(self, ops.shape(text)[0])
            text = ops.where(dropped[:, None], 0, text)
        x = self.byte_embedding(text)
        x = x + self.position_embedding(ops.arange(self.length, dtype="int32"))
        first, last = quoted_slots(text)
        x = x + self.slot_embedding(first)
        x = x + self.slot_embedding(last + MAX_SLOT + 1)
        # Words to be drawn are letters and nothing else.
        words = ops.where(first > 0, 0, text)
        for length in NGRAMS:
            x = x + self.ngram_embedding(hashed_ngrams(words, length))
        return x, text > 0

    def nulls(self, batch: int | Tensor) -> Tensor:
        """The bytes of `batch` prompts that ask for nothing."""
        return ops.zeros((batch, self.length), dtype="int32")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "length": self.length,
            "hidden_dim": self.hidden_dim,
            "null_rate": self.null_rate,
        }


@keras.saving.register_keras_serializable("keras_igpt")
class EditPrompt(keras.layers.Layer):
    """One vector that names the edit; 0 is to generate.

    It has no null: guidance compares prompts for the same edit.

    Args:
        num_edits: int, at least 1.
        hidden_dim: int.
    """

    key = "edit"
    length = 1

    def __init__(self, num_edits: int, hidden_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_edits = num_edits
        self.hidden_dim = hidden_dim
        self.edit_embedding = table(
            num_edits + 1, hidden_dim, self.dtype_policy, "edit_embedding"
        )

    def build(self) -> None:
        self.edit_embedding.build((None,))

    def call(self, edits: Tensor, training: bool | None = None) -> Tensor:
        """As `ClassPrompt.call`, of edits' numbers."""
        visible = ops.ones_like(edits[:, None], dtype="bool")
        return self.edit_embedding(edits)[:, None, :], visible

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_edits": self.num_edits,
            "hidden_dim": self.hidden_dim,
        }


@keras.saving.register_keras_serializable("keras_igpt")
class Prompt(keras.layers.Layer):
    """All parts of a prompt, one behind the other.

    Args:
        num_classes: int; 0 for prompts without class.
        text_length: int, bytes; 0 for prompts without caption.
        hidden_dim: int.
        num_edits: int; 0 for prompts without edit.
    """

    def __init__(
        self,
        num_classes: int,
        text_length: int,
        hidden_dim: int,
        num_edits: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_edits = num_edits
        self.num_classes = num_classes
        self.text_length = text_length
        self.hidden_dim = hidden_dim
        self.parts = []
        shared = {"hidden_dim": hidden_dim, "dtype": self.dtype_policy}
        if num_edits:
            with empty_weights(False):
                self.parts.append(EditPrompt(num_edits, name="edit", **shared))
        if num_classes:
            self.parts.append(ClassPrompt(num_classes, name="class", **shared))
        if text_length:
            with empty_weights(False):
                text = TextPrompt(text_length, name="text", **shared)
            self.parts.append(text)
        self.length = sum(part.length for part in self.parts)

    @property
    def keys(self) -> list[str]:
        """Names of the conditions: `"edit"`, `"label"`, `"text"` as it has."""
        return [part.key for part in self.parts]

    def build(self) -> None:
        for part in self.parts:
            part.build()

    def call(
        self, conditions: dict[str, Tensor], training: bool | None = None
    ) -> Tensor:
        """Embeds conditions.

        Args:
            conditions: dict of int32 tensors, `"edit"` `(B,)`, `"label"`
                `(B,)` and `"text"` `(B, L)`, those that the prompt has.
            training: bool.

        Returns:
            Tuple of a float tensor of shape `(B, P, d)`, and bool
            `(B or 1, P)`, False where a position holds nothing.
        """
        read = [
            part(conditions[part.key], training=training) for part in self.parts
        ]
        vectors, visible = zip(*read)
        vectors = ops.concatenate(vectors, axis=1)
        visible = ops.concatenate(visible, axis=1)
        # Without captions all prompts hold the same positions.
        return vectors, visible if self.text_length else visible[:1]

    def class_vector(self, vectors: Tensor) -> Tensor:
        """The class's own `(B, 1, d)` of the vectors that a call returns."""
        place = int(self.num_edits > 0)
        return vectors[:, place : place + 1]

    def nulls(self, batch: int | Tensor) -> dict[str, Tensor]:
        """Conditions of `batch` prompts that ask for nothing.

        An edit is not among them.
        """
        parts = (part for part in self.parts if part.key != "edit")
        return {part.key: part.nulls(batch) for part in parts}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "text_length": self.text_length,
            "hidden_dim": self.hidden_dim,
            "num_edits": self.num_edits,
        }


@keras.saving.register_keras_serializable("keras_igpt")
class PromptSummary(keras.layers.Layer):
    """The prompt as one vector, which is told to every cell.

    Attention must find a word before a cell can learn what it means there.
    The mean of all words is at hand from the first step: small things of
    which captions speak are learned far sooner (pooled captions are added
    like this by Nichol et al. 2021, https://arxiv.org/abs/2112.10741,
    section 2.3, beside those that attention reads). It begins with zeros.

    Args:
        hidden_dim: int.
    """

    def __init__(self, hidden_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        dtype = self.dtype_policy
        self.norm = norm(dtype, "norm")
        self.hidden = dense(hidden_dim, False, 1.0, dtype, "hidden")
        self.output_projection = zero_dense(
            hidden_dim, dtype, "output_projection"
        )

    def build(self) -> None:
        for layer in (self.norm, self.hidden, self.output_projection):
            layer.build((None, self.hidden_dim))

    def call(self, vectors: Tensor, visible: Tensor) -> Tensor:
        """Summarises what `Prompt` returns.

        Args:
            vectors: float tensor of shape `(B, P, d)`.
            visible: bool tensor of shape `(B or 1, P)`.

        Returns:
            Float tensor of shape `(B, 1, d)`.
        """
        weights = ops.cast(visible, vectors.dtype)[..., None]
        count = ops.maximum(ops.sum(weights, axis=1), 1)
        x = self.norm(ops.sum(vectors * weights, axis=1) / count)
        x = self.output_projection(ops.silu(self.hidden(x)))
        return x[:, None]

    def get_config(self) -> dict:
        return {**super().get_config(), "hidden_dim": self.hidden_dim}


def _draw_nulls(part, batch):
    return row_uniforms(batch, part.seed_generator) < part.null_rate
