"""Images from a model: generated, completed, edited, and how likely they are.

Axes: B images, N cells, C channels.
"""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt import progress
from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.argument_checks import check_positive, is_whole
from keras_igpt.compiling import CompiledFunction, num_workers
from keras_igpt.edits.holes import filled
from keras_igpt.edits.kinds import EDITS
from keras_igpt.edits.masks import checked_masks
from keras_igpt.edits.request import edit_request, edit_result
from keras_igpt.generation.candidates import (
    candidate_nats,
    candidate_seeds,
    likeliest,
    repeated,
)
from keras_igpt.generation.loop import Decoder
from keras_igpt.generation.parallel import ParallelDecoder
from keras_igpt.generation.plans import (
    checked_request,
    make_plan,
    scored_orders,
)
from keras_igpt.generation.sampler_decoder import SamplerDecoder
from keras_igpt.generation.settings import check_sampler_alone, check_settings
from keras_igpt.images import crop
from keras_igpt.images.arrays import as_batch, check_images, slices
from keras_igpt.prompts.conditions import encode_conditions
from keras_igpt.training.losses import token_nats

# Images generated at a time: the largest bounds the caches' memory, below the
# smallest a second processor would only read the same weights again.
MAX_BATCH = 64
MIN_BATCH = 8

# Images of one call, per label or caption: they are all kept in memory.
MAX_IMAGES = 2**20


class ImageGenerator:
    """Does what `ImageGPT` offers with images; owns its compiled functions.

    May be called from several threads.

    Args:
        model: an `ImageGPT`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._functions = {}
        self._lock = threading.Lock()

    # === Verbs ===

    def generate(
        self,
        labels: ArrayLike | None = None,
        text: Any = None,
        num_images: int = 1,
        truncate: bool = False,
        **sampling: Any,
    ) -> Array:
        """As `ImageGPT.generate`."""
        check_positive("num_images", num_images, MAX_IMAGES)
        asked = self._conditions(labels, text, truncate=truncate)
        conditions = {k: np.repeat(v, num_images, 0) for k, v in asked.items()}
        count = len(next(iter(conditions.values()), range(num_images)))
        tokens = np.zeros((count, self.model.num_cells), "int32")
        known = np.zeros(tokens.shape, bool)
        return self._decode_images(conditions, tokens, known, **sampling)

    def complete(
        self,
        images: ArrayLike,
        keep_rows: int,
        labels: ArrayLike | None = None,
        text: Any = None,
        truncate: bool = False,
        **sampling: Any,
    ) -> Array:
        """As `ImageGPT.complete`."""
        images = self._checked_images(images)
        height = self.model.tokenizer.image_size[0]
        if not is_whole(keep_rows) or not 0 <= keep_rows < height:
            raise ValueError(
                "`keep_rows` must be an int from 0 to the image's height "
                f"- 1 = {height - 1}. Received: keep_rows={keep_rows!r}."
            )
        conditions = self._conditions(labels, text, len(images), truncate)
        masks = np.zeros(images.shape[:3], bool)
        masks[:, keep_rows:] = True
        return self._edited(
            EDITS["inpaint"], None, images, masks, conditions, **sampling
        )

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
        **sampling: Any,
    ) -> Array:
        """As `ImageGPT.edit`."""
        tokenizer = self.model.tokenizer
        kind, number = self.model.edit_set.find(edit, style)
        if paste_back and masks is None:
            raise ValueError(
                "`paste_back` must be False without masks. "
                f"Received: edit={edit!r}, paste_back=True."
            )
        given = as_batch(images)
        wanted = checked_masks(masks, given, kind.takes_masks, kind.needs_masks)
        shown = given
        hides = kind.needs_masks and given.dtype == np.uint8
        if hides and tokenizer.reach != 0:
            # Resizing would let hidden pixels into those beside them.
            shown = ops.convert_to_numpy(filled(given, wanted))
        images, masks = kind.fit(shown, wanted, tokenizer.image_size)
        asked = self._conditions(labels, text, len(images), truncate)
        result = self._edited(kind, number, images, masks, asked, **sampling)
        if paste_back:
            return crop.paste_back(result, given, wanted)
        return result

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
        nats_of = self._function(
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

    def _conditions(self, labels, text, count=None, truncate=False):
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
        )

    def _checked_images(self, images):
        images = as_batch(images)
        check_images(images, self.model.tokenizer.image_shape)
        return images

    # === Tokens ===

    def _edited(self, kind, number, images, masks, asked, **sampling):
        """Images `(B, height, width, C)` after an edit, known or not."""
        tokenizer = self.model.tokenizer
        request = edit_request(
            kind, number, images, masks, tokenizer, self._encode
        )
        request = keras.tree.map_structure(ops.convert_to_numpy, request)
        result = self._decode_images(
            {**asked, **request.conditions},
            request.tokens,
            request.known,
            **sampling,
        )
        result = edit_result(kind, result, images, masks, tokenizer)
        return ops.convert_to_numpy(result)

    def _decode_images(
        self,
        conditions,
        tokens,
        known,
        sampler=None,
        jit_compile=True,
        steps=None,
        step_schedule=None,
        order=None,
        best_of=1,
        **settings,
    ):
        """Images from conditions and tokens `(B, N)`, known here and there.

        Cells known in all images are read at once if they are in front, and
        not at all if they are at the end.
        """
        self.check_generates()
        check_positive("best_of", best_of, MAX_BATCH)
        count = len(tokens)
        if sampler is not None:
            check_sampler_alone(settings)
            _get_sampler(sampler)
        settings = check_settings(count, self.model.vocabulary_size, **settings)
        asked = {"steps": steps, "step_schedule": step_schedule, "order": order}
        asked = checked_request(self.model, count, sampler, **asked)
        unknown = np.flatnonzero(~known.all(axis=0))
        if not len(unknown):
            return self._images_of(tokens)
        rows = {
            "conditions": conditions,
            "tokens": tokens,
            "known": known,
            "prefix": tokens[:, : unknown[0]],
            "settings": settings,
        }
        if self.model.any_order:
            rows["order"] = asked.pop("order")
            del rows["prefix"]
        guided = bool(np.any(settings["guidance_scale"] != 1))
        decode = self._decoder(tuple(conditions), guided, jit_compile, sampler)

        def generate(chunk):
            padded = keras.tree.map_structure(
                functools.partial(_power_of_two, chunk=chunk), rows
            )
            if best_of > 1:
                padded = repeated(padded, best_of)
                own = padded["settings"]["seed"][::best_of]
                padded["settings"]["seed"] = candidate_seeds(own, best_of)
            asked_of = padded["conditions"]
            if self.model.any_order:
                known, order = padded.pop("known"), padded.pop("order")
                found = decode(**padded, plan=make_plan(known, order, **asked))
            else:
                found = decode(**padded, last=unknown[-1] + 1)
            if best_of > 1:
                found = self._best(found, asked_of, best_of)
            images = self._images_of(found)[: chunk.stop - chunk.start]
            advance(len(images))
            return images

        workers = num_workers()
        size = -(-count // workers)
        size = min(max(size, MIN_BATCH), MAX_BATCH)
        chunks = slices(count, max(size // best_of, 1))
        with (
            progress.bar("generating", count) as advance,
            ThreadPoolExecutor(workers) as pool,
        ):
            return np.concatenate(list(pool.map(generate, chunks)))

    def _best(self, tokens, conditions, count):
        """Of so many candidates of each image the likeliest one's tokens."""
        nats = self._function("candidates", candidate_nats(self.model))
        nats = ops.convert_to_numpy(nats(tokens, conditions))
        return likeliest(ops.convert_to_numpy(tokens), nats, count)

    def _encode(self, images):
        """int32 array `(B, N)` of images that fit the tokenizer."""
        encode = self._function("encode", self.model.tokenizer.encode)
        return ops.convert_to_numpy(encode(images))

    def _images_of(self, tokens):
        """uint8 array `(B, height, width, C)` of tokens."""
        decode = self._function("decode", self.model.tokenizer.decode)
        return ops.convert_to_numpy(decode(tokens))

    # === Compiled functions ===

    def _function(self, name, function):
        """A function of tensors, compiled at its first use."""
        with self._lock:
            if name not in self._functions:
                compiled = CompiledFunction(self.model, function)
                self._functions[name] = compiled
            return self._functions[name]

    def _decoder(self, asked, guided, jit_compile, sampler):
        """The decoder for a kind of request, kept for the next one.

        Of `keras_nlp` samplers the last one that came as a name is kept;
        nothing tells whether an object has been changed.
        """
        kind = "loop" if sampler is None else "sampler"
        key = (asked, guided, jit_compile, sampler)
        with self._lock:
            decoders = self._functions.setdefault(kind, {})
            if key in decoders:
                return decoders[key]
            if sampler is None:
                made = ParallelDecoder if self.model.any_order else Decoder
                decoder = made(self.model, guided, jit_compile)
            else:
                chosen = _get_sampler(sampler)
                decoder = SamplerDecoder(self.model, guided, chosen)
                decoders.clear()
            if sampler is None or isinstance(sampler, str):
                decoders[key] = decoder
            return decoder


def _power_of_two(rows, chunk):
    """Rows of a chunk, the last one repeated: few sizes, few compilations."""
    width = 1 << (chunk.stop - chunk.start - 1).bit_length()
    chosen = np.minimum(chunk.start + np.arange(width), chunk.stop - 1)
    return np.take(rows, chosen, axis=0)


def _get_sampler(sampler):
    """The sampler of a name, or the one that is given."""
    import keras_nlp

    try:
        found = keras_nlp.samplers.get(sampler)
    except ValueError:
        found = None
    # A name that is not known comes back as it was.
    if not isinstance(found, keras_nlp.samplers.Sampler):
        raise ValueError(
            "`sampler` must be a `keras_nlp.samplers` object or a name such "
            "as 'greedy', 'top_k', 'top_p', 'random' and 'beam'. "
            f"Received: sampler={sampler!r}."
        )
    return found
