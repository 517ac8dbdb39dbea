"""How a model is trained: pictures made ready, and defaults for Keras."""

import functools
import math

import keras
import numpy as np
from keras import ops

from keras_igpt import data, progress
from keras_igpt.checks import check_positive, check_share
from keras_igpt.conditions import encode_captions, encode_labels
from keras_igpt.training import (
    BitsPerPixel,
    TokenBatches,
    TokenCrossentropy,
    draw_masked,
)

# Pictures that `prepare` reads at a time.
PREPARED = 256


class TakesTokens:
    """A `keras.Model` that asks for tokens when it is given pictures.

    Expects of the class it is mixed into: `given_weights`, those that no
    training of it changes.
    """

    def get_compile_config(self):
        # Files keep neither single weights that are frozen nor LoRA, so that
        # an optimizer would come back with state for other weights.
        learned = len(self.weights) - len(self.given_weights)
        whole = len(self.trainable_weights) == learned
        if whole or getattr(self, "quantization", None):
            return super().get_compile_config()
        return None

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


class Learning(TakesTokens):
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


def default_optimizer(ema=None):
    """AdamW at 1e-3, the gradient's norm cut at 1.

    Args:
        ema: float from 0 to 1: the momentum of averaged weights, such as
            0.999; None for none.

    Returns:
        A `keras.optimizers.AdamW`.
    """
    if ema is not None and not 0 < ema < 1:
        raise ValueError(
            "`ema` must be above 0 and below 1, or None. "
            f"Received: ema={ema!r}. Do take about 1 - 10 / steps, such as "
            "0.999 for 10,000 steps."
        )
    averaging = {} if ema is None else {"use_ema": True, "ema_momentum": ema}
    return keras.optimizers.AdamW(
        1e-3, weight_decay=0.05, beta_2=0.95, global_clipnorm=1.0, **averaging
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
