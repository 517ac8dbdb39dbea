"""What is known of an image, and how generated images are made to agree.

All of it is `keras.ops` on tensors or arrays of uint8 images, so that a
graph that is served keeps the same promises.

Axes: B images, C channels.
"""

from collections.abc import Callable

from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.images import arrays

# Weights of red, green and blue in luma (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)

# Halvings until a shift of up to 255 levels is exact to a thousandth.
BISECTIONS = 20

# A mean may be so far from its level and still round to it.
ROUNDS = 0.49

# === Sources ===


def hidden(images: Tensor, masks: Tensor | None) -> Tensor:
    """The source of images that masks `(B, height, width)` hide in part.

    Returns:
        uint8 tensor of shape `(B, height, width, C + 1)`.
    """
    masks = ops.convert_to_tensor(masks)[..., None]
    zeros = ops.zeros_like(images, dtype="uint8")
    shown = ops.where(masks, zeros, images)
    known = ops.where(masks, zeros[..., :1], zeros[..., :1] + 255)
    return ops.concatenate([shown, known], axis=-1)


def known_everywhere(images: Tensor) -> Tensor:
    """The source of images of which every pixel is known."""
    known = ops.full_like(images[..., :1], 255, dtype="uint8")
    return ops.concatenate([images, known], axis=-1)


# === Measures ===


def luma(images: Tensor) -> Tensor:
    """uint8 tensor `(B, height, width, 1)` of RGB images."""
    return ops.cast(arrays.luma(ops.cast(images, "int32")), "uint8")


def exact_luma(images: Tensor) -> Tensor:
    """float32 luma that is not rounded: it grows with every channel."""
    parts = ops.cast(images, "float32") * ops.convert_to_tensor(LUMA, "float32")
    return ops.sum(parts, axis=-1, keepdims=True)


def shrunk(images: Tensor, factor: int) -> Tensor:
    """uint8 images shrunk by areas."""
    return rounded(block_mean(images, factor))


def block_mean(images: Tensor, factor: int) -> Tensor:
    """Means of blocks of `factor` x `factor` pixels, float32."""
    height, width, channels = images.shape[1:]
    blocks = ops.reshape(
        ops.cast(images, "float32"),
        (-1, height // factor, factor, width // factor, factor, channels),
    )
    return ops.mean(blocks, axis=(2, 4))


def repeated(x: Tensor, factor: int) -> Tensor:
    """Images with every pixel repeated in both directions."""
    return ops.repeat(ops.repeat(x, factor, axis=1), factor, axis=2)


def rounded(x: Tensor) -> Tensor:
    """Levels as uint8."""
    return ops.cast(ops.round(x), "uint8")


# === Agreement ===


def shifted(
    generated: Tensor,
    wanted: Tensor,
    measure: Callable[[Tensor], Tensor],
    spread: Callable[[Tensor], Tensor] = lambda shift: shift,
) -> Tensor:
    """Shifts levels, clipped to 0 … 255, until a mean of them is as wanted.

    The mean grows with the shift, which is found by bisection. What rounds
    to what is wanted already is not shifted.

    Args:
        generated: uint8 tensor of shape `(B, height, width, C)`.
        wanted: uint8 tensor, what `measure` is to give.
        measure: function of a float tensor of the shape of `generated`.
        spread: function of shifts, of the shape of `wanted`, to the pixels.

    Returns:
        uint8 tensor of the shape of `generated`.
    """
    generated = ops.cast(generated, "float32")
    wanted = ops.cast(wanted, "float32")
    aim = ops.clip(measure(generated), wanted - ROUNDS, wanted + ROUNDS)

    def shift(levels):
        return ops.clip(generated + spread(levels), 0, 255)

    def halve(low, high):
        middle = (low + high) / 2
        less = measure(shift(middle)) < aim
        return ops.where(less, middle, low), ops.where(less, high, middle)

    low, high = ops.full_like(wanted, -255.0), ops.full_like(wanted, 255.0)
    for _ in range(BISECTIONS):
        low, high = halve(low, high)
    return rounded(shift((low + high) / 2))
