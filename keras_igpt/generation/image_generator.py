"""What a model does with pictures: generate, complete, score.

Tokens and pictures meet here; how tokens are written is `generation.py`.

Axes: B pictures, N cells.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from keras_igpt import progress
from keras_igpt.argument_checks import check_positive
from keras_igpt.compiling import compile_function, num_workers
from keras_igpt.edits.masks import cells_with, checked_masks
from keras_igpt.generation import loop
from keras_igpt.generation.settings import check_sampler_alone, check_settings
from keras_igpt.images import crop
from keras_igpt.images.arrays import check_images
from keras_igpt.prompts.conditions import encode_conditions
from keras_igpt.training.losses import token_nats

# Pictures painted at a time: the largest bounds the caches' memory, below the
# smallest a second processor would only read the same weights again.
MAX_BATCH = 64

MIN_BATCH = 8


class ImageGenerator:
    """The verbs of `ImageGPT`, apart from its network for the reader's sake.

    Expects of the class it is mixed into: `tokenizer`, `num_cells`,
    `num_classes`, `text_length`, `prompt`, `vocabulary_size`, `objective`,
    and a dict `_compiled`.
    """

    def generate(
        self,
        labels=None,
        text=None,
        num_images=1,
        guidance_scale=1.0,
        temperature=1.0,
        top_k=None,
        top_p=None,
        seed=None,
        sampler=None,
        truncate=False,
        jit_compile=True,
    ):
        """Paints pictures.

        Every sampling argument is one value or one per picture, and a
        picture depends on its own values alone, not on the batch it shares.

        Args:
            labels: int or ints from 0 to `num_classes - 1`, or None to paint
                without saying what.
            text: str or list of str, captions; or None. Goes with `labels`
                where both are given, one for all or one each.
            num_images: int. Pictures per label or caption.
            guidance_scale: float. 1 is off; above 1 the picture follows what
                is asked more closely, at twice the cost.
            temperature: float. 0 always takes the likeliest token.
            top_k: int. Draw from the k likeliest tokens only.
            top_p: float in (0, 1]. Draw from the likeliest tokens that hold
                this share of the probability.
            seed: int, or one per picture. Same seed, same picture. Picture i
                of a batch gets `seed + i`.
            sampler: a `keras_nlp.samplers` object or name instead of the
                arguments from `temperature` to `seed`.
            truncate: bool. Cut captions longer than `text_length` bytes.
            jit_compile: bool. Compile with XLA: faster, after some seconds
                for the first picture of a batch size.

        Returns:
            uint8 array of shape `(pictures, height, width, channels)`.
        """
        check_positive("num_images", num_images)
        asked = self._conditions(labels, text, truncate=truncate)
        conditions = {k: np.repeat(v, num_images, 0) for k, v in asked.items()}
        count = len(next(iter(conditions.values()), range(num_images)))
        tokens = np.zeros((count, self.num_cells), "int32")
        return self._paint(
            conditions,
            tokens,
            np.zeros(tokens.shape, bool),
            guidance_scale=guidance_scale,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            sampler=sampler,
            jit_compile=jit_compile,
        )

    def complete(
        self,
        images,
        keep_rows,
        labels=None,
        text=None,
        truncate=False,
        **sampling,
    ):
        """Keeps the upper rows of pictures and paints the rest.

        Args:
            images: uint8 array of shape `(batch, height, width, channels)`.
            keep_rows: int. Pixel rows to keep; they come back unchanged.
            labels, text: as in `generate`, one for all or one per picture.
            truncate: bool. Cut captions longer than `text_length` bytes.
            sampling: the sampling arguments of `generate`.

        Returns:
            uint8 array of the shape of `images`.
        """
        images = self._images(images)
        height = self.tokenizer.image_size[0]
        if not isinstance(keep_rows, int) or not 0 <= keep_rows < height:
            raise ValueError(
                "`keep_rows` must be an int from 0 to the picture's height "
                f"- 1 = {height - 1}. Received: keep_rows={keep_rows!r}."
            )
        conditions = self._conditions(labels, text, len(images), truncate)
        tokens = self._tokens(images)
        rows, columns = self.tokenizer.grid_size
        known = np.zeros(tokens.shape, bool)
        known[:, : keep_rows * rows // height * columns] = True
        painted = self._paint(conditions, tokens, known, **sampling)
        painted[:, :keep_rows] = images[:, :keep_rows]
        return painted

    def edit(
        self,
        images,
        edit,
        masks=None,
        labels=None,
        text=None,
        style=None,
        paste_back=False,
        truncate=False,
        **sampling,
    ):
        """Paints pictures anew from what is known of them.

        Args:
            images: uint8 array of shape `(batch, rows, columns, channels)`;
                grey ones too for "colorize". Of pictures that have another
                size than the model's, the part around the mask is resized to
                it; without masks, the middle. "upscale" takes pictures of a
                half or a quarter of the model's size.
            edit: str, one of the model's `edits`; "outpaint" and "replace"
                are other names of "inpaint".
            masks: array of shape `(batch, rows, columns)` or
                `(rows, columns)`: bool, or numbers from 0 to 1 or to 255.
                True or more than half: paint here. What is not to be painted
                comes back bit by bit. "inpaint" must have masks, "denoise"
                and "restyle" may: they paint everything without.
            labels, text: as in `generate`, one for all or one per picture.
            style: str. Which "restyle" the model is to do, if it can do
                several.
            paste_back: bool. With masks: put what is painted into the
                pictures at their own size.
            truncate: bool. Cut captions longer than `text_length` bytes.
            sampling: the sampling arguments of `generate`.

        Returns:
            uint8 array of shape `(batch, height, width, channels)`, or of
            the shape of `images` with `paste_back`. Shrunk, upscaled
            pictures are those given, and colorized ones keep their luma, up
            to 1/255.

        Raises:
            ValueError: if the model has not learned the edit, or pictures
                and masks do not fit.
        """
        job, number = self.tasks.find(edit, style)
        if paste_back and masks is None:
            raise ValueError(
                "`paste_back` must be False without masks. "
                f"Received: edit={edit!r}, paste_back=True."
            )
        given = np.asarray(images)
        given = given[None] if given.ndim == 3 else given
        wanted = checked_masks(masks, given, job.takes_masks, job.needs_masks)
        images, masks = job.fit(given, wanted, self.tokenizer.image_size)
        source = job.source(images, self.tokenizer.image_shape, masks)
        source = ops.convert_to_numpy(source)
        asked = self._conditions(labels, text, len(images), truncate)
        # Where nothing is known there is nothing to edit.
        any_known = source[..., -1].any((1, 2))
        asked["edit"] = np.where(any_known, number, 0).astype("int32")
        asked["source"] = source
        tokens = self._tokens(source[..., :-1])
        known = np.zeros(tokens.shape, bool)
        if masks is not None:
            known = ~np.asarray(cells_with(masks, self.tokenizer.grid_size))
        painted = self._paint(asked, tokens, known, **sampling)
        painted = ops.convert_to_numpy(job.keep(painted, images, masks))
        if paste_back:
            return crop.paste_back(painted, given, wanted)
        return painted

    def score(
        self,
        images,
        labels=None,
        text=None,
        batch_size=64,
        truncate=False,
        per_cell=False,
    ):
        """Says how likely pictures are, under their labels or captions.

        Args:
            images: uint8 array of shape `(batch, height, width, channels)`.
            labels: ints of shape `(batch,)`, or None for "whatever it is".
            text: list of str, captions, or None.
            batch_size: int.
            truncate: bool. Cut captions longer than `text_length` bytes.
            per_cell: bool. Say it of every token, rather than of pictures.

        Returns:
            float64 array of shape `(batch,)`: negative log-likelihood of
            each picture's tokens, in nats. Lower is likelier. With
            `per_cell`, float32 of shape `(batch, rows, columns)`, which adds
            up to it: how much each cell surprises who knows those before.
        """
        images = self._images(images)
        conditions = self._conditions(labels, text, len(images), truncate)
        tokens = [
            self._tokens(images[i:j])
            for i, j in _chunks(len(images), batch_size)
        ]
        inputs = {"tokens": np.concatenate(tokens), **conditions}
        return self.score_tokens(inputs, batch_size, per_cell)

    def score_tokens(self, inputs, batch_size=64, per_cell=False):
        """As `score`, for tokens as `prepare` makes them.

        Args:
            inputs: dict of int arrays, `"tokens"`, and `"label"` and
                `"text"` if the model has them. Others are not looked at.
            batch_size: int.
            per_cell: bool, as in `score`.
        """
        self._check_paints()

        def nats_of(inputs):
            return token_nats(inputs["tokens"], self(inputs))

        nats_of = self._once("score", nats_of)
        parts = []
        names = {"tokens", "label", "text"} & set(inputs)
        chunks = _chunks(len(inputs["tokens"]), batch_size)
        for i, j in progress.steps("scoring", chunks):
            chunk = {k: inputs[k][i:j].astype("int32") for k in names}
            nats = ops.convert_to_numpy(nats_of(chunk))
            parts.append(nats)
        nats = np.concatenate(parts)  # (B, N)
        if per_cell:
            return nats.reshape(-1, *self.tokenizer.grid_size)
        return nats.astype("float64").sum(axis=1)

    def _paint(
        self,
        conditions,
        tokens,
        known,
        sampler=None,
        jit_compile=True,
        **settings,
    ):
        """Pictures from conditions and tokens `(B, N)`, known here and there.

        Cells known in all pictures are read at once if they are in front, and
        not at all if they are at the end.
        """
        self._check_paints()
        count = len(tokens)
        if sampler is not None:
            check_sampler_alone(settings)
        settings = check_settings(count, self.vocabulary_size, **settings)
        unknown = np.flatnonzero(~known.all(axis=0))
        if not len(unknown):
            return self._pictures(tokens)
        rows = {
            "conditions": conditions,
            "tokens": tokens,
            "known": known,
            "prefix": tokens[:, : unknown[0]],
            "settings": settings,
        }
        decode = self._decoder(
            tuple(conditions), settings, sampler, jit_compile
        )

        def paint(begin, end):
            # XLA compiles once per batch size: few sizes, few compilations.
            width = 1 << (end - begin - 1).bit_length()
            chosen = np.minimum(np.arange(begin, begin + width), end - 1)
            chunk = keras.tree.map_structure(
                functools.partial(np.take, indices=chosen, axis=0), rows
            )
            painted = decode(**chunk, last=unknown[-1] + 1)
            images = self._pictures(painted)[: end - begin]
            advance(end - begin)
            return images

        workers = num_workers()
        size = -(-count // workers)
        chunks = _chunks(count, min(max(size, MIN_BATCH), MAX_BATCH))
        with (
            progress.bar("painting", count) as advance,
            ThreadPoolExecutor(workers) as pool,
        ):
            return np.concatenate(list(pool.map(paint, *zip(*chunks))))

    def _tokens(self, images):
        """int32 array `(B, N)` of pictures that fit the tokenizer."""
        encode = self._once("encode", self.tokenizer.encode)
        return ops.convert_to_numpy(encode(images))

    def _pictures(self, tokens):
        """uint8 array `(B, height, width, C)` of tokens."""
        decode = self._once("decode", self.tokenizer.decode)
        return ops.convert_to_numpy(decode(tokens))

    def _once(self, name, function):
        """A function of tensors, compiled at its first use."""
        if name not in self._compiled:
            self._compiled[name] = compile_function(self, function)
        return self._compiled[name]

    def _check_paints(self):
        """Refuses to write cells in order, if every cell has seen all."""
        if self.objective == "bert":
            raise ValueError(
                "`objective` must be 'autoregressive' to paint and to score. "
                "Received: a model with objective='bert'. Do use its "
                "`features`, or an ImageGPTClassifier made of it."
            )

    def _decoder(self, asked, settings, sampler, jit_compile):
        """The compiled decoding function, kept for the next call."""
        guided = bool(np.any(settings["guidance_scale"] != 1))
        key = (asked, guided, jit_compile, sampler)
        if key not in self._compiled:
            if sampler is None:
                decoder = loop.Decoder(self, guided, jit_compile)
            else:
                decoder = loop.SamplerDecoder(
                    self, guided, _get_sampler(sampler)
                )
            self._compiled[key] = decoder
        return self._compiled[key]

    def _conditions(self, labels, text, count=None, truncate=False):
        """What is asked, checked; as `encode_conditions`."""
        return encode_conditions(
            labels, text, self.num_classes, self.text_length, count, truncate
        )

    def null_conditions(self, batch):
        """Conditions that ask for nothing, for `batch` rows."""
        return self.prompt.nulls(batch) if self.prompt else {}

    def _images(self, images):
        images = np.asarray(images)
        if images.ndim == 3:
            images = images[None]
        check_images(images, self.tokenizer.image_shape)
        return images


def _chunks(count, size):
    """Begin and end of each batch."""
    return [(i, min(i + size, count)) for i in range(0, count, size)]


def _get_sampler(sampler):
    import keras_nlp

    return keras_nlp.samplers.get(sampler)
