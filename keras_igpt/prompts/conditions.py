"""What a user asks a model for, checked, as the numbers that a prompt reads.

The rules are sentences of their own, for graphs that are served have the
same ones.

Axes: B images, L bytes of a caption.
"""

import collections
from collections.abc import Sequence

import numpy as np

from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.prompts.captions import encode_text

# The condition that says what is not wanted.
NEGATIVE = "negative_text"

# Names of classes in an error, at most.
SHOWN = 20


def rule_of_labels(num_classes: int, class_names: Sequence[str] = ()) -> str:
    """What labels must be."""
    rule = (
        f"`labels` must be ints from 0 to num_classes - 1 = {num_classes - 1}"
    )
    if not class_names:
        return rule
    shown = "; ".join(class_names[:SHOWN])
    if not any("," in name for name in class_names):
        shown = shown.replace("; ", ", ")
    more = len(class_names) - SHOWN
    more = f" and {more} more" if more > 0 else ""
    words = "or names"
    if have_other_numbers(class_names):
        words += ", as which all strings are read"
    return f"{rule}, {words}: {shown}{more}"


def numbers_of_names(class_names: Sequence[str]) -> dict[str, int]:
    """Labels by the names of their classes.

    A name may be several with commas between them, "soccer ball, football":
    each is good alone, if it is of one class only.

    Args:
        class_names: names in the order of the labels.
    """
    parts = [
        (part.strip(), number)
        for number, name in enumerate(class_names)
        for part in name.split(",")
    ]
    uses = collections.Counter(part for part, _ in parts)
    single = {part: number for part, number in parts if uses[part] == 1}
    whole = {name: number for number, name in enumerate(class_names)}
    return {**single, **whole}


def have_other_numbers(class_names: Sequence[str]) -> bool:
    """Whether a class is called by a number that is not its own.

    What somebody types is a name then, and never the number of a class.
    """
    return any(
        name.isdecimal() and name != str(number)
        for name, number in numbers_of_names(class_names).items()
    )


def rule_of_rows(name: str) -> str:
    """How many values there must be of something."""
    return f"`{name}` must be one value for all images or one per image"


def one_per_image(name: str, values: Array, count: int) -> Array:
    """Values with as many rows as there are images.

    Args:
        name: str, what errors call them.
        values: array of shape `()`, `(1, …)` or `(count, …)`.
        count: int, B.

    Returns:
        Array of shape `(count, …)`, not to be written to.
    """
    if values.shape[:1] not in ((), (1,), (count,)):
        raise ValueError(
            f"{rule_of_rows(name)} ({count}). "
            f"Received: {len(values)} values for `{name}`."
        )
    return np.broadcast_to(values, (count, *values.shape[1:]))


def encode_conditions(
    labels: ArrayLike | None,
    text: str | Sequence[str] | None,
    num_classes: int,
    text_length: int,
    count: int | None = None,
    truncate: bool = False,
    class_names: Sequence[str] = (),
    negative_text: str | Sequence[str] | None = None,
) -> dict[str, Array]:
    """What is asked, checked: dict of int32 arrays with equal rows.

    Args:
        labels: int or ints, or names of classes; or None to ask for no class.
        text: str or list of str, captions, or None.
        num_classes: int, labels that the model knows; 0 for none.
        text_length: int, bytes of the longest caption; 0 for none.
        count: int, how many there must be; None for as many as given.
        truncate: bool. Cut captions that are too long.
        class_names: names of the classes, or () for numbers alone.
        negative_text: str or list of str, captions of what is not wanted.

    Returns:
        dict of `"label"`, `(B,)`, and `"text"`, `(B, L)`, those that the
        model knows; and `NEGATIVE`, `(B, L)`, if it is given.
    """
    asked = {}
    labels = encode_labels(labels, num_classes, True, class_names)
    if num_classes:
        asked["label"] = labels
    text = encode_captions(text, text_length, truncate, optional=True)
    if text_length:
        asked["text"] = text
    if negative_text is not None:
        asked[NEGATIVE] = encode_captions(
            negative_text, text_length, truncate, name=NEGATIVE
        )
    rows = {key: len(values) for key, values in asked.items()}
    wanted = count or max(rows.values(), default=1)
    negative = f", {rows[NEGATIVE]} negative ones" if NEGATIVE in rows else ""
    if any(number not in (1, wanted) for number in rows.values()):
        raise ValueError(
            f"{rule_of_rows('labels` and `text')}"
            f"{f' ({count})' if count else ''}. "
            f"Received: {rows.get('label', 0)} labels and "
            f"{rows.get('text', 0)} captions{negative}."
        )
    return {
        key: one_per_image(key, values, wanted) for key, values in asked.items()
    }


def encode_labels(
    labels: ArrayLike | None,
    num_classes: int,
    optional: bool = False,
    class_names: Sequence[str] = (),
) -> Array:
    """Checked labels.

    Args:
        labels: int or ints, or names of classes; or None.
        num_classes: int; 0 for a model without classes.
        optional: bool. Whether a model with classes may get none.
        class_names: names of the classes, or () for numbers alone.

    Returns:
        int32 array of shape `(B,)`; the null label for None.
    """
    if labels is None and (optional or not num_classes):
        return np.array([num_classes], "int32")
    if not num_classes:
        raise ValueError(
            "`labels` must be None: this model was made without classes "
            f"(num_classes=0). Received: labels={labels!r}."
        )
    if labels is None:
        raise ValueError(
            "The images must come with labels: this model was made "
            f"with num_classes={num_classes}. Received: no `label` "
            "in the data. Make the model with num_classes=0."
        )
    array = np.atleast_1d(np.asarray(labels))
    if array.dtype.kind in "UO":
        array = _numbers_of(array, class_names)
    if (
        array.ndim != 1
        or array.size == 0
        or not np.issubdtype(array.dtype, np.integer)
        or array.min() < 0
        or array.max() >= num_classes
    ):
        raise ValueError(
            f"{rule_of_labels(num_classes, class_names)}. "
            f"Received: labels={labels!r}."
        )
    return array.astype("int32")


def _numbers_of(labels, class_names):
    """Names as their numbers, -1 for what is no name; others stay."""
    numbers = numbers_of_names(class_names)
    found = [
        numbers.get(label, -1) if isinstance(label, str) else label
        for label in labels.ravel()
    ]
    return np.array(found).reshape(labels.shape)


def encode_captions(
    text: str | bytes | Sequence[str] | None,
    text_length: int,
    truncate: bool = False,
    optional: bool = False,
    name: str = "text",
) -> Array:
    """Checked captions as bytes.

    Args:
        text: str or bytes, or a list of them; or None.
        text_length: int, L; 0 for a model without captions.
        truncate: bool. Cut captions that are too long.
        optional: bool. Whether a model with captions may get none.
        name: str, what errors call them.

    Returns:
        int32 array of shape `(B, L)`; one null for None.
    """
    if text is None and (optional or not text_length):
        return np.zeros((1, text_length), "int32")
    if not text_length:
        raise ValueError(
            f"`{name}` must be None: this model was made without captions "
            f"(text_length=0). Received: {name}={text!r}."
        )
    if text is None:
        raise ValueError(
            "The images must come with captions: this model was made "
            f"with text_length={text_length}. Received: no `text` "
            "in the data. Make the model with text_length=0."
        )
    if isinstance(text, str | bytes):
        text = [text]
    if not isinstance(text, Sequence | np.ndarray) or len(text) == 0:
        raise ValueError(
            f"`{name}` must be a caption or a list of captions. "
            f"Received: {name}={text!r}."
        )
    return encode_text(text, text_length, truncate, name)
