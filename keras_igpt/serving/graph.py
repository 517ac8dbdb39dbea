"""The model as functions of strings and bytes, to be served without Python.

All of it runs inside TensorFlow graphs: requests are read, checked and
answered there. A mistake in a request ends in an `InvalidArgumentError` that
says what is wrong.

Axes: B rows of a request, P prompt positions, N cells, V vocabulary, L bytes
of a caption, C channels.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_igpt.edits.kinds import Edit, Upscale
from keras_igpt.edits.request import edit_request, edit_result
from keras_igpt.generation import loop, parallel
from keras_igpt.generation.plans import make_plan, plan_numbers
from keras_igpt.generation.sampling import uniforms
from keras_igpt.generation.settings import SETTINGS, Setting, kept_tokens
from keras_igpt.prompts.captions import MARKS, rule_of_length, rule_of_text
from keras_igpt.prompts.conditions import (
    have_other_numbers,
    numbers_of_names,
    rule_of_labels,
    rule_of_rows,
)
from keras_igpt.serving.image_bytes import decoded, decoded_masks, encoded
from keras_igpt.serving.plans import plan_of_cells, plan_of_steps
from keras_igpt.training.losses import token_nats

# What `tokens`, numbers alone, goes without.
WORDED = (
    *("seed", "steps"),
    *("guidance_linear", "guidance_first", "guidance_last"),
)


class ServingGraph:
    """What a model can be asked for, by signature.

    Args:
        model: an `ImageGPT`.
        class_names: list of str, names of its classes; None for those that
            the model knows.
    """

    def __init__(
        self, model: Any, class_names: Sequence[str] | None = None
    ) -> None:
        self.model = model
        if class_names is None:
            class_names = model.class_names
        self.class_names = list(class_names)
        # How to sample; unless a request says, one value for all rows.
        self.settings = dict(SETTINGS)
        if model.any_order:
            self.settings["steps"] = _setting_of_steps(model)
        self.defaults = {n: [s.default] for n, s in self.settings.items()}
        # Traced once each, whatever number of signatures call them.
        decode = self._decode_any_order if model.any_order else self._decode_row
        self._decode = {
            guided: tf.function(
                functools.partial(decode, guided=guided), autograph=False
            )
            for guided in (False, True)
        }
        self.image_shape = model.tokenizer.image_shape

    def signatures(self) -> dict[str, tuple[Callable, dict, dict]]:
        """Every signature: its function, its inputs and their defaults.

        Returns:
            dict of name to a tuple of a function of named tensors that
            returns a dict, a dict of `tf.TensorSpec`, and a dict of default
            values.
        """
        asked = self._asked()
        sampling = {
            name: _rows(setting.dtype, name)
            for name, setting in self.settings.items()
        }
        image = {"image": _rows(tf.string, "image")}
        least = asked or {"seed": sampling["seed"]}
        unsaid = {name: [""] for name in asked}
        optional = {**unsaid, **self.defaults}
        found = {
            "serving_default": (self.generate_images, least, {}),
            "generate": (
                self.generate,
                {**least, **sampling},
                {k: v for k, v in self.defaults.items() if k not in least},
            ),
            "score": (self.score, {**image, **asked}, unsaid),
            "tokens": (self.tokens, self._numbers(), self._plan()),
        }
        names = self.model.edit_set.names
        if self.model.class_start and "inpaint" not in names:
            # Such models come without edits, and can do this one.
            names = (*names, "inpaint")
        for name in names:
            job, number = self.model.edit_set.find(*name.split("/"))
            inputs = {**image, **asked, **sampling}
            if job.needs_masks:
                inputs = {"mask": _rows(tf.string, "mask"), **inputs}
            name = f"edit_{name.replace('/', '_')}"
            for size, shape in self._shapes(job).items():
                edit = self._editor(job, number, shape)
                found[name + size] = (edit, inputs, optional)
        return found

    def _shapes(self, job: Edit):
        """Shapes of the images that an edit takes, by a name's ending."""
        if not isinstance(job, Upscale):
            return {"": self.image_shape}
        height, width, channels = self.image_shape
        return {
            f"_{factor}": (height // factor, width // factor, channels)
            for factor in job.factors
            if height % factor == width % factor == 0
        }

    def _asked(self):
        """Specs of what says what to generate, as strings."""
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
        for name, setting in self.settings.items():
            if name not in WORDED:
                specs[name] = _rows(setting.dtype, name)
        for name in self._plan():
            shape = (None, self.model.num_cells)
            specs[name] = tf.TensorSpec(shape, tf.int32, name)
        return specs

    def _plan(self):
        """Which step asks each cell in `tokens`, by the model's own steps."""
        model = self.model
        if not model.any_order:
            return {}
        known = np.zeros((1, model.num_cells), bool)
        (steps,) = self.defaults["steps"]
        schedule = model.config["step_schedule"]
        plan = make_plan(known, model.decode_order, steps, schedule)
        return {"plan": plan_numbers(plan).tolist()}

    # === Signatures ===

    def generate_images(self, **asked: tf.Tensor) -> dict[str, tf.Tensor]:
        """Images as PNG, for what is asked and nothing else."""
        defaults = {k: tf.constant(v) for k, v in self.defaults.items()}
        answer = self.generate(**{**defaults, **asked})
        return {"image_bytes": answer["image_bytes"]}

    def generate(
        self,
        text: tf.Tensor | None = None,
        label: tf.Tensor | None = None,
        **sampling: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Images as PNG, and their tokens."""
        conditions, count = self._conditions(text, label, sampling["seed"])
        tokens = tf.zeros((count, self.model.num_cells), tf.int32)
        known = tf.zeros(tf.shape(tokens), tf.bool)
        tokens = self._sample(conditions, tokens, known, sampling)
        images = self.model.tokenizer.decode(tokens)
        return {"image_bytes": encoded(images), "tokens": tokens}

    def _editor(self, job, number, shape):
        """The function of one edit of images of a shape."""

        def edit(image, mask=None, text=None, label=None, **sampling):
            images = decoded(image, shape)
            masks = None
            if mask is not None:
                masks = decoded_masks(mask, self.image_shape[:2])
            conditions, _ = self._conditions(text, label, image)
            tokenizer = self.model.tokenizer
            request = edit_request(job, number, images, masks, tokenizer)
            conditions.update(request.conditions)
            tokens = self._sample(
                conditions, request.tokens, request.known, sampling
            )
            images = edit_result(
                job, tokenizer.decode(tokens), images, masks, tokenizer
            )
            return {"image_bytes": encoded(images)}

        return edit

    def score(
        self,
        image: tf.Tensor,
        text: tf.Tensor | None = None,
        label: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Negative log-likelihood in nats of images' tokens."""
        images = decoded(image, self.image_shape)
        conditions, _ = self._conditions(text, label, image)
        count = tf.shape(image)[0]
        conditions = {k: _fit(k, v, count) for k, v in conditions.items()}
        tokens = self.model.tokenizer.encode(images)
        inputs = self.model.in_decode_order({"tokens": tokens, **conditions})
        logits = self.model(inputs)
        return {"nats": tf.reduce_sum(token_nats(tokens, logits), axis=1)}

    def tokens(
        self,
        uniforms: tf.Tensor,
        text: tf.Tensor | None = None,
        label: tf.Tensor | None = None,
        plan: tf.Tensor | None = None,
        **settings: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Tokens, from numbers alone: no string, no image, no chance."""
        conditions = {}
        if text is not None:
            conditions["text"] = text
        if label is not None:
            conditions["label"] = label
        tokens = tf.zeros_like(uniforms, tf.int32)
        known = tf.zeros_like(uniforms, tf.bool)
        settings["top_k"] = kept_tokens(
            settings["top_k"], self.model.vocabulary_size
        )
        guided = self.model.prompt is not None
        if plan is None:
            found = loop.decode(
                self.model,
                conditions,
                tokens,
                known,
                uniforms,
                settings,
                guided,
            )
        else:
            plan = plan_of_cells(_fit("plan", plan, tf.shape(uniforms)[0]))
            found = parallel.decode(
                self.model,
                conditions,
                tokens,
                plan,
                uniforms,
                settings,
                guided,
            )
        return {"tokens": found}

    # === What a request says ===

    def _conditions(self, text, label, rows):
        """dict of int32 tensors, and how many images are wanted.

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
        _check(length <= limit, rule_of_length(limit))
        numbers = tf.io.decode_raw(text, tf.uint8, fixed_length=limit)
        used = tf.reduce_sum(tf.cast(numbers > 0, tf.int32), axis=1)
        _check(used == length, rule_of_text())
        return tf.cast(numbers, tf.int32)

    def _label(self, label):
        """Numbers of classes, int32 `(B,)`; the null for an empty string."""
        count, names = self.model.num_classes, self.class_names
        numbers = numbers_of_names(names)
        # One column per name; at most one of them is the label's.
        same = label[:, None] == tf.constant(list(numbers), tf.string)
        named = tf.where(same, tf.constant([*numbers.values()], tf.int32), -1)
        named = tf.reduce_max(
            tf.pad(named, [(0, 0), (0, 1)], constant_values=-1), axis=1
        )
        named = tf.where(label == "", count, named)
        digits = tf.strings.regex_full_match(label, "[0-9]{1,9}")
        digits = tf.logical_and(digits, not have_other_numbers(names))
        number = tf.where(digits, label, "0")
        number = tf.strings.to_number(number, tf.int32)
        known = tf.logical_or(
            named >= 0, tf.logical_and(digits, number < count)
        )
        _check(known, f"{rule_of_labels(count, names)}, or empty")
        return tf.where(named >= 0, named, number)

    def _sample(self, conditions, tokens, known, sampling):
        """Tokens `(B, N)`, after `sampling` has been checked."""
        count = tf.shape(tokens)[0]
        conditions = {k: _fit(k, v, count) for k, v in conditions.items()}
        settings = {k: _fit(k, v, count) for k, v in sampling.items()}
        for name, values in settings.items():
            _check_setting(name, self.settings[name], values)
        settings["top_k"] = kept_tokens(
            settings["top_k"], self.model.vocabulary_size
        )
        draws = uniforms(settings.pop("seed"), self.model.num_cells)
        shape = (None, self.model.num_cells)
        tokens, known = (tf.ensure_shape(x, shape) for x in (tokens, known))

        def sample(guided):
            return lambda: self._decode[guided](
                conditions, tokens, known, draws, settings
            )

        # As in Python: the null prompt is read only if any row wants it.
        if not self.model.prompt:
            return sample(False)()
        guided = tf.reduce_any(settings["guidance_scale"] != 1)
        return tf.cond(guided, sample(True), sample(False))

    def _decode_row(self, *args, guided):
        return loop.decode(self.model, *args, guided)

    def _decode_any_order(
        self, conditions, tokens, known, draws, settings, guided
    ):
        settings = dict(settings)
        order = self.model.decode_order
        schedule = self.model.config["step_schedule"]
        steps = settings.pop("steps")
        plan = plan_of_steps(known, order, steps, schedule)
        return parallel.decode(
            self.model, conditions, tokens, plan, draws, settings, guided
        )


def _setting_of_steps(model):
    """In how many steps a model of any order writes a whole image."""
    cells = model.num_cells
    return Setting(
        model.config["steps"] or cells,
        "int32",
        f"from 1 to {cells}, the number of cells",
        lambda x: (x >= 1) & (x <= cells),
    )


# === Rows ===


def _rows(dtype, name):
    return tf.TensorSpec((None,), dtype, name)


def _fit(name, value, count):
    """One row for all, or one per image."""
    given = tf.shape(value)[0]
    right = tf.logical_or(given == 1, given == count)
    with tf.control_dependencies([_check(right, rule_of_rows(name))]):
        shape = tf.concat([[count], tf.shape(value)[1:]], axis=0)
    return tf.broadcast_to(value, shape)


def _check_setting(name, setting, values):
    allowed, rule = setting.allows(values), setting.rule
    if setting.off is not None:
        allowed = tf.logical_or(allowed, values == setting.off)
        rule = f"{rule}, or {setting.off} for off"
    if values.dtype.is_floating:
        allowed = tf.logical_and(allowed, tf.math.is_finite(values))
    _check(allowed, f"`{name}` must be {rule}")


def _check(condition, rule):
    return tf.debugging.Assert(tf.reduce_all(condition), [f"{rule}."])
