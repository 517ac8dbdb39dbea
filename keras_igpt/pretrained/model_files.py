"""`.keras` files of strangers: looked through before they are loaded.

A file can say that it holds more than it does, so that unpacking it or
building what it describes fills all memory. Everything is compared with the
bytes that are really there: sizes of the archive's parts, of tensors in the
weights' file, and of what the configuration says.
"""

import io
import math
import pathlib
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py
import keras

from keras_igpt.argument_checks import checked_image_size, is_whole
from keras_igpt.pretrained.json_objects import json_object

CONFIG, WEIGHTS = "config.json", "model.weights.h5"

# What stands before a part of an archive: 26 bytes, the lengths of its name and
# of what is added, then these.
HEADER = struct.Struct("<26xHH")

# Bytes of a configuration, at most: names of 100,000 classes fit.
MAX_CONFIG = 2**22

# How many times its size in the file a part may have when it is unpacked;
# small ones may have any.
MAX_EXPANSION = 20
SMALL = 2**24

# Beside our own, all that a saved model is made of. Layers of Keras that run
# programs or read other files are not.
MODULES = ("optimizers", "losses", "metrics", "initializers", "dtype_policies")

MODELS = ("keras_igpt>ImageGPT", "keras_igpt>ImageGPTClassifier")


def check_model_file(path: pathlib.Path) -> None:
    """Refuses what is no model, not whole, or larger than it looks.

    Args:
        path: a file that exists.

    Raises:
        ValueError: saying what is wrong with it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive)
            config = json_object(archive.read(CONFIG), CONFIG)
            _check_classes(config)
            with _seekable(archive, WEIGHTS) as file:
                size = _checked_size(file)
        _check_config(config, size)
    except OSError as error:
        # Of the file system, or of the weights' file in the archive.
        if error.filename is not None:
            raise
        raise damaged(path, error) from error
    # A damaged archive makes its readers raise nearly anything.
    except Exception as error:
        raise damaged(path, error) from error


def damaged(path: pathlib.Path, error: Exception) -> ValueError:
    """An error that names a file, and in a line why it cannot be loaded."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ValueError(
        "`path` must be a whole `.keras` file of this package. Received: "
        f"{path}, which is damaged or something else: "
        f"{lines[0][:300].removesuffix('.')}. "
        "Get the file again, or save the model again."
    )


def _check_parts(archive):
    """Checks what an archive says of its parts, before one is read."""
    parts = archive.infolist()
    names = [part.filename for part in parts]
    for name in (CONFIG, WEIGHTS):
        if names.count(name) != 1:
            raise ValueError(
                f"It must hold {name} once. Received: {names.count(name)}."
            )
    for part in parts:
        plain = part.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        if not plain or part.flag_bits & 1:
            raise ValueError(
                "Its parts must be stored or deflated, and not encrypted. "
                f"Received: {part.filename!r}."
            )
        most = max(MAX_EXPANSION * part.compress_size, SMALL)
        if part.filename == CONFIG:
            most = MAX_CONFIG
        if part.file_size > most:
            raise ValueError(
                f"{part.filename!r} must unpack to {most} bytes at most. "
                f"Received: {part.file_size} bytes."
            )
    packed = sum(part.compress_size for part in parts)
    if packed > pathlib.Path(archive.filename).stat().st_size:
        raise ValueError("Its parts must not overlap. Received: ones that do.")


def _seekable(archive, name):
    """A part of an archive, to be read here and there.

    One that `archive.open` opens begins anew to go back: seconds for a small
    file. Keras stores weights plain, and only what is looked at is read.
    """
    part = archive.getinfo(name)
    if part.compress_type != zipfile.ZIP_STORED:
        return io.BytesIO(archive.read(name))
    with open(archive.filename, "rb") as file:
        file.seek(part.header_offset)
        header = file.read(HEADER.size)
    lengths = HEADER.unpack(header)
    start = part.header_offset + HEADER.size + sum(lengths)
    return io.BufferedReader(_Slice(archive.filename, start, part.file_size))


class _Slice(io.RawIOBase):
    """Bytes `start` to `start + size` of a file, to be read."""

    def __init__(self, path, start, size):
        self.file = open(path, "rb", buffering=0)
        self.start, self.size, self.position = start, size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def readinto(self, buffer):
        left = max(0, self.size - self.position)
        self.file.seek(self.start + self.position)
        count = self.file.readinto(memoryview(buffer)[:left])
        self.position += count
        return count

    def close(self):
        self.file.close()
        super().close()


def _objects(value: Any) -> Iterator[dict]:
    """All dicts that a configuration is made of."""
    if isinstance(value, dict):
        yield value
        value = value.values()
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        for part in value:
            yield from _objects(part)


def _check_classes(config):
    """Refuses classes that no saved model of ours has."""
    if config.get("registered_name") not in MODELS:
        raise ValueError(
            "It must hold an ImageGPT or an ImageGPTClassifier. "
            f"Received: {config.get('registered_name')!r}."
        )
    for part in _objects(config):
        if "class_name" not in part:
            continue
        name, module = part.get("registered_name"), str(part.get("module"))
        ours = isinstance(name, str) and (
            keras.saving.get_registered_object(name) is not None
        )
        known = any(module.startswith(f"keras.{m}") for m in MODULES)
        if not ours and not known and module != "keras":
            raise ValueError(
                "It must be made of classes of this package. Received: "
                f"{part['class_name']!r} of {module}. If it is your own, "
                "register it with Keras first."
            )


def _checked_size(weights):
    """The number of elements in a weights' file that are really there."""
    total, seen = 0, set()

    def look(group):
        nonlocal total
        for name in group:
            link = group.get(name, getlink=True)
            part = group[name] if isinstance(link, h5py.HardLink) else None
            if part is not None and part in seen:
                raise ValueError(f"Its weights must be there once: {name!r}")
            seen.add(part)
            if isinstance(part, h5py.Group):
                look(part)
            elif (
                not isinstance(part, h5py.Dataset)
                or part.is_virtual
                or part.external
                or part.chunks
                or part.nbytes > part.id.get_storage_size()
            ):
                raise ValueError(
                    f"Its weights must be stored whole. Received: {name!r}, "
                    "which is not."
                )
            else:
                total += part.size

    with h5py.File(weights) as file:
        look(file)
    return total


def _check_config(config, size):
    """Refuses a model that has more weights than the file."""
    # Of int4 weights two are one element.
    least = _least_weights(config["config"])
    if least > 2 * size:
        raise ValueError(
            f"It must hold the weights of the model in {CONFIG}, more than "
            f"{least:.3g}. Received: {size}."
        )


def _least_weights(config):
    """A number of weights that a model of this configuration exceeds."""
    if "backbone" in config:
        backbone = config["backbone"]["config"]
        classes = _number(config, "num_classes") * _number(
            backbone, "hidden_dim"
        )
        return _least_weights(backbone) + classes
    tokenizer = config["tokenizer"]["config"]
    size = checked_image_size(tokenizer["image_size"], optional=False)
    cells = math.prod(size) // max(_number(tokenizer, "cell_size"), 1) ** 2
    codes = _number(tokenizer, "codebook_size", "num_colors")
    channels = _number(tokenizer, "hidden_dim")
    width = _number(config, "hidden_dim")
    inner = max(_number(config, "inner_dim"), width)
    names = ("num_classes", "text_length")
    cells *= bool(config.get("cell_embedding", True))
    rows = cells + 2 * codes + sum(_number(config, name) for name in names)
    blocks = _number(config, "num_layers") * width * (2 * inner + 4 * width)
    code_dim = 1
    if tokenizer.get("quantizer", "fsq") == "vq":
        code_dim = max(_number(tokenizer, "code_dim"), 1)
    codes *= code_dim if channels and code_dim > 1 else 0
    return rows * width + blocks + codes + channels * (channels + code_dim)


def _number(config, *names):
    """A size in a configuration; 0 if it says none."""
    value = next((config[name] for name in names if config.get(name)), 0)
    if not is_whole(value) or value < 0:
        raise ValueError(
            f"`{names[0]}` must be 0 or a positive int. "
            f"Received: {names[0]}={value!r}."
        )
    return value
