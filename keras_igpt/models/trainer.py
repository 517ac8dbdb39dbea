"""`ImageGPTTrainer`: what Keras's training needs of the network."""

import functools
import gc
import math
import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from keras import ops

from keras_igpt import data, progress
from keras_igpt.annotations import Array, PathLike
from keras_igpt.argument_checks import check_positive, check_share
from keras_igpt.data.batches import tokens
from keras_igpt.data.memory import check_memory
from keras_igpt.data.shards.dataset import TokenDataset
from keras_igpt.generation.plans import draw_plans
from keras_igpt.models.network import ImageGPTNetwork
from keras_igpt.prompts.conditions import encode_captions, encode_labels
from keras_igpt.training.batches import TokenBatches, draw_masked
from keras_igpt.training.losses import BitsPerPixel, TokenCrossentropy
from keras_igpt.training.rows import ArrayRows, StoredRows
from keras_igpt.training.schedule import default_optimizer


class ImageGPTTrainer(ImageGPTNetwork):
    """The network with data made ready for it, and defaults for `compile`."""

    # How its weights are quantised, "int8" for example.
    quantization = None

    def prepare(
        self,
        dataset: Any,
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        truncate: bool = False,
        edit_share: float = 0.5,
        split: str = "train",
        cache: PathLike | None = None,
    ) -> TokenBatches:
        """Tokenises images once, for `fit`, `evaluate` and `predict`.

        They are kept in memory; but shards that `keras-igpt tokenize` has
        written are read as they are needed, a few batches ahead.

        Args:
            dataset: what `keras_igpt.data.load` returns, or what it takes, or
                arrays as `keras_igpt.data.batches` takes them.
            batch_size: int.
            shuffle: bool. A new order every epoch.
            seed: int. Decides the orders.
            truncate: bool. Cut captions that are too long, rather than
                refuse them.
            edit_share: float from 0 to 1. Share of the images that a model
                with edits is to edit; it generates the others from nothing.
            split: str. Of a `dataset` that is a name or a folder.
            cache: a folder for what does not fit into memory: `dataset`, a
                name or a folder, is written into it as shards once, and read
                from there. Needs `pip install 'keras_igpt[beam]'`.

        Returns:
            A `keras.utils.PyDataset` of `(inputs, tokens)` batches; with the
            objective "bert" of `(inputs, tokens, weights)`, for only the
            cells that are hidden count.

        Raises:
            ValueError: if images, captions or labels do not fit the model,
                shards were made by another tokenizer, or what is to be held
                in memory does not fit into it. A caption in shards that is
                too long is found when it is read.
        """
        check_positive("batch_size", batch_size)
        check_share("edit_share", edit_share)
        edits = edit_share > 0 and len(self.edit_set) > 0
        dataset = self._opened(dataset, split, cache)
        columns = functools.partial(
            self._columns, truncate=truncate, edits=edits
        )
        needed = self.edit_set.shown if edits else ()
        rows, groups = rows_of(dataset, self, columns, needed)
        draw = self._draw(edit_share) if edits else self.draw_masked
        return TokenBatches(
            rows,
            batch_size,
            shuffle,
            seed,
            draw,
            draw_plans=self.draw_plans,
            groups=groups,
        )

    def _opened(self, dataset, split, cache):
        """What a name or a folder stands for; anything else stays as it is."""
        if cache is not None:
            keep = len(self.edit_set) > 0
            data.tokenize(dataset, self.tokenizer, cache, images=keep)
            dataset = cache
        if not isinstance(dataset, (str, os.PathLike)):
            return dataset
        *size, channels = self.tokenizer.image_shape
        return data.load(dataset, split, tuple(size), channels)

    def _columns(self, batch, truncate, edits):
        """What training needs of a batch of data, as small as it can be."""
        columns = {"tokens": tokens(batch, self.tokenizer)}
        if self.num_classes:
            # A model that begins with a class has one for images of none.
            labels = encode_labels(
                batch.get("label"),
                self.num_classes,
                optional=self.config["start"] == "class",
            )
            count = len(columns["tokens"])
            columns["label"] = labels.repeat(1 if "label" in batch else count)
        if self.text_length:
            text = batch.get("text")
            text = encode_captions(text, self.text_length, truncate)
            columns["text"] = text.astype("uint8")
        for name in self.edit_set.columns if edits else ():
            columns[name] = self.edit_set.column(name, batch)
        if "group" in batch:  # never given to the model
            columns["group"] = batch["group"]
        return columns

    def _draw(self, edit_share):
        """Draws edits for a batch, as `EditSet.draw`."""
        nulls = self.null_conditions(1)
        nulls = {k: ops.convert_to_numpy(v) for k, v in nulls.items()}
        return functools.partial(
            self.edit_set.draw, nulls=nulls, share=edit_share
        )

    @property
    def draw_plans(self) -> Any:
        """Draws when cells are asked, if the model writes in any order."""
        if self.any_order:
            return functools.partial(
                draw_plans,
                self.decode_order,
                schedule=self.config["step_schedule"],
            )
        return None

    @property
    def draw_masked(self) -> Any:
        """Hides cells of a batch for the objective "bert"; else None."""
        return draw_masked if self.objective == "bert" else None

    def compile(
        self,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """As `keras.Model.compile`, with defaults for all arguments.

        Args:
            optimizer: default Muon at 2e-3, as `default_optimizer` makes it.
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

    def quantize(self, mode: str = "int8", **kwargs: Any) -> None:
        """As `keras.Model.quantize`; remembered, so that saved files load."""
        # Keras collects garbage once for every layer, which takes seconds if
        # there is much to look through: what is there by now is left out.
        gc.freeze()
        try:
            with warnings.catch_warnings():
                # Keras names each norm that has nothing to quantise.
                warnings.filterwarnings("ignore", "Layer .* does not have")
                super().quantize(mode, **kwargs)
        finally:
            gc.unfreeze()
        self.quantization = mode
        if self.compiled:
            # The optimizer's state is of weights that are no more.
            self.compile_from_config(self.get_compile_config())


def rows_of(
    dataset: Any,
    model: ImageGPTNetwork,
    columns: Callable[[dict[str, Array]], dict[str, Array]],
    needed: Iterable[str] = (),
) -> tuple[ArrayRows | StoredRows, Array | None]:
    """Rows for `TokenBatches`: in memory, or of shards that stay on the disk.

    Args:
        dataset: as `keras_igpt.data.batches` takes it.
        model: the one that has the tokenizer.
        columns: function of a batch of data to what training needs of it.
        needed: names of the images that it looks at beside the tokens.

    Returns:
        The rows; and the group of each one, or None.

    Raises:
        ValueError: if they do not fit the model, or into memory.
    """
    needed = tuple(needed)
    if isinstance(dataset, TokenDataset):
        _check_shards(dataset, model, needed)
        shards = dataset if needed else dataset.without_images()

        def read(numbers):
            found = columns(shards.read(numbers))
            found.pop("group", None)
            return found

        read(np.arange(1))  # What does not fit is found now.
        return StoredRows(len(dataset), read), None
    count = data.num_images(dataset)
    bytes_each = 2 * model.num_cells + model.text_length
    bytes_each += len(needed) * math.prod(model.tokenizer.image_shape)
    check_memory(count, bytes_each)
    with progress.bar("reading images", count) as advance:

        def advancing(batch):
            advance(len(batch["image"]))
            return columns(batch)

        inputs = data.arrays(dataset, advancing)
    groups = inputs.pop("group", None)
    return ArrayRows(inputs), groups


def _check_shards(dataset, model, needed):
    dataset.check_tokenizer(model.tokenizer)
    dataset.check_columns(needed)
    names, known = dataset.class_names, list(model.config["class_names"])
    if model.num_classes and names and known and names != known:
        raise ValueError(
            "The shards must have the classes of the model, "
            f"{', '.join(known):.200}. Received: {', '.join(names):.200}."
        )
    if model.num_classes and len(names) > model.num_classes:
        raise ValueError(
            f"The shards must have at most {model.num_classes} classes, as the "
            f"model has. Received: {len(names)}. Make the model with "
            f"num_classes={len(names)}."
        )
