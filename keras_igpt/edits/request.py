"""What an edit of images asks of a model, and how its answer is put back.

Python and the graph that is served make the same request, so all of it is
`keras.ops`.

Axes: B images, N cells, C channels.
"""

from typing import Any, NamedTuple

from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.edits.holes import filled, unknown_cells, without_seam
from keras_igpt.edits.kinds import Edit


class EditRequest(NamedTuple):
    """What a model reads, and the cells that stay as they are."""

    # Inputs of the model: `"edit"`, int32 `(B,)`, and `"source"`, uint8
    # `(B, height, width, C + 1)`; none if it has not learned the edit.
    conditions: dict[str, Tensor]
    # int32 and bool, `(B, N)`: the tokens, and which of them are kept.
    tokens: Tensor
    known: Tensor


def edit_request(
    edit: Edit,
    number: int | None,
    images: Tensor,
    masks: Tensor | None,
    tokenizer: Any,
    encode: Any = None,
) -> EditRequest:
    """Makes the request for one edit of some images.

    Args:
        edit: one of `EDITS`.
        number: int, the edit's number in the model; None for one that it has
            not learned.
        images, masks: as `Edit.fit` returns them, arrays or tensors.
        tokenizer: the model's.
        encode: function like the tokenizer's `encode`, which is the default.

    Raises:
        ValueError: if the images have another shape.
    """
    source = edit.source(images, tokenizer.image_shape, masks)
    shown = source[..., :-1]
    if masks is not None and tokenizer.reach != 0:
        shown = filled(shown, masks)
    tokens = (encode or tokenizer.encode)(shown)
    if masks is None:
        known = ops.zeros_like(tokens, dtype="bool")
    else:
        unknown = unknown_cells(
            masks, tokenizer.grid_size, tokenizer.reach, tokenizer.cell_size
        )
        known = ops.logical_not(unknown)
    if number is None:
        return EditRequest({}, tokens, known)
    # Where nothing is known there is nothing to edit.
    any_known = ops.any(source[..., -1] > 0, axis=(1, 2))
    numbers = ops.where(any_known, ops.cast(number, "int32"), 0)
    conditions = {"edit": ops.cast(numbers, "int32"), "source": source}
    return EditRequest(conditions, tokens, known)


def edit_result(
    edit: Edit,
    generated: Tensor,
    images: Tensor,
    masks: Tensor | None,
    tokenizer: Any,
) -> Tensor:
    """Generated images with what the edit keeps.

    Args:
        edit: one of `EDITS`.
        generated: uint8 tensor of shape `(B, height, width, C)`.
        images, masks: as `edit_request` was given them.
        tokenizer: the model's.

    Returns:
        uint8 tensor of the shape of `generated`.
    """
    if masks is not None and tokenizer.reach != 0:
        depth = tokenizer.cell_size
        generated = without_seam(generated, images, masks, depth)
    return edit.keep(generated, images, masks)
