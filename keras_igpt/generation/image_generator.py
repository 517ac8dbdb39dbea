"""Images from a model: generated, completed, edited, and how likely they are.

Axes: B images, N cells, C channels.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt import progress
from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.argument_checks import (
    check_one_of,
    check_positive,
    is_whole,
)
from keras_igpt.edits.holes import filled
from keras_igpt.edits.kinds import EDITS
from keras_igpt.edits.masks import masks_for
from keras_igpt.edits.request import edit_request, edit_result
from keras_igpt.generation.image_decoder import ImageDecoder
from keras_igpt.generation.plans import scored_orders
from keras_igpt.images import crop
from keras_igpt.images.arrays import check_images, slices
from keras_igpt.images.given import (
    OUTPUTS,
    as_output,
    fitted_images,
    image_batches,
)
from keras_igpt.prompts.conditions import encode_conditions
from keras_igpt.training.losses import token_nats

# Images of one call, per label or caption: they are all kept in memory.
MAX_IMAGES = 2**20


class ImageGenerator:
    """Does what `ImageGPT` offers with images: checks what is asked for.

    May be called from several threads.

    Args:
        model: an `ImageGPT`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.decoder = ImageDecoder(model)

    # === Verbs ===

    def generate(
        self,
        labels: ArrayLike | None = None,
        text: Any = None,
        num_images: int = 1,
        truncate: bool = False,
        negative_text: Any = None,
        output: str = "numpy",
        **sampling: Any,
    ) -> Any:
        """As `ImageGPT.generate`."""
        check_one_of("output", output, OUTPUTS)
        asked = (labels, text, num_images, truncate, negative_text)
        images = self._decode(*self._nothing_known(*asked), **sampling)
        return as_output(images, output)

    def generate_stream(
        self,
        labels: ArrayLike | None = None,
        text: Any = None,
        num_images: int = 1,
        truncate: bool = False,
        negative_text: Any = None,
        output: str = "numpy",
        **sampling: Any,
    ) -> Iterator[Any]:
        """As `ImageGPT.generate_stream`."""
        check_one_of("output", output, OUTPUTS)
        self.check_generates()
        asked = (labels, text, num_images, truncate, negative_text)
        steps = self.decoder.stream(*self._nothing_known(*asked), **sampling)

        def previews():
            # As `yield from`, which would yield the canvas.
            while True:
                try:
                    canvas = next(steps)
                except StopIteration as end:
                    yield as_output(end.value, output)
                    return
                yield as_output(canvas.preview(), output)

        return previews()

    def _nothing_known(self, labels, text, num_images, truncate, negative_text):
        """Conditions, tokens and which of them are known, of new images."""
        check_positive("num_images", num_images, MAX_IMAGES)
        asked = self._conditions(labels, text, None, truncate, negative_text)
        conditions = {k: np.repeat(v, num_images, 0) for k, v in asked.items()}
        count = len(next(iter(conditions.values()), range(num_images)))
        tokens = np.zeros((count, self.model.num_cells), "int32")
        return conditions, tokens, np.zeros(tokens.shape, bool)

    def complete(
        self,
        images: ArrayLike,
        keep_rows: int,
        labels: ArrayLike | None = None,
        text: Any = None,
        truncate: bool = False,
        negative_text: Any = None,
        output: str = "numpy",
        **sampling: Any,
    ) -> Any:
        """As `ImageGPT.complete`."""
        check_one_of("output", output, OUTPUTS)
        images = self._checked_images(images)
        height = self.model.tokenizer.image_size[0]
        if not is_whole(keep_rows) or not 0 <= keep_rows < height:
            raise ValueError(
                "`keep_rows` must be an int from 0 to the image's height "
                f"- 1 = {height - 1}. Received: keep_rows={keep_rows!r}."
            )
        asked = (labels, text, len(images), truncate, negative_text)
        conditions = self._conditions(*asked)
        masks = np.zeros(images.shape[:3], bool)
        masks[:, keep_rows:] = True
        completed = self._edited(
            EDITS["inpaint"], None, images, masks, conditions, **sampling
        )
        return as_output(completed, output)

    def edit(
        self,
        images: ArrayLike,
        edit: str,
        masks: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        text: Any = None,
        style: str | None = None,
        paste_back: bool = False,
        truncate: bool = False,
        negative_text: Any = None,
        output: str = "numpy",
        **sampling: Any,
    ) -> Any:
        """As `ImageGPT.edit`."""
        check_one_of("output", output, OUTPUTS)
        tokenizer = self.model.tokenizer
        kind, number = self.model.edit_set.find(edit, style)
        if paste_back and masks is None:
            raise ValueError(
                "`paste_back` must be False without masks. "
                f"Received: edit={edit!r}, paste_back=True."
            )
        given = image_batches(images, tokenizer.channels)
        hidden = masks_for(masks, given, kind.takes_masks, kind.needs_masks)
        shown, wanted = self._fitted(kind, given, hidden)
        asked = (labels, text, len(shown), truncate, negative_text)
        asked = self._conditions(*asked)
        result = self._edited(kind, number, shown, wanted, asked, **sampling)
        if paste_back:
            ends = np.cumsum([len(images) for images in given])
            parts = zip(np.split(result, ends[:-1]), given, hidden)
            pasted = [crop.paste_back(*part) for part in parts]
            # A list of images, where they have several sizes.
            result = pasted[0] if len(pasted) == 1 else [x for (x,) in pasted]
        return as_output(result, output)

    def score(
        self,
        images: ArrayLike,
        labels: ArrayLike | None = None,
        text: Any = None,
        batch_size: int = 64,
        truncate: bool = False,
        per_cell: bool = False,
        orders: int | None = None,
        seed: int = 0,
    ) -> Array:
        """As `ImageGPT.score`."""
        images = self._checked_images(images)
        conditions = self._conditions(labels, text, len(images), truncate)
        tokens = self.model.tokenizer.encode_all(images)
        inputs = {"tokens": tokens, **conditions}
        return self.score_tokens(inputs, batch_size, per_cell, orders, seed)

    def score_tokens(
        self,
        inputs: dict[str, Array],
        batch_size: int = 64,
        per_cell: bool = False,
        orders: int | None = None,
        seed: int = 0,
    ) -> Array:
        """As `ImageGPT.score_tokens`."""
        self.check_generates()
        model = self.model
        asked = scored_orders(model, orders, seed)
        nats_of = self.decoder.function(
            "score", lambda inputs: token_nats(inputs["tokens"], model(inputs))
        )
        parts = []
        names = {"tokens", "label", "text"} & set(inputs)
        chunks = slices(inputs["tokens"], batch_size)
        for chunk in progress.steps("scoring", chunks):
            part = {k: inputs[k][chunk].astype("int32") for k in names}
            count = len(part["tokens"])
            rows = [
                {k: np.repeat(v, count, 0) for k, v in a.items()} for a in asked
            ]
            found = [ops.convert_to_numpy(nats_of({**part, **r})) for r in rows]
            parts.append(np.mean(found, axis=0))
        none = np.zeros((0, self.model.num_cells), "float32")
        nats = np.concatenate([none, *parts])  # (B, N)
        if per_cell:
            return nats.reshape(-1, *self.model.tokenizer.grid_size)
        return nats.astype("float64").sum(axis=1)

    def check_generates(self) -> None:
        """Refuses to write cells in order, if every cell has seen all."""
        if self.model.objective == "bert":
            raise ValueError(
                "`objective` must be 'autoregressive' to generate and to "
                "score. Received: a model with objective='bert'. Use its "
                "`features`, or an ImageGPTClassifier made of it."
            )

    # === What is asked ===

    def _conditions(
        self, labels, text, count=None, truncate=False, negative_text=None
    ):
        """What is asked, checked; as `encode_conditions`."""
        model = self.model
        return encode_conditions(
            labels,
            text,
            model.num_classes,
            model.text_length,
            count,
            truncate,
            model.class_names,
            negative_text,
        )

    def _checked_images(self, images):
        shape = self.model.tokenizer.image_shape
        images = fitted_images(images, shape)
        check_images(images, shape)
        return images

    def _fitted(self, kind, given, hidden):
        """Images and masks, or None, at the size that an edit takes."""
        tokenizer, fitted = self.model.tokenizer, []
        for images, masks in zip(given, hidden):
            hides = kind.needs_masks and images.dtype == np.uint8
            if hides and tokenizer.reach != 0:
                # Resizing would let hidden pixels into those beside them.
                images = ops.convert_to_numpy(filled(images, masks))
            fitted.append(kind.fit(images, masks, tokenizer.image_size))
        images, masks = zip(*fitted)
        if len({one.shape[1:] for one in images}) > 1:
            raise ValueError(
                "`images` must have one size and one number of channels for "
                "this edit. Received: "
                f"{', '.join(str(one.shape[1:]) for one in images)}."
            )
        wanted = None if masks[0] is None else np.concatenate(masks)
        return np.concatenate(images), wanted

    # === Tokens ===

    def _edited(self, kind, number, images, masks, asked, **sampling):
        """Images `(B, height, width, C)` after an edit, known or not."""
        tokenizer = self.model.tokenizer
        request = edit_request(
            kind, number, images, masks, tokenizer, self.decoder.encode
        )
        request = keras.tree.map_structure(ops.convert_to_numpy, request)
        result = self._decode(
            {**asked, **request.conditions},
            request.tokens,
            request.known,
            **sampling,
        )
        result = edit_result(kind, result, images, masks, tokenizer)
        return ops.convert_to_numpy(result)

    def _decode(self, conditions, tokens, known, **sampling):
        self.check_generates()
        return self.decoder(conditions, tokens, known, **sampling)
