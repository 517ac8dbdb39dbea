"""Tests of image files that a graph reads: beside those of Python."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_igpt.cli import edit_inputs
from keras_igpt.cli.demo import actions
from keras_igpt.data import read_image
from keras_igpt.images import arrays, files, read_mask
from keras_igpt.serving import image_bytes

# Pillow's word on rubbish that it goes on without.
pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF data")

SIZE = (6, 8)

GENERATOR = np.random.default_rng(3)


def noise(*channels, dtype="uint8", size=SIZE):
    most = np.iinfo(dtype).max + 1
    return GENERATOR.integers(0, most, (*size, *channels), dtype=dtype)


def rows_of(count):
    return noise(size=(SIZE[0], count))


def saved(pixels, name, mode=None, **options):
    image = pixels if hasattr(pixels, "save") else Image.fromarray(pixels)
    image = image.convert(mode) if mode else image
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def chunk(kind, data):
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png(depth, color_type, values, clear=b"", before=b"", after=b""):
    """A PNG file of packed rows, with a transparent colour if one is given."""
    rows = b"".join(b"\0" + bytes(row) for row in values)
    head = struct.pack(">IIBBBBB", SIZE[1], SIZE[0], depth, color_type, 0, 0, 0)
    clear = chunk(b"tRNS", clear) if clear else b""
    parts = [chunk(b"IHDR", head), before, clear]
    parts += [chunk(b"IDAT", zlib.compress(rows)), after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def exif(orientation, order="<", kind=3):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(
        order + {3: "HH", 4: "I"}[kind],
        *((orientation, 0) if kind == 3 else (orientation,)),
    )
    entry = struct.pack(order + "HHI", 0x0112, kind, 1) + value
    software = struct.pack(order + "HHI", 0x0131, 2, 3) + b"me\0\0"
    count = struct.pack(order + "H", 2)
    head = mark + struct.pack(order + "I", 8)
    return head + count + entry + software + b"\0\0\0\0"


BYTES = rows_of(8)
RGB_ROWS = rows_of(24)
DEEP_ROWS = rows_of(16)
PALETTE = chunk(b"PLTE", bytes(range(0, 240, 5)))

FORMATS = {
    "png": saved(noise(3), "PNG"),
    "png, grey": saved(noise(), "PNG"),
    "png, transparent": saved(noise(4), "PNG"),
    "png, grey and transparent": saved(noise(2), "PNG"),
    "png, black and white": saved(noise(), "PNG", mode="1"),
    "png, palette": saved(noise(3), "PNG", mode="P"),
    "png, 4 bits of palette": png(4, 3, BYTES[:, :4], before=PALETTE),
    "png, palette and transparent": png(
        4, 3, BYTES[:, :4], bytes([0, 90, 255, 7]), PALETTE
    ),
    "png, 16 bits": saved(noise(dtype="uint16"), "PNG"),
    "png, 16 bits of colour": png(16, 2, rows_of(48)),
    "png, 16 bits, transparent": png(16, 6, rows_of(64)),
    "png, 2 bits": png(2, 0, BYTES[:, :2]),
    "png, clear grey": png(8, 0, BYTES, b"\0" + bytes(BYTES[0, :1])),
    "png, clear 1 bit": png(1, 0, BYTES[:, :1], b"\0\1"),
    "png, clear 2 bits": png(2, 0, BYTES[:, :2], b"\0\3"),
    "png, clear 4 bits": png(4, 0, BYTES[:, :4], b"\0\x0b"),
    "png, clear 16 bits": png(16, 0, DEEP_ROWS, bytes(DEEP_ROWS[0, :2])),
    "png, clear colour": png(
        8, 2, RGB_ROWS, b"".join(bytes([0, x]) for x in RGB_ROWS[0, :3])
    ),
    "png, broken exif": saved(noise(3), "PNG", exif=b"Exif\0\0no tiff here"),
    "png, late exif": png(
        8, 2, RGB_ROWS, after=chunk(b"eXIf", exif(3, ">", 4))
    ),
    "jpeg": saved(noise(3), "JPEG", quality=95),
    "jpeg, rough": saved(noise(3), "JPEG", quality=20, subsampling=2),
    "jpeg, grey": saved(noise(), "JPEG"),
    "jpeg, progressive": saved(noise(3), "JPEG", progressive=True),
    "jpeg, broken exif": saved(noise(3), "JPEG", exif=b"Exif\0\0II*\0rubbish"),
    "jpeg, absurd exif": saved(noise(3), "JPEG", exif=b"Exif\0\0" + exif(77)),
}

for number in range(1, 9):
    lying = noise(3, size=SIZE[::-1] if number > 4 else SIZE)
    order, kind = "<>"[number % 2], 3 + number // 2 % 2
    block = exif(number, order, kind)
    FORMATS[f"jpeg, turned {number}"] = saved(
        lying, "JPEG", exif=b"Exif\0\0" + block
    )
    FORMATS[f"png, turned {number}"] = saved(lying, "PNG", exif=block)


@pytest.fixture(scope="module")
def graphs():
    shapes = {channels: (*SIZE, channels) for channels in (1, 3)}
    spec = [tf.TensorSpec((None,), tf.string)]
    read = {
        channels: tf.function(
            lambda x, shape=shape: image_bytes.decoded(x, shape), spec
        )
        for channels, shape in shapes.items()
    }
    masks = tf.function(lambda x: image_bytes.decoded_masks(x, SIZE), spec)
    return {**read, "mask": masks}


@pytest.fixture
def file(tmp_path):
    def write(data):
        path = tmp_path / "image"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FORMATS)
def test_four_ways_read_the_same_pixels(name, channels, file, graphs):
    path = file(FORMATS[name])
    wanted = arrays.set_channels(files.read(path), channels)
    assert wanted.shape == (*SIZE, channels)
    ways = {
        "Python": read_image(path, SIZE, channels),
        "command": edit_inputs.read_image(path, channels),
        "demo": arrays.set_channels(actions.open_image(path), channels),
        "served": graphs[channels]([FORMATS[name]])[0].numpy(),
    }
    for way, found in ways.items():
        np.testing.assert_array_equal(found, wanted, err_msg=way)


@pytest.mark.parametrize("name", FORMATS)
def test_masks_are_read_alike(name, file, graphs):
    path = file(FORMATS[name])
    wanted = read_mask(path)
    assert wanted.shape == SIZE and wanted.dtype == bool
    found = edit_inputs.read_mask(path, "a.png", SIZE)
    np.testing.assert_array_equal(found, wanted)
    found = graphs["mask"]([FORMATS[name]])[0].numpy()
    np.testing.assert_array_equal(found, wanted)


def test_turned_images_are_those_that_viewers_show(file):
    pixels = np.zeros((*SIZE, 3), "uint8")
    pixels[0, 1:] = 255
    for number in range(1, 9):
        image = Image.fromarray(pixels)
        back = {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }
        if number in back:
            image = image.transpose(back[number])
        path = file(saved(image, "PNG", exif=exif(number)))
        np.testing.assert_array_equal(files.read(path), pixels)


@pytest.mark.parametrize("color", [(255, 255, 255), (255, 0, 0), (0, 0, 0)])
def test_strokes_on_a_transparent_layer_are_a_mask(color, file, graphs):
    layer = np.zeros((*SIZE, 4), "uint8")
    layer[1:3, 2:5] = (*color, 255)
    data = saved(layer, "PNG")
    np.testing.assert_array_equal(read_mask(file(data)), layer[..., 3] > 0)
    served = graphs["mask"]([data])[0].numpy()
    np.testing.assert_array_equal(served, layer[..., 3] > 0)


def test_black_beside_white_on_a_layer_is_kept(file):
    layer = np.zeros((*SIZE, 2), "uint8")
    layer[1], layer[2] = (255, 255), (0, 255)
    mask = read_mask(file(saved(layer, "PNG")))
    assert mask[1].all() and mask.sum() == SIZE[1]


def test_faint_white_is_kept(file):
    layer = np.full((*SIZE, 4), 255, "uint8")
    layer[..., 3] = 100
    assert not read_mask(file(saved(layer, "PNG"))).any()


def test_a_grey_mask_is_one_from_128(file):
    pixels = np.full(SIZE, 127, "uint8")
    pixels[3, 4] = 128
    mask = read_mask(file(saved(pixels, "PNG")))
    assert mask[3, 4] and mask.sum() == 1


def test_served_cmyk_is_refused_in_words(graphs):
    data = saved(Image.fromarray(noise(4), "CMYK"), "JPEG")
    with pytest.raises(tf.errors.InvalidArgumentError, match="Save it as RGB"):
        graphs[3]([data])


@pytest.mark.parametrize("name", ["png, palette", "jpeg, turned 6"])
def test_cut_files_are_errors(name, graphs):
    data = FORMATS[name]
    for end in range(0, len(data) - 40, 7):
        with pytest.raises(tf.errors.InvalidArgumentError):
            graphs[3]([data[:end]])


def test_a_turned_image_of_another_size_is_refused(graphs):
    data = saved(noise(3), "PNG", exif=exif(6))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be 6 x 8"):
        graphs[3]([data])
