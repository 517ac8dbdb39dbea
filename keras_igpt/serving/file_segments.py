"""What an image's file says beside its pixels, found inside a graph.

Positions are int64 scalars, bytes a uint8 vector with zeros behind its end.
"""

import functools

import tensorflow as tf

# Segments of a file that are looked through.
MAX_SEGMENTS = 4096

_EXIF = b"Exif\x00\x00"

_PADDING = 16


def orientation_of(file: tf.Tensor, is_png: tf.Tensor) -> tf.Tensor:
    """EXIF's orientation of a PNG or JPEG file.

    Args:
        file: string scalar.
        is_png: bool scalar.

    Returns:
        int32 scalar from 1 to 8; 1 if the file does not say, or says rubbish.
    """
    begin, end = tf.cond(
        is_png,
        lambda: _find_chunk(file, b"eXIf"),
        lambda: _find(file, _jpeg_segment, 2),
    )
    begin = tf.minimum(begin, end)
    length = tf.cast(end - begin, tf.int32)
    block = tf.strings.substr(file, tf.cast(begin, tf.int32), length)
    has_mark = tf.strings.substr(block, 0, len(_EXIF)) == _EXIF
    block = tf.cond(
        has_mark,
        lambda: tf.strings.substr(block, len(_EXIF), length),
        lambda: block,
    )
    return _of_tiff(block)


def has_chunk(file: tf.Tensor, name: bytes) -> tf.Tensor:
    """Whether a PNG file, a string scalar, has a chunk: bool scalar."""
    return _find_chunk(file, name)[1] > 0


def _find_chunk(file, name):
    return _find(file, functools.partial(_png_segment, name), 8)


def _find(file, segment, first):
    """Where what is looked for begins and ends; 0 and 0 if it is not there.

    Args:
        file: string scalar.
        segment: function of bytes and a position that returns where the
            segment's data and the next segment begin, whether it is the one
            that is looked for, and whether it is the last one.
        first: int. Where the first segment begins.
    """
    data, size = _bytes(file)

    def step(at, begin, end):
        inner, after, is_found, is_last = segment(data, at)
        begin = tf.where(is_found, inner, begin)
        end = tf.where(is_found, tf.minimum(after, size), end)
        return tf.where(is_found | is_last, size, after), begin, end

    zero = tf.constant(0, tf.int64)
    _, begin, end = tf.while_loop(
        lambda at, begin, end: at + 4 <= size,
        step,
        (tf.constant(first, tf.int64), zero, zero),
        maximum_iterations=MAX_SEGMENTS,
    )
    return begin, end


def _png_segment(name, data, at):
    length, kind = _number(data, at, 4), data[at + 4 : at + 8]
    # The block has the check sum at its end: nothing points there.
    return at + 8, at + 12 + length, _equal(kind, name), _equal(kind, b"IEND")


def _jpeg_segment(data, at):
    marker, length = data[at + 1], _number(data, at + 2, 2)
    is_exif = (marker == 0xE1) & _equal(data[at + 4 : at + 10], _EXIF)
    is_last = (data[at] != 0xFF) | (marker == 0xDA) | (marker == 0xD9)
    after = at + 2 + tf.maximum(length, 2)
    after = tf.where((marker >= 0xD0) & (marker <= 0xD8), at + 2, after)
    after = tf.where(marker == 0xFF, at + 1, after)
    return at + 4, after, is_exif, is_last


def _of_tiff(block):
    """The orientation that a TIFF block's first directory says."""
    data, size = _bytes(block)
    is_big, is_little = _equal(data[:2], b"MM"), _equal(data[:2], b"II")
    is_tiff = _equal(data[2:4], b"\0*") | _equal(data[2:4], b"*\0")
    is_tiff = (is_big | is_little) & is_tiff

    def number(values):
        values = tf.cond(is_big, lambda: values, lambda: values[..., ::-1])
        return _big_endian(values)

    begin = tf.minimum(number(data[4:8]), size)
    count = tf.minimum(
        number(data[begin : begin + 2]), (size - begin - 2) // 12
    )
    count = tf.where(is_tiff, tf.maximum(count, 0), 0)
    places = begin + 2 + 12 * tf.range(count)[:, None]
    entries = tf.gather(data, places + tf.range(12, dtype=tf.int64))
    kind = number(entries[:, 2:4])
    value = tf.where(
        kind == 3, number(entries[:, 8:10]), number(entries[:, 8:12])
    )
    right = (number(entries[:, :2]) == 0x0112) & (number(entries[:, 4:8]) == 1)
    right &= ((kind == 3) | (kind == 4)) & (value >= 1) & (value <= 8)
    found = tf.concat([[1], tf.cast(value[right], tf.int32)], axis=0)
    return found[-1]


def _bytes(file):
    data = tf.io.decode_raw(file, tf.uint8)
    data = tf.ensure_shape(data, (None,))
    size = tf.size(data, tf.int64)
    return tf.pad(data, [(0, _PADDING)]), size


def _number(data, at, count):
    return _big_endian(data[at : at + count])


def _big_endian(values):
    """int64 `(…)` of bytes `(…, n)`."""
    count = values.shape[-1]
    if count is None:
        count = tf.shape(values, tf.int64)[-1]
    powers = tf.range(count, dtype=tf.int64)[::-1]
    factors = tf.bitwise.left_shift(tf.ones_like(powers), 8 * powers)
    return tf.reduce_sum(tf.cast(values, tf.int64) * factors, axis=-1)


def _equal(values, wanted):
    wanted = tf.constant(list(wanted), tf.uint8)
    return tf.reduce_all(tf.equal(values, wanted))
