"""What a model does with pictures: generate, complete, score.

Tokens and pictures meet here; how tokens are drawn is `generation.py`.

Axes: B pictures, N cells.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from keras_igpt import generation
from keras_igpt.compiled import compile_function, num_workers
from keras_igpt.palette import check_images
from keras_igpt.training import token_nats

# Pictures painted at a time: the largest bounds the caches' memory, below the
# smallest a second processor would only read the same weights again.
MAX_BATCH = 64
MIN_BATCH = 8


class Painting:
    """The verbs of `ImageGPT`, apart from its network for the reader's sake.

    Expects of the class it is mixed into: `tokenizer`, `num_cells`,
    `num_classes`, `vocabulary_size`, and a dict `_compiled`.
    """

    def generate(
        self,
        labels=None,
        num_images=1,
        guidance_scale=1.0,
        temperature=1.0,
        top_k=None,
        top_p=None,
        seed=None,
        sampler=None,
        jit_compile=True,
    ):
        """Paints pictures.

        Every sampling argument is one value or one per picture, and a
        picture depends on its own values alone, not on the batch it shares.

        Args:
            labels: int or ints from 0 to `num_classes - 1`, or None to paint
                without saying what.
            num_images: int. Pictures per label.
            guidance_scale: float. 1 is off; above 1 the picture follows the
                label more closely, at twice the cost.
            temperature: float. 0 always takes the likeliest token.
            top_k: int. Draw from the k likeliest tokens only.
            top_p: float in (0, 1]. Draw from the likeliest tokens that hold
                this share of the probability.
            seed: int, or one per picture. Same seed, same picture. Picture i
                of a batch gets `seed + i`.
            sampler: a `keras_nlp.samplers` object or name instead of the
                arguments from `temperature` to `seed`.
            jit_compile: bool. Compile with XLA: faster, after some seconds
                for the first picture of a batch size.

        Returns:
            uint8 array of shape `(pictures, height, width, channels)`.
        """
        check_positive("num_images", num_images)
        labels = np.repeat(self._labels(labels, optional=True), num_images)
        tokens = np.zeros((len(labels), self.num_cells), "int32")
        return self._paint(
            labels,
            tokens,
            0,
            guidance_scale=guidance_scale,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            sampler=sampler,
            jit_compile=jit_compile,
        )

    def complete(self, images, keep_rows, labels=None, **sampling):
        """Keeps the upper rows of pictures and paints the rest.

        Args:
            images: uint8 array of shape `(batch, height, width, channels)`.
            keep_rows: int. Pixel rows to keep; they come back unchanged.
            labels: as in `generate`, one for all or one per picture.
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
        labels = self._label_each(labels, len(images))
        tokens = ops.convert_to_numpy(self.tokenizer.encode(images))
        rows, columns = self.tokenizer.grid_size
        prefix_length = keep_rows * rows // height * columns
        painted = self._paint(labels, tokens, prefix_length, **sampling)
        painted[:, :keep_rows] = images[:, :keep_rows]
        return painted

    def score(self, images, labels=None, batch_size=64):
        """Says how likely pictures are, under their labels if given.

        Args:
            images: uint8 array of shape `(batch, height, width, channels)`.
            labels: ints of shape `(batch,)`, or None for "whatever it is".
            batch_size: int.

        Returns:
            float64 array of shape `(batch,)`: negative log-likelihood of
            each picture's tokens, in nats. Lower is likelier.
        """
        images = self._images(images)
        labels = self._label_each(labels, len(images))
        tokens = [
            ops.convert_to_numpy(self.tokenizer.encode(images[i:j]))
            for i, j in _chunks(len(images), batch_size)
        ]
        inputs = {"tokens": np.concatenate(tokens), **self._conditions(labels)}
        return self.score_tokens(inputs, batch_size)

    def score_tokens(self, inputs, batch_size=64):
        """As `score`, for tokens as `prepare` makes them.

        Args:
            inputs: dict of int arrays, `"tokens"` and, if the model has
                classes, `"label"`.
            batch_size: int.
        """
        if "score" not in self._compiled:

            def score(inputs):
                return token_nats(inputs["tokens"], self(inputs))

            self._compiled["score"] = compile_function(self, score)
        parts = []
        for i, j in _chunks(len(inputs["tokens"]), batch_size):
            chunk = {k: v[i:j].astype("int32") for k, v in inputs.items()}
            nats = ops.convert_to_numpy(self._compiled["score"](chunk))
            parts.append(nats.astype("float64").sum(axis=1))
        return np.concatenate(parts)

    def _paint(
        self,
        labels,
        tokens,
        prefix_length,
        sampler=None,
        jit_compile=True,
        **settings,
    ):
        """Pictures from labels `(B,)` and tokens `(B, N)`, known in front."""
        count = len(tokens)
        if sampler is not None:
            _check_sampler_alone(settings)
        settings = generation.check_settings(
            count, self.vocabulary_size, **settings
        )
        known = np.arange(self.num_cells) < prefix_length
        rows = {
            "conditions": self._conditions(labels),
            "tokens": tokens,
            "known": np.broadcast_to(known, tokens.shape),
            "prefix": tokens[:, :prefix_length],
            "settings": settings,
        }
        decode = self._decoder(settings, sampler, jit_compile)

        def paint(begin, end):
            # XLA compiles once per batch size: few sizes, few compilations.
            width = 1 << (end - begin - 1).bit_length()
            chosen = np.minimum(np.arange(begin, begin + width), end - 1)
            chunk = keras.tree.map_structure(
                functools.partial(np.take, indices=chosen, axis=0), rows
            )
            painted = decode(**chunk, last=self.num_cells)
            images = self.tokenizer.decode(painted[: end - begin])
            return ops.convert_to_numpy(images)

        workers = num_workers()
        size = -(-count // workers)
        chunks = _chunks(count, min(max(size, MIN_BATCH), MAX_BATCH))
        with ThreadPoolExecutor(workers) as pool:
            return np.concatenate(list(pool.map(paint, *zip(*chunks))))

    def _decoder(self, settings, sampler, jit_compile):
        """The compiled decoding function, kept for the next call."""
        guided = bool(np.any(settings["guidance_scale"] != 1))
        key = (guided, jit_compile, sampler)
        if key not in self._compiled:
            if sampler is None:
                decoder = generation.Decoder(self, guided, jit_compile)
            else:
                decoder = generation.SamplerDecoder(
                    self, guided, _get_sampler(sampler)
                )
            self._compiled[key] = decoder
        return self._compiled[key]

    def _conditions(self, labels):
        if not self.num_classes:
            return {}
        return {"label": np.asarray(labels, "int32")}

    def null_conditions(self, batch):
        """Conditions that ask for nothing, for `batch` rows."""
        if not self.num_classes:
            return {}
        return {"label": ops.full((batch,), self.num_classes, dtype="int32")}

    def _labels(self, labels, optional=False):
        """Checked int32 labels of shape `(B,)`; the null label for None."""
        if labels is None and (optional or not self.num_classes):
            return np.array([self.num_classes], "int32")
        if not self.num_classes:
            raise ValueError(
                "`labels` must be None: this model was made without classes "
                f"(num_classes=0). Received: labels={labels!r}."
            )
        if labels is None:
            raise ValueError(
                "The pictures must come with labels: this model was made "
                f"with num_classes={self.num_classes}. Received: no `label` "
                "in the data. Do make the model with num_classes=0."
            )
        array = np.atleast_1d(np.asarray(labels))
        if (
            array.ndim != 1
            or array.size == 0
            or not np.issubdtype(array.dtype, np.integer)
            or array.min() < 0
            or array.max() >= self.num_classes
        ):
            raise ValueError(
                "`labels` must be ints from 0 to num_classes - 1 = "
                f"{self.num_classes - 1}. Received: labels={labels!r}."
            )
        return array.astype("int32")

    def _label_each(self, labels, count):
        """One label for each of `count` pictures."""
        labels = self._labels(labels, optional=True)
        if len(labels) not in (1, count):
            raise ValueError(
                "`labels` must be one label or one per picture "
                f"({count}). Received: {len(labels)} labels."
            )
        return np.broadcast_to(labels, (count,))

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


def _check_sampler_alone(settings):
    given = [
        name
        for name, off in (
            ("temperature", 1.0),
            ("top_k", None),
            ("top_p", None),
            ("seed", None),
        )
        if settings.get(name, off) != off
    ]
    if given:
        raise ValueError(
            "`sampler` must come without arguments that it decides itself. "
            f"Received: sampler and {', '.join(given)}. "
            "Do give them to the sampler, or leave `sampler` out."
        )


def check_positive(name, value):
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"`{name}` must be a positive int. Received: {name}={value!r}."
        )
