"""Files of tensors that other programs wrote, read one tensor at a time.

Every reader gives a dict of `Tensor` by name: nothing is in memory before it
is asked for, so that a model of gigabytes loads beside little else.
"""

import math
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.atomic_files import replacing
from keras_igpt.pretrained.json_objects import json_object

# Types of the safetensors format that NumPy and ml_dtypes have as well.
TYPES = "F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL".split()

# Names in an error, at most; a whole checkpoint would fill the screen.
SHOWN = 8


class Tensor(NamedTuple):
    """A tensor in a file: its shape, and a function that reads it."""

    shape: tuple[int, ...]
    read: Callable[[], Array]


# === Hugging Face folders ===


def read_folder(folder: pathlib.Path) -> dict[str, Tensor]:
    """The tensors of a Hugging Face folder, of one file or of several.

    Args:
        folder: holds `model.safetensors` or `pytorch_model.bin`, or parts of
            them and their `.index.json`.

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
            parts = [read(folder / file) for file in _parts(index)]
            return {k: v for part in parts for k, v in part.items()}
    raise FileNotFoundError(
        "`path` must hold model.safetensors or pytorch_model.bin. "
        f"Received: path={folder}, which has neither."
    )


def _parts(index):
    """Names of the files that an index tells, each beside it."""
    found = json_object(index.read_bytes(), index).get("weight_map")
    files = found.values() if isinstance(found, dict) else [None]
    for file in files:
        if not isinstance(file, str) or pathlib.Path(file).name != file:
            raise ValueError(
                "`weight_map` must name files beside it for its tensors. "
                f"Received: {file!r} in {index}. Download it again."
            )
    return sorted(set(files))


def read_safetensors(path: PathLike) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file.

    Args:
        path: the file's name. It is opened anew for each tensor, and must
            stay until all are read.

    Returns:
        dict of `Tensor`.

    Raises:
        ValueError: if the file is no such file, or not whole.
    """
    import safetensors

    try:
        with _opened(path) as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            types = {name: x.get_dtype() for name, x in slices.items()}
            shapes = {name: x.get_shape() for name, x in slices.items()}
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"`path` must be a whole safetensors file. Received: {path} of "
            f"{pathlib.Path(path).stat().st_size} bytes. {error}. "
            "Download it again."
        ) from None
    unknown = {name: x for name, x in types.items() if x not in TYPES}
    if unknown:
        raise ValueError(
            f"`path` must hold tensors of the types {', '.join(TYPES)}. "
            f"Received: {path} with {_some(unknown)} of type "
            f"{', '.join(sorted(set(unknown.values())))}."
        )
    return {
        name: Tensor(tuple(shape), lambda name=name: _read(path, name))
        for name, shape in shapes.items()
    }


def _opened(path):
    import safetensors

    # Not mapped: pages that were read would count as the process's memory.
    return safetensors.safe_open(path, framework="np", backend="pread")


def _read(path, name):
    import ml_dtypes  # noqa: F401, which gives NumPy its bfloat16

    with _opened(path) as file:
        return file.get_tensor(name)


def write_safetensors(path: PathLike, tensors: Mapping[str, Tensor]) -> None:
    """Writes a `.safetensors` file of float32.

    All tensors are read before the first one is written, so that the file's
    size is needed in memory once, beside the model.

    Args:
        path: the file's name. Replaced whole or not at all.
        tensors: dict of `Tensor`.
    """
    from safetensors.numpy import save_file

    arrays = {
        name: np.asarray(tensor.read(), "float32", order="C")
        for name, tensor in tensors.items()
    }
    with replacing(path) as temporary:
        save_file(arrays, temporary, {"format": "pt"})


def read_torch(path: PathLike) -> dict[str, Tensor]:
    """The tensors of a PyTorch file; no program in it is run.

    Args:
        path: the file's name.

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
            f"PyTorch must be installed to read {path}, a format that can "
            "hold programs. Received: a Python without torch. Call "
            "`pip install torch`, or get the folder's model.safetensors."
        ) from None
    try:
        state = torch.load(
            path,
            "cpu",
            weights_only=True,
            # Old files are no archives, and cannot be read in parts.
            mmap=zipfile.is_zipfile(path),
        )
        names = all(isinstance(name, str) for name in state)
        if not names or not all(map(_is_whole, state.values())):
            raise ValueError("other things than tensors")
    except OSError:
        raise
    # PyTorch's readers raise nearly anything on a damaged file, and its own
    # words go on to say how to run the program in it.
    except Exception:
        raise ValueError(
            "`path` must be a whole PyTorch file of tensors alone. "
            f"Received: {path}, which holds something else. "
            "Get the folder's model.safetensors."
        ) from None

    def tensor(value):
        return Tensor(tuple(value.shape), lambda: value.float().numpy())

    return {name: tensor(value) for name, value in state.items()}


def _is_whole(tensor):
    """Whether a tensor's numbers are all in the file: none is repeated."""
    size = math.prod(tensor.shape) * tensor.element_size()
    return size <= tensor.untyped_storage().nbytes()


# === TensorFlow 1 ===


def read_tensorflow(prefix: PathLike) -> dict[str, Tensor]:
    """The variables of a TensorFlow checkpoint.

    Args:
        prefix: the checkpoint's name, without `.index`.

    Returns:
        dict of `Tensor`.

    Raises:
        ValueError: if it is damaged.
    """
    import tensorflow as tf

    def checked(read, *args):
        try:
            return read(*args)
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            line = (str(error).splitlines() or [""])[0]
            raise ValueError(
                "`path` must be a whole checkpoint of TensorFlow. "
                f"Received: {prefix}, and: {line} Download it again."
            ) from None

    reader = checked(tf.train.load_checkpoint, str(prefix))

    def tensor(name, shape):
        return Tensor(tuple(shape), lambda: checked(reader.get_tensor, name))

    shapes = reader.get_variable_to_shape_map()
    return {name: tensor(name, shape) for name, shape in shapes.items()}


# === All of them ===


def check_complete(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    path: PathLike,
    ignored: Callable[[str], bool] = lambda name: False,
) -> None:
    """Refuses a checkpoint that does not hold what it should.

    Args:
        tensors: dict of `Tensor`.
        expected: dict of shapes by name.
        path: the checkpoint's name, for the error.
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
