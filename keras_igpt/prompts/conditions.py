"""What a user asks a model for, checked, as the numbers that a prompt reads.

Axes: B pictures, L bytes of a caption.
"""

import numpy as np

from keras_igpt.prompts.captions import encode_text


def encode_conditions(
    labels, text, num_classes, text_length, count=None, truncate=False
):
    """What is asked, checked: dict of int32 arrays with equal rows.

    Args:
        labels: int or ints, or None to ask for no class.
        text: str or list of str, captions, or None.
        num_classes: int, labels that the model knows; 0 for none.
        text_length: int, bytes of the longest caption; 0 for none.
        count: int, how many there must be; None for as many as given.
        truncate: bool. Cut captions that are too long.

    Returns:
        dict of `"label"`, `(B,)`, and `"text"`, `(B, L)`, those that the
        model knows.
    """
    asked = {}
    labels = encode_labels(labels, num_classes, optional=True)
    if num_classes:
        asked["label"] = labels
    text = encode_captions(text, text_length, truncate, optional=True)
    if text_length:
        asked["text"] = text
    rows = {key: len(value) for key, value in asked.items()}
    wanted = count or max(rows.values(), default=1)
    if any(number not in (1, wanted) for number in rows.values()):
        raise ValueError(
            "`labels` and `text` must be one for all or one per picture"
            f"{f' ({count})' if count else ''}. "
            f"Received: {rows.get('label', 0)} labels and "
            f"{rows.get('text', 0)} captions."
        )
    return {
        key: np.broadcast_to(value, (wanted, *value.shape[1:]))
        for key, value in asked.items()
    }


def encode_labels(labels, num_classes, optional=False):
    """Checked labels.

    Args:
        labels: int or ints, or None.
        num_classes: int; 0 for a model without classes.
        optional: bool. Whether a model with classes may get none.

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
            "The pictures must come with labels: this model was made "
            f"with num_classes={num_classes}. Received: no `label` "
            "in the data. Do make the model with num_classes=0."
        )
    array = np.atleast_1d(np.asarray(labels))
    if (
        array.ndim != 1
        or array.size == 0
        or not np.issubdtype(array.dtype, np.integer)
        or array.min() < 0
        or array.max() >= num_classes
    ):
        raise ValueError(
            "`labels` must be ints from 0 to num_classes - 1 = "
            f"{num_classes - 1}. Received: labels={labels!r}."
        )
    return array.astype("int32")


def encode_captions(text, text_length, truncate=False, optional=False):
    """Checked captions as bytes.

    Args:
        text: str or bytes, or a list of them; or None.
        text_length: int, L; 0 for a model without captions.
        truncate: bool. Cut captions that are too long.
        optional: bool. Whether a model with captions may get none.

    Returns:
        int32 array of shape `(B, L)`; one null for None.
    """
    if text is None and (optional or not text_length):
        return np.zeros((1, text_length), "int32")
    if not text_length:
        raise ValueError(
            "`text` must be None: this model was made without captions "
            f"(text_length=0). Received: text={text!r}."
        )
    if text is None:
        raise ValueError(
            "The pictures must come with captions: this model was made "
            f"with text_length={text_length}. Received: no `text` "
            "in the data. Do make the model with text_length=0."
        )
    if isinstance(text, (str, bytes)):
        text = [text]
    if len(text) == 0:
        raise ValueError(
            "`text` must be a caption or a list of captions. "
            f"Received: text={text!r}."
        )
    return encode_text(text, text_length, truncate)
