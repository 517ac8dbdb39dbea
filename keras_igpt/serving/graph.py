"""The model as functions of strings and bytes, to be served without Python.

All of it runs inside TensorFlow graphs: requests are read, checked and
answered there. A mistake in a request ends in an `InvalidArgumentError` that
says what is wrong.

Axes: B rows of a request, P prompt positions, N cells, V vocabulary, L bytes
of a caption, C channels.
"""

import functools

import tensorflow as tf

from keras_igpt.edits.kinds import Upscale
from keras_igpt.edits.masks import cells_with
from keras_igpt.generation.loop import decode
from keras_igpt.generation.sampling import uniforms
from keras_igpt.prompts.captions import MARKS
from keras_igpt.training.losses import token_nats

# How to paint, unless a request says: of one picture, used for all rows.
DEFAULTS = {
    "seed": [0],
    "temperature": [1.0],
    "top_k": [0],
    "top_p": [1.0],
    "guidance_scale": [1.0],
}

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class ServingGraph:
    """What a model can be asked for, by signature.

    Args:
        model: an `ImageGPT`.
        class_names: list of str, names of its classes; () for numbers only.
    """

    def __init__(self, model, class_names=()):
        self.model = model
        self.class_names = list(class_names)
        # Traced once each, whatever number of signatures call them.
        self._decode = {
            guided: tf.function(
                functools.partial(decode, model, guided=guided), autograph=False
            )
            for guided in (False, True)
        }
        self.image_shape = model.tokenizer.image_shape

    def signatures(self):
        """Every signature: its function, its inputs and their defaults.

        Returns:
            dict of name to a tuple of a function of named tensors that
            returns a dict, a dict of `tf.TensorSpec`, and a dict of default
            values.
        """
        asked = self._asked()
        sampling = {
            "seed": _rows(tf.int32, "seed"),
            "temperature": _rows(tf.float32, "temperature"),
            "top_k": _rows(tf.int32, "top_k"),
            "top_p": _rows(tf.float32, "top_p"),
            "guidance_scale": _rows(tf.float32, "guidance_scale"),
        }
        image = {"image": _rows(tf.string, "image")}
        least = asked or {"seed": sampling["seed"]}
        unsaid = {name: [""] for name in asked}
        optional = {**unsaid, **DEFAULTS}
        found = {
            "serving_default": (self.paint, least, {}),
            "generate": (
                self.generate,
                {**least, **sampling},
                {k: v for k, v in DEFAULTS.items() if k not in least},
            ),
            "score": (self.score, {**image, **asked}, unsaid),
            "tokens": (self.tokens, self._numbers(), {}),
        }
        for name in self.model.tasks.names:
            job, number = self.model.tasks.find(*name.split("/"))
            inputs = {**image, **asked, **sampling}
            if job.needs_masks:
                inputs = {"mask": _rows(tf.string, "mask"), **inputs}
            name = f"edit_{name.replace('/', '_')}"
            for size, shape in self._shapes(job).items():
                edit = self._editor(job, number, shape)
                found[name + size] = (edit, inputs, optional)
        return found

    def _shapes(self, job):
        """Shapes of the pictures that an edit takes, by a name's ending."""
        if not isinstance(job, Upscale):
            return {"": self.image_shape}
        height, width, channels = self.image_shape
        return {
            f"_{factor}": (height // factor, width // factor, channels)
            for factor in job.factors
            if height % factor == width % factor == 0
        }

    def _asked(self):
        """Specs of what says what to paint, as strings."""
        names = []
        if self.model.text_length:
            names.append("text")
        if self.model.num_classes:
            names.append("label")
        return {name: _rows(tf.string, name) for name in names}

    def _numbers(self):
        """Specs of the inputs of `tokens`."""
        specs = {}
        if self.model.text_length:
            specs["text"] = tf.TensorSpec(
                (None, self.model.text_length), tf.int32, "text"
            )
        if self.model.num_classes:
            specs["label"] = _rows(tf.int32, "label")
        specs["uniforms"] = tf.TensorSpec(
            (None, self.model.num_cells), tf.float32, "uniforms"
        )
        for name, dtype in (
            ("temperature", tf.float32),
            ("top_k", tf.int32),
            ("top_p", tf.float32),
            ("guidance_scale", tf.float32),
        ):
            specs[name] = _rows(dtype, name)
        return specs

    # === Signatures ===

    def paint(self, **asked):
        """Pictures as PNG, for what is asked and nothing else."""
        defaults = {k: tf.constant(v) for k, v in DEFAULTS.items()}
        painted = self.generate(**{**defaults, **asked})
        return {"image_bytes": painted["image_bytes"]}

    def generate(self, text=None, label=None, **sampling):
        """Pictures as PNG, and their tokens."""
        conditions, count = self._conditions(text, label, sampling["seed"])
        tokens = tf.zeros((count, self.model.num_cells), tf.int32)
        known = tf.zeros(tf.shape(tokens), tf.bool)
        tokens = self._paint(conditions, tokens, known, sampling)
        images = self.model.tokenizer.decode(tokens)
        return {"image_bytes": encoded(images), "tokens": tokens}

    def _editor(self, job, number, shape):
        """The function of one edit of pictures of a shape."""

        def edit(image, mask=None, text=None, label=None, **sampling):
            images = decoded(image, shape)
            masks = None
            if mask is not None:
                masks = decoded(mask, (*self.image_shape[:2], 1))[..., 0] > 127
            conditions, count = self._conditions(text, label, image)
            conditions = {k: _fit(k, v, count) for k, v in conditions.items()}
            source = job.source(images, self.image_shape, masks)
            any_known = tf.reduce_any(source[..., -1] > 0, axis=(1, 2))
            conditions["edit"] = tf.where(any_known, number, 0)
            conditions["source"] = source
            tokens = self.model.tokenizer.encode(source[..., :-1])
            known = tf.zeros(tf.shape(tokens), tf.bool)
            if masks is not None:
                grid = self.model.tokenizer.grid_size
                known = tf.logical_not(cells_with(masks, grid))
            tokens = self._paint(conditions, tokens, known, sampling)
            painted = self.model.tokenizer.decode(tokens)
            kept = job.keep(painted, images, masks)
            return {"image_bytes": encoded(kept)}

        return edit

    def score(self, image, text=None, label=None):
        """Negative log-likelihood in nats of pictures' tokens."""
        images = decoded(image, self.image_shape)
        conditions, count = self._conditions(text, label, image)
        conditions = {k: _fit(k, v, count) for k, v in conditions.items()}
        tokens = self.model.tokenizer.encode(images)
        logits = self.model({"tokens": tokens, **conditions})
        return {"nats": tf.reduce_sum(token_nats(tokens, logits), axis=1)}

    def tokens(self, uniforms, text=None, label=None, **settings):
        """Tokens, from numbers alone: no string, no picture, no chance."""
        conditions = {}
        if text is not None:
            conditions["text"] = text
        if label is not None:
            conditions["label"] = label
        tokens = tf.zeros_like(uniforms, tf.int32)
        known = tf.zeros_like(uniforms, tf.bool)
        settings["top_k"] = self._top_k(settings["top_k"])
        guided = self.model.prompt is not None
        found = decode(
            self.model, conditions, tokens, known, uniforms, settings, guided
        )
        return {"tokens": found}

    # === What a request says ===

    def _conditions(self, text, label, rows):
        """dict of int32 tensors, and how many pictures are wanted.

        Args:
            text, label: string tensors of shape `(B,)`, or None.
            rows: any other tensor of the request with B rows.
        """
        conditions = {}
        if text is not None:
            conditions["text"] = self._text(text)
            rows = text
        if label is not None:
            conditions["label"] = self._label(label)
            rows = label
        return conditions, tf.shape(rows)[0]

    def _text(self, text):
        """Bytes of captions, int32 `(B, L)`."""
        marks = "[" + "".join(map(chr, MARKS)) + "]"
        text = tf.strings.regex_replace(text, marks, '"')
        limit = self.model.text_length
        length = tf.strings.length(text)
        _check(length <= limit, f"`text` must have at most {limit} bytes")
        numbers = tf.io.decode_raw(text, tf.uint8, fixed_length=limit)
        used = tf.reduce_sum(tf.cast(numbers > 0, tf.int32), axis=1)
        _check(used == length, "`text` must have no NUL characters")
        return tf.cast(numbers, tf.int32)

    def _label(self, label):
        """Numbers of classes, int32 `(B,)`; the null for an empty string."""
        count = self.model.num_classes
        named = tf.zeros(tf.shape(label), tf.int32) - 1
        for number, name in enumerate(self.class_names):
            named = tf.where(label == name, number, named)
        named = tf.where(label == "", count, named)
        digits = tf.strings.regex_full_match(label, "[0-9]{1,9}")
        _check(
            tf.logical_or(digits, named >= 0),
            f"`label` must be a number, empty, or one of {self.class_names}",
        )
        number = tf.where(digits, label, "0")
        number = tf.strings.to_number(number, tf.int32)
        _check(number < count, f"`label` must be below {count}")
        return tf.where(named >= 0, named, number)

    def _paint(self, conditions, tokens, known, sampling):
        """Tokens `(B, N)`, after `sampling` has been checked."""
        count = tf.shape(tokens)[0]
        conditions = {k: _fit(k, v, count) for k, v in conditions.items()}
        settings = {k: _fit(k, v, count) for k, v in sampling.items()}
        finite = tf.math.is_finite
        seed = settings.pop("seed")
        temperature, top_p = settings["temperature"], settings["top_p"]
        scale = settings["guidance_scale"]
        _check(seed >= 0, "`seed` must be from 0 to 2**31 - 1")
        _check(
            tf.logical_and(finite(temperature), temperature >= 0),
            "`temperature` must be 0 (greedy) or positive",
        )
        _check(settings["top_k"] >= 0, "`top_k` must be positive, or 0 for off")
        _check(
            tf.logical_and(top_p > 0, top_p <= 1),
            "`top_p` must be above 0 and at most 1, which is off",
        )
        _check(
            tf.logical_and(finite(scale), scale >= 0),
            "`guidance_scale` must be 0 or positive",
        )
        settings["top_k"] = self._top_k(settings["top_k"])
        draws = uniforms(seed, self.model.num_cells)

        shape = (None, self.model.num_cells)
        tokens, known = (tf.ensure_shape(x, shape) for x in (tokens, known))

        def paint(guided):
            return lambda: self._decode[guided](
                conditions, tokens, known, draws, settings
            )

        # As in Python: the null prompt is read only if any row wants it.
        if not self.model.prompt:
            return paint(False)()
        return tf.cond(tf.reduce_any(scale != 1), paint(True), paint(False))

    def _top_k(self, top_k):
        limit = self.model.vocabulary_size
        return tf.where(top_k < 1, limit, tf.minimum(top_k, limit))


# === Pictures ===


def decoded(files, shape):
    """Reads PNG and JPEG files of one known size.

    Args:
        files: string tensor of shape `(B,)`.
        shape: tuple of three ints, height, width and channels.

    Returns:
        uint8 tensor of shape `(B, *shape)`.
    """

    def read(file):
        with tf.control_dependencies(_size_checks(file, shape[:2])):
            # This op reads JPEG files too.
            image = tf.io.decode_png(tf.identity(file), channels=shape[2])
        return tf.ensure_shape(image, shape)

    spec = tf.TensorSpec(shape, tf.uint8)
    return tf.map_fn(read, files, fn_output_signature=spec)


def _size_checks(file, size):
    """Assertions on a file's header: its pixels are not decoded before."""
    is_png = tf.strings.substr(file, 0, len(PNG)) == PNG
    is_jpeg = tf.strings.substr(file, 0, len(JPEG)) == JPEG
    kind = tf.debugging.Assert(
        tf.logical_or(is_png, is_jpeg), ["A picture must be PNG or JPEG"]
    )

    def png_size():
        header = tf.strings.substr(file, 16, 8)
        parts = tf.io.decode_raw(header, tf.int32, little_endian=False)
        return parts[::-1]  # the width comes first

    with tf.control_dependencies([kind]):
        found = tf.cond(
            is_png, png_size, lambda: tf.image.extract_jpeg_shape(file)[:2]
        )
    right = tf.reduce_all(found == tf.constant(size))
    rule = f"A picture must be {size[0]} x {size[1]}. Received: height, width"
    return [kind, tf.debugging.Assert(right, [rule, found])]


def encoded(images):
    """PNG files, string `(B,)`, of uint8 pictures."""
    return tf.map_fn(
        tf.io.encode_png,
        tf.convert_to_tensor(images),
        fn_output_signature=tf.TensorSpec((), tf.string),
    )


# === Rows ===


def _rows(dtype, name):
    return tf.TensorSpec((None,), dtype, name)


def _fit(name, value, count):
    """One row for all, or one per picture."""
    given = tf.shape(value)[0]
    right = tf.logical_or(given == 1, given == count)
    rule = f"`{name}` must have one row, or one per picture"
    with tf.control_dependencies([_check(right, rule)]):
        shape = tf.concat([[count], tf.shape(value)[1:]], axis=0)
    return tf.broadcast_to(value, shape)


def _check(condition, rule):
    return tf.debugging.Assert(tf.reduce_all(condition), [f"{rule}."])
