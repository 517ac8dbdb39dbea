"""Files of tensors that other programs wrote, read one tensor at a time.

Every reader gives a dict of `Tensor` by name: nothing is in memory before it
is asked for, so that a model of gigabytes loads beside little else.
"""

import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import checked_path
from keras_igpt.atomic_files import replacing
from keras_igpt.pretrained.json_objects import json_object
from keras_igpt.pretrained.tensors import Tensor, TensorFile
from keras_igpt.pretrained.torch_files import TorchFile, read_torch

# Types of the safetensors format that NumPy and ml_dtypes have as well.
NUMPY_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    **{f"I{bits}": f"int{bits}" for bits in (64, 32, 16, 8)},
    **{f"U{bits}": f"uint{bits}" for bits in (64, 32, 16, 8)},
    "BOOL": "bool",
}

# Names in an error, at most; a whole checkpoint would fill the screen.
SHOWN = 8


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
        ValueError: if a file is not whole, or holds more than tensors.
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
    unknown = {name: x for name, x in types.items() if x not in NUMPY_TYPES}
    if unknown:
        raise ValueError(
            f"`path` must hold tensors of the types {', '.join(NUMPY_TYPES)}. "
            f"Received: {path} with {_some(unknown)} of type "
            f"{', '.join(sorted(set(unknown.values())))}."
        )
    return {
        name: Tensor(
            tuple(shape),
            lambda *rows, name=name: _read(path, name, *rows),
            NUMPY_TYPES[types[name]],
        )
        for name, shape in shapes.items()
    }


def _opened(path):
    import safetensors

    # Not mapped: pages that were read would count as the process's memory.
    return safetensors.safe_open(path, framework="np", backend="pread")


def _read(path, name, start=0, stop=None):
    import ml_dtypes  # noqa: F401, which gives NumPy its bfloat16

    if stop is None:
        with _opened(path) as file:
            return file.get_tensor(name)
    import safetensors

    # Mapped for so long: else all of it would be read for some rows.
    with safetensors.safe_open(path, framework="np") as file:
        return file.get_slice(name)[start:stop]


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


def open_tensors(path: PathLike) -> TensorFile:
    """Opens a `.safetensors` file or one of PyTorch's, whatever its name.

    Args:
        path: the file's name. It must stay until all tensors are read.

    Returns:
        A `TensorFile`: `with open_tensors(path) as file: file.read(name)`.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is neither, not whole, or holds anything but
            plain values and tensors; or if the name is none.
    """
    path = checked_path(path)
    if path.suffix == ".safetensors" and path.is_file():
        return TensorFile(read_safetensors(path))
    return TorchFile(path)


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
    what: str = "an iGPT",
) -> None:
    """Refuses a checkpoint that does not hold what it should.

    Args:
        tensors: dict of `Tensor`.
        expected: dict of shapes by name.
        path: the checkpoint's name, for the error.
        ignored: function of a name: whether it may be there too.
        what: str. Whose weights it should hold, for the error.

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
        f"{fault}: {_some(names)}"
        for fault, names in (
            ("missing", missing),
            ("extra", extra),
            ("of another shape", misshaped),
        )
        if names
    ]
    if faults:
        raise ValueError(
            f"The checkpoint must hold the weights of {what}. "
            f"Received: {path}, {'; '.join(faults)}. Nothing was loaded."
        )


def _some(names):
    shown = ", ".join(sorted(names)[:SHOWN])
    more = len(names) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
