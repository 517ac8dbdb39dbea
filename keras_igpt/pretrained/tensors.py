"""One face for files of tensors, whoever wrote them."""

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from keras_igpt.annotations import Array


class Tensor(NamedTuple):
    """A tensor in a file: its shape, a function that reads it, its type.

    `read()` gives all of it. Those of `open_tensors` also read some rows,
    `read(start, stop)`, along the first axis.
    """

    shape: tuple[int, ...]
    read: Callable[..., Array]
    dtype: str = "float32"


class TensorFile(Mapping[str, Tensor]):
    """Tensors of a file by name, of which none is read before it is asked for.

    A context manager: the file is closed at the end.

    Args:
        tensors: dict of `Tensor` by name.
        close: function to call at the end.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        close: Callable[[], Any] = lambda: None,
    ):
        self._tensors = dict(tensors)
        self._close = close

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self._tensors[name].shape

    def dtype(self, name: str) -> str:
        """The type of a tensor, as `"bfloat16"`."""
        return self._tensors[name].dtype

    def read(self, name: str) -> Array:
        """Reads a tensor: an array of its own type and shape."""
        return self._tensors[name].read()

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
