"""Image files in a graph: read as `images.files` reads them, written as PNG.

Standard operations alone. What they cannot read alike is refused in words.
"""

import tensorflow as tf

from keras_igpt.images import arrays
from keras_igpt.serving.file_segments import has_chunk, orientation_of

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

# Bytes of a PNG file before its second chunk.
_HEADER = 33

# PNG's numbers for how pixels are stored; from 4 on they have alpha.
_GREY, _WITH_ALPHA = 0, 4


def decoded(files: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Reads PNG and JPEG files of one known size, as they are meant to be seen.

    Args:
        files: string tensor of shape `(B,)`.
        shape: tuple of three ints, height, width and channels.

    Returns:
        uint8 tensor of shape `(B, *shape)`.
    """

    def read(file):
        pixels = arrays.on_white(_upright(file, shape[:2]))
        pixels = arrays.luma(pixels) if shape[2] == 1 else pixels
        return tf.ensure_shape(tf.cast(pixels, tf.uint8), shape)

    spec = tf.TensorSpec(shape, tf.uint8)
    return tf.map_fn(read, files, fn_output_signature=spec)


def decoded_masks(files: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Reads masks, as `arrays.masked` tells.

    Args:
        files: string tensor of shape `(B,)`.
        size: tuple of two ints, height and width.

    Returns:
        bool tensor of shape `(B, *size)`.
    """

    def read(file):
        masked = arrays.masked(_upright(file, size), tf.reduce_any)
        return tf.ensure_shape(masked, size)

    spec = tf.TensorSpec(size, tf.bool)
    return tf.map_fn(read, files, fn_output_signature=spec)


def encoded(images: tf.Tensor) -> tf.Tensor:
    """PNG files, string `(B,)`, of uint8 images."""
    return tf.map_fn(
        tf.io.encode_png,
        tf.convert_to_tensor(images),
        fn_output_signature=tf.TensorSpec((), tf.string),
    )


def _upright(file, size):
    """RGBA pixels of a file, turned as EXIF says: int32 `(*size, 4)`."""
    is_png = tf.strings.substr(file, 0, len(PNG)) == PNG
    is_png = tf.logical_and(is_png, tf.strings.length(file) >= _HEADER)
    is_jpeg = tf.strings.substr(file, 0, len(JPEG)) == JPEG
    kind = tf.debugging.Assert(
        tf.logical_or(is_png, is_jpeg), ["An image must be PNG or JPEG"]
    )
    with tf.control_dependencies([kind]):
        orientation = orientation_of(file, is_png)
        turns = tf.constant([arrays.TURNS[1], *arrays.TURNS.values()])
        swap, *flips = tf.unstack(turns[orientation])
        checks = _size_checks(file, is_png, swap, size)
    with tf.control_dependencies(checks):
        pixels = tf.cond(
            is_png,
            lambda: _png_pixels(tf.identity(file)),
            lambda: _jpeg_pixels(tf.identity(file)),
        )
    pixels = _if(swap, lambda x: tf.transpose(x, (1, 0, 2)), pixels)
    for axis, flip in enumerate(flips):
        pixels = _if(flip, lambda x, axis=axis: tf.reverse(x, [axis]), pixels)
    return tf.ensure_shape(pixels, (*size, 4))


def _if(condition, change, value):
    return tf.cond(condition, lambda: change(value), lambda: value)


def _size_checks(file, is_png, swap, size):
    """Assertions on a file's header: its pixels are not decoded before."""
    found, components = tf.cond(
        is_png, lambda: _png_header(file), lambda: _jpeg_header(file)
    )
    found = _if(swap, lambda x: x[::-1], found)
    right = tf.reduce_all(found == tf.constant(size))
    rule = f"An image must be {size[0]} x {size[1]}. Received: height, width"
    return [
        tf.debugging.Assert(right, [rule, found]),
        tf.debugging.Assert(
            components != 4,
            ["An image must be grey or RGB. Received: CMYK. Save it as RGB"],
        ),
    ]


def _png_header(file):
    parts = tf.strings.substr(file, 16, 8)
    parts = tf.io.decode_raw(parts, tf.int32, little_endian=False)
    return parts[::-1], tf.constant(0)  # the width comes first


def _jpeg_header(file):
    shape = tf.image.extract_jpeg_shape(file)
    return shape[:2], shape[2]


def _png_pixels(file):
    kind = tf.io.decode_raw(tf.strings.substr(file, 25, 1), tf.uint8)[0]
    has_alpha = tf.logical_or(kind >= _WITH_ALPHA, has_chunk(file, b"tRNS"))
    # Where there is none, TensorFlow would leave some alpha to chance.
    values = tf.cond(
        has_alpha,
        lambda: tf.io.decode_png(file, 4, tf.uint16),
        lambda: _opaque(tf.io.decode_png(file, 3, tf.uint16), 65535),
    )
    values = tf.cast(values, tf.int32)
    # As Pillow: colours lose their lower halves, 16-bit grey is rounded.
    return tf.where(kind == _GREY, arrays.to_8_bits(values), values // 256)


def _jpeg_pixels(file):
    # Pillow's inverse transform; the default is a coarser one.
    image = tf.io.decode_jpeg(file, 3, dct_method="INTEGER_ACCURATE")
    return tf.cast(_opaque(image, 255), tf.int32)


def _opaque(pixels, most):
    return tf.pad(pixels, [(0, 0), (0, 0), (0, 1)], constant_values=most)
