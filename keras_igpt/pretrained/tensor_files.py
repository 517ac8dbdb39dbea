"""Files of tensors that other programs wrote, read one tensor at a time.

Every reader gives a dict of `Tensor` by name: nothing is in memory before it
is asked for, so that a model of gigabytes loads beside little else.
"""

import json
import math
import pathlib
import pickle
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_igpt.atomic_files import replacing

# Names that the safetensors format has for NumPy's types.
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}

# Names in an error, at most; a whole checkpoint would fill the screen.
SHOWN = 8


class Tensor(NamedTuple):
    """A tensor in a file."""

    shape: tuple
    read: Callable[[], np.ndarray]


# === Hugging Face folders ===


def read_folder(folder):
    """The tensors of a Hugging Face folder, of one file or of several.

    Args:
        folder: pathlib.Path. Holds `model.safetensors` or
            `pytorch_model.bin`, or parts of them and their `.index.json`.

    Returns:
        dict of `Tensor`.

    Raises:
        FileNotFoundError: if there is neither.
        ImportError: if there is only the latter, and no PyTorch.
    """
    for name, read in (
        ("model.safetensors", read_safetensors),
        ("pytorch_model.bin", read_torch),
    ):
        index = folder / f"{name}.index.json"
        if (folder / name).exists():
            return read(folder / name)
        if index.exists():
            files = json.loads(index.read_text("utf-8"))["weight_map"].values()
            parts = [read(folder / file) for file in sorted(set(files))]
            return {k: v for part in parts for k, v in part.items()}
    raise FileNotFoundError(
        "`path` must hold model.safetensors or pytorch_model.bin. "
        f"Received: path={folder}, which has neither."
    )


def read_safetensors(path):
    """The tensors of a `.safetensors` file.

    The format: 8 bytes, the length of a JSON header, the header with each
    tensor's type, shape and place, then the tensors.

    Args:
        path: pathlib.Path.

    Returns:
        dict of `Tensor`.

    Raises:
        ValueError: if the file is no such file, or not whole.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise _broken(path, f"a header of {length} bytes")
        try:
            header = json.loads(file.read(length))
        except ValueError:
            raise _broken(path, "a header that is no JSON") from None
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in DTYPES:
            raise _broken(path, f"{name} of type {entry['dtype']}")
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        dtype, shape = _dtype(entry["dtype"]), tuple(entry["shape"])
        whole = end - begin == dtype.itemsize * math.prod(shape)
        if not whole or end > size:
            raise _broken(path, f"{name} at bytes {begin} to {end}")
        tensors[name] = _in_file(path, begin, dtype, shape)
    return tensors


def _dtype(name):
    if name == "BF16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(DTYPES[name]).newbyteorder("<")


def _broken(path, what):
    return ValueError(
        f"`path` must be a whole safetensors file. Received: {path} of "
        f"{path.stat().st_size} bytes, which says it has {what}. "
        "Do download it again."
    )


def _in_file(path, begin, dtype, shape):
    def read():
        # Not mapped: pages that were read would stay in the process.
        size = dtype.itemsize * math.prod(shape)
        array = np.fromfile(path, "uint8", size, offset=begin)
        return array.view(dtype).reshape(shape)

    return Tensor(shape, read)


def read_torch(path):
    """The tensors of a PyTorch file; no program in it is run.

    Args:
        path: pathlib.Path.

    Returns:
        dict of `Tensor`.

    Raises:
        ImportError: if PyTorch is not installed.
        ValueError: if the file holds anything but tensors.
    """
    try:
        import torch
    except ImportError:
        raise ImportError(
            f"PyTorch must be installed to read {path.name}, a format that "
            f"can hold programs. Received: path={path}. Do `pip install "
            "torch`, or get the folder's model.safetensors."
        ) from None
    try:
        state = torch.load(
            path,
            "cpu",
            weights_only=True,
            # Old files are no archives, and cannot be read in parts.
            mmap=zipfile.is_zipfile(path),
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        # PyTorch's own words go on to say how to run the program in it.
        raise ValueError(
            "`path` must be a whole PyTorch file of tensors alone. "
            f"Received: {path}, which holds something else. "
            "Do get the folder's model.safetensors."
        ) from None

    def tensor(value):
        return Tensor(tuple(value.shape), lambda: value.float().numpy())

    return {name: tensor(value) for name, value in state.items()}


# === TensorFlow 1 ===


def read_tensorflow(prefix):
    """The variables of a TensorFlow checkpoint.

    Args:
        prefix: pathlib.Path of the checkpoint, without `.index`.

    Returns:
        dict of `Tensor`.
    """
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))

    def tensor(name, shape):
        return Tensor(tuple(shape), lambda: reader.get_tensor(name))

    shapes = reader.get_variable_to_shape_map()
    return {name: tensor(name, shape) for name, shape in shapes.items()}


# === All of them ===


def check_complete(tensors, expected, path, ignored=lambda name: False):
    """Refuses a checkpoint that does not hold what it should.

    Args:
        tensors: dict of `Tensor`.
        expected: dict of shapes by name.
        path: str, for the error.
        ignored: function of a name: whether it may be there too.

    Raises:
        ValueError: naming what is missing, extra, or of another shape.
    """
    missing = [name for name in expected if name not in tensors]
    extra = [n for n in tensors if n not in expected and not ignored(n)]
    misshaped = [
        f"{name} {tensors[name].shape} (not {tuple(shape)})"
        for name, shape in expected.items()
        if name in tensors and tensors[name].shape != tuple(shape)
    ]
    faults = [
        f"{what}: {_some(names)}"
        for what, names in (
            ("missing", missing),
            ("extra", extra),
            ("of another shape", misshaped),
        )
        if names
    ]
    if faults:
        raise ValueError(
            "The checkpoint must hold the weights of an iGPT. "
            f"Received: {path}, {'; '.join(faults)}. Nothing was loaded."
        )


def _some(names):
    shown = ", ".join(sorted(names)[:SHOWN])
    more = len(names) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def write_safetensors(path, tensors):
    """Writes a `.safetensors` file of float32, one tensor at a time.

    Args:
        path: pathlib.Path. Replaced whole or not at all.
        tensors: dict of `Tensor`.
    """
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        end = offset + 4 * math.prod(tensor.shape)
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header).encode()
    # Tensors begin at multiples of 8 bytes.
    text += b" " * (-len(text) % 8)
    with replacing(pathlib.Path(path)) as temporary:
        with open(temporary, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for tensor in tensors.values():
                array = np.ascontiguousarray(tensor.read(), "<f4")
                file.write(array.data)
