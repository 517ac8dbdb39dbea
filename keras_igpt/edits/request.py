"""What an edit of images asks of a model.

Python and the graph that is served make the same request, so all of it is
`keras.ops`.

Axes: B images, N cells, C channels.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.edits.kinds import Edit
from keras_igpt.edits.masks import cells_with


class EditRequest(NamedTuple):
    """What a model reads, and the cells that stay as they are."""

    # int32 `(B,)` and uint8 `(B, height, width, C + 1)`, inputs of the model.
    edit: Tensor
    source: Tensor
    # int32 and bool, `(B, N)`: the tokens, and which of them are kept.
    tokens: Tensor
    known: Tensor


def edit_request(
    edit: Edit,
    number: int,
    images: Tensor,
    masks: Tensor | None,
    image_shape: tuple[int, int, int],
    grid_size: tuple[int, int],
    encode: Callable[[Tensor], Tensor],
) -> EditRequest:
    """Makes the request for one edit of some images.

    Args:
        edit: one of `EDITS`.
        number: int, the edit's number in the model.
        images, masks: as `Edit.fit` returns them, arrays or tensors.
        image_shape: tuple, the model's height, width and C.
        grid_size: tuple, the model's rows and columns of cells.
        encode: the tokenizer's `encode`.

    Raises:
        ValueError: if the images have another shape.
    """
    source = edit.source(images, image_shape, masks)
    tokens = encode(source[..., :-1])
    if masks is None:
        known = ops.zeros_like(tokens, dtype="bool")
    else:
        known = ops.logical_not(cells_with(masks, grid_size))
    # Where nothing is known there is nothing to edit.
    any_known = ops.any(source[..., -1] > 0, axis=(1, 2))
    numbers = ops.where(any_known, ops.cast(number, "int32"), 0)
    return EditRequest(ops.cast(numbers, "int32"), source, tokens, known)
