"""PyTorch's files read without PyTorch, and without running anything.

A file is a zip archive: one pickle says which tensors there are, and the
numbers lie beside it as they are in memory. No instruction of the pickle can
call anything (see `inert_pickle`), and what it declares is checked against
the file's own size before memory is asked for.
"""

import math
import pathlib
import zipfile
from typing import Any, NamedTuple

import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.pretrained.inert_pickle import Inert, Mark, Reader, Refused
from keras_igpt.pretrained.tensors import Tensor, TensorFile

TYPES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}

# Where files keep the weights, beside other things; the first of them counts.
WEIGHTS = ("model", "module", "state_dict")

# How many times the file's size all tensors may have together, for those that
# share or repeat numbers; small files may have this many bytes besides.
SHARED, SPARE = 4, 2**20

# NumPy allows no more.
MAX_AXES = 32

# How the files of PyTorch before 1.6 begin.
OLD = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."


class TorchFile(TensorFile):
    """Tensors of a `.pt`, `.pth` or `.bin` file, read one at a time.

    Those under `"model"`, else `"module"`, else `"state_dict"`, else those at
    the top. What else there is, such as an optimizer, is left aside.

    Args:
        path: the file's name.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no such file, not whole, or holds anything but
            plain values and tensors. The error names what was met.

    Example:

    >>> with TorchFile("model.pt") as file:
    ...     weights = {name: file.read(name) for name in file}
    """

    def __init__(self, path: PathLike):
        self.path = pathlib.Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(
                f"`path` must be a PyTorch file. Received: path={path}, "
                "which is no file."
            )
        try:
            self._archive = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, ValueError, OSError):
            raise self._error(self._what_else()) from None
        try:
            found = self._tensors_of(self._index())
        except (Refused, zipfile.BadZipFile, EOFError, OSError) as error:
            self._archive.close()
            raise self._error(error) from None
        super().__init__(found, self._archive.close)

    def _error(self, met):
        return ValueError(
            "`path` must be a whole PyTorch file of tensors and plain values "
            f"alone. Received: {self.path}, which holds {met}. Nothing was "
            "run or loaded. Save the weights alone, or download it again."
        )

    def _what_else(self):
        with open(self.path, "rb") as file:
            start = file.read(len(OLD))
        if start == OLD:
            return (
                "the format from before PyTorch 1.6 (save it again with a "
                "newer one)"
            )
        if start.startswith(b"PK"):
            return "only a part of an archive"
        return "no archive of PyTorch's"

    # === What the file says that it holds ===

    def _index(self):
        """The value of the pickle, tensors as `_View`s."""
        entries = self._archive.infolist()
        size = self.path.stat().st_size
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise Refused(f"the compressed entry {entry.filename!r}")
            if entry.file_size > size or entry.file_size != entry.compress_size:
                raise Refused(
                    f"{entry.filename!r}, declared as {entry.file_size} bytes "
                    f"in a file of {size}"
                )
        self._entries = {entry.filename: entry for entry in entries}
        names = [n for n in self._entries if n.endswith("/data.pkl")]
        if len(names) != 1 or len(self._entries) != len(entries):
            raise Refused(f"{len(names)} entries called data.pkl")
        self._root = names[0].removesuffix("data.pkl")
        order = self._entries.get(f"{self._root}byteorder")
        if order and self._bytes(order, 0, min(order.file_size, 16)) != (
            b"little"
        ):
            raise Refused("numbers in another byte order")
        index = self._entries[names[0]]
        reader = Reader(NAMES, self._storage)
        return reader.read(self._bytes(index, 0, index.file_size))

    def _storage(self, value):
        """A `_Storage` of what the pickle says of one."""
        if not isinstance(value, tuple) or len(value) != 5:
            raise Refused("a reference to what is no storage")
        what, mark, key, _, count = value
        dtype = mark.value if isinstance(mark, Mark) else None
        if what != "storage" or not dtype or not _is_size(count):
            raise Refused("a reference to what is no storage")
        entry = self._entries.get(f"{self._root}data/{key}")
        if entry is None:
            raise Refused(f"no numbers called {str(key)[:40]!r}")
        if count * _dtype(dtype).itemsize != entry.file_size:
            raise Refused(
                f"{count} numbers of type {dtype} in {entry.file_size} bytes"
            )
        return _Storage(entry, dtype, count)

    def _tensors_of(self, value):
        """dict of `Tensor`, once their sizes are found to be possible."""
        if not isinstance(value, dict):
            raise Refused(f"a {type(value).__name__} in place of a dictionary")
        for name in WEIGHTS:
            if isinstance(value.get(name), dict):
                value = value[name]
                break
        views = {k: v for k, v in value.items() if isinstance(v, _View)}
        if not views:
            raise Refused("no tensors by name")
        total = sum(view.room() for view in views.values())
        if total > SHARED * self.path.stat().st_size + SPARE:
            raise Refused(f"tensors declared as {total} bytes")
        return {
            str(name): Tensor(
                view.size,
                lambda *rows, view=view: self._read(view.rows(*rows)),
                view.storage.dtype,
            )
            for name, view in views.items()
        }

    # === Numbers ===

    def _read(self, view):
        dtype = _dtype(view.storage.dtype)
        if 0 in view.size:
            return np.zeros(view.size, dtype)
        start = view.offset * dtype.itemsize
        length = (view.last() + 1 - view.offset) * dtype.itemsize
        try:
            content = self._bytes(view.storage.entry, start, length)
        except (Refused, zipfile.BadZipFile, EOFError, OSError) as error:
            raise self._error(error) from None
        strides = [step * dtype.itemsize for step in view.strides]
        array = np.ndarray(view.size, dtype, content, strides=strides)
        return np.ascontiguousarray(array).reshape(view.size)

    def _bytes(self, entry, start, length) -> bytes:
        with self._archive.open(entry) as file:
            file.seek(start)
            content = file.read(length)
        if len(content) != length:
            raise Refused(f"only a part of {entry.filename!r}")
        return content


class _Storage(NamedTuple):
    """Numbers that lie in an entry of the archive."""

    entry: zipfile.ZipInfo
    dtype: str
    count: int


class _View(NamedTuple):
    """A tensor: which of a storage's numbers, in which order."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    strides: tuple[int, ...]

    def room(self) -> int:
        """Bytes that it needs when read; of an empty one, its other axes'."""
        count = math.prod(max(1, length) for length in self.size)
        return count * _dtype(self.storage.dtype).itemsize

    def rows(self, start: int = 0, stop: int | None = None) -> "_View":
        """The part from `start` to before `stop` along the first axis."""
        if stop is None:
            return self
        return self._replace(
            offset=self.offset + start * self.strides[0],
            size=(stop - start, *self.size[1:]),
        )

    def last(self) -> int:
        """The place of the last number, if there is any."""
        pairs = zip(self.size, self.strides, strict=True)
        return self.offset + sum((n - 1) * step for n, step in pairs)


def _tensor(storage, offset, size, strides, *_):
    """A `_View`, checked against its storage."""
    if not isinstance(storage, _Storage) or len(size) != len(strides):
        raise Refused("a tensor of what is no storage")
    if not all(_is_size(x) for x in (offset, *size, *strides)):
        raise Refused("a tensor of sizes that are no whole numbers")
    if len(size) > MAX_AXES:
        raise Refused(f"a tensor of {len(size)} axes")
    view = _View(storage, offset, tuple(size), tuple(strides))
    if 0 not in size and view.last() >= storage.count:
        raise Refused(
            f"a tensor of shape {view.size} that reaches beyond its "
            f"{storage.count} numbers"
        )
    return view


def _parameter(view, *_):
    if not isinstance(view, _View):
        raise Refused("a parameter that is no tensor")
    return view


def _dictionary() -> dict[str, Any]:
    return {}


def _is_size(value):
    return type(value) is int and 0 <= value < 2**62


def _dtype(name) -> np.dtype:
    import ml_dtypes  # noqa: F401, which gives NumPy its bfloat16

    return np.dtype(name)


# All that a file may name. `Namespace` is what training programs keep their
# arguments in: it is left aside as the optimizer is.
NAMES = {
    "collections.OrderedDict": Mark(_dictionary),
    "torch._utils._rebuild_tensor_v2": Mark(_tensor),
    "torch._utils._rebuild_parameter": Mark(_parameter),
    "argparse.Namespace": Mark(Inert),
    **{f"torch.{k}Storage": Mark(value=v) for k, v in TYPES.items()},
}


def read_torch(path: PathLike) -> dict[str, Tensor]:
    """The tensors of a PyTorch file; it stays open while they are in use.

    Args:
        path: the file's name.

    Returns:
        dict of `Tensor`.

    Raises:
        ValueError: as `TorchFile`.
    """
    return dict(TorchFile(path))
