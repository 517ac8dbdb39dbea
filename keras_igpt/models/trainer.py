"""`ImageGPTTrainer`: what Keras's training needs of the network."""

import functools
import gc
import math
import warnings
from typing import Any

from keras import ops

from keras_igpt import data, progress
from keras_igpt.argument_checks import check_positive, check_share
from keras_igpt.generation.plans import draw_plans
from keras_igpt.models.network import ImageGPTNetwork
from keras_igpt.prompts.conditions import encode_captions, encode_labels
from keras_igpt.training.batches import TokenBatches, draw_masked
from keras_igpt.training.losses import BitsPerPixel, TokenCrossentropy
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
    ) -> TokenBatches:
        """Tokenises images once, for `fit`, `evaluate` and `predict`.

        Args:
            dataset: what `keras_igpt.data.load` returns, or arrays as
                `keras_igpt.data.batches` takes them.
            batch_size: int.
            shuffle: bool. A new order every epoch.
            seed: int. Decides the orders.
            truncate: bool. Cut captions that are too long, rather than
                refuse them.
            edit_share: float from 0 to 1. Share of the images that a model
                with edits is to edit; it generates the others from nothing.

        Returns:
            A `keras.utils.PyDataset` of `(inputs, tokens)` batches; with the
            objective "bert" of `(inputs, tokens, weights)`, for only the
            cells that are hidden count.
        """
        check_positive("batch_size", batch_size)
        check_share("edit_share", edit_share)
        edits = edit_share > 0 and len(self.edit_set) > 0
        count = data.num_images(dataset)
        with progress.bar("reading images", count) as advance:

            def columns(batch):
                advance(len(batch["image"]))
                return self._columns(batch, truncate, edits)

            inputs = data.arrays(dataset, columns)
        groups = inputs.pop("group", None)
        draw = self._draw(edit_share) if edits else self.draw_masked
        return TokenBatches(
            inputs,
            batch_size,
            shuffle,
            seed,
            draw,
            draw_plans=self.draw_plans,
            groups=groups,
        )

    def _columns(self, batch, truncate, edits):
        """What training needs of a batch of data, as small as it can be."""
        columns = {"tokens": self.tokenizer.encode_all(batch["image"])}
        if self.num_classes:
            # A model that begins with a class has one for images of none.
            labels = encode_labels(
                batch.get("label"),
                self.num_classes,
                optional=self.config["start"] == "class",
            )
            count = len(batch["image"])
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
