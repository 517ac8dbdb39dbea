"""Pickles read without running anything: values, and marks for the rest.

Python's own `pickle` calls what a file names. Here the instructions are
stepped through one by one, and only those are known that make plain values,
look at nothing outside of the file and need no more memory than it is long.
What a file names is looked up among `Mark`s; nothing is imported or called.
"""

import pickletools
import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

# Longest pickle; one of a model with ten thousand tensors has 2 MB.
MAX_BYTES = 8 * 2**20

# Instructions that put their argument, or this value, on the stack.
ARGUMENTS = set(
    "BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT BINUNICODE SHORT_BINUNICODE "
    "BINBYTES SHORT_BINBYTES".split()
)
VALUES = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}

TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Mark(NamedTuple):
    """Stands for something that a pickle names; `made` is what a call gives."""

    made: Callable[..., Any] | None = None
    value: Any = None


class Refused(Exception):
    """A pickle holds more than values; the text names what was met."""


class Inert:
    """Stands for an object of which nothing is kept."""


class Reader:
    """Steps through a pickle.

    Args:
        names: dict of `Mark` by full name, `"module.name"`.
        persistent: function of the tuple that stands for something outside
            of the pickle.
    """

    def __init__(
        self, names: Mapping[str, Mark], persistent: Callable[[Any], Any]
    ):
        self.names = names
        self.persistent = persistent
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def read(self, content: bytes) -> Any:
        """The value of a pickle.

        Raises:
            Refused: if it holds anything else, or is damaged.
        """
        if len(content) > MAX_BYTES:
            raise Refused(f"an index of {len(content)} bytes")
        try:
            for instruction, argument, _ in pickletools.genops(content):
                if instruction.name == "STOP":
                    return self.stack.pop()
                self._step(instruction.name, argument)
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
            struct.error,
        ):
            pass
        raise Refused("a damaged index")

    def _step(self, name, argument):
        if name in ARGUMENTS:
            self.stack.append(argument)
        elif name in VALUES:
            self.stack.append(VALUES[name]())
        elif name in TUPLES:
            self.stack.append(tuple(self._pop(TUPLES[name])))
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("PROTO", "FRAME"):
            pass
        elif name in STEPS:
            STEPS[name](self, argument)
        else:
            raise Refused(f"the pickle instruction {name}")

    def _pop(self, count):
        values = [self.stack.pop() for _ in range(count)]
        return values[::-1]

    def _to_mark(self):
        """All since the last mark."""
        values, self.stack = self.stack, self.marks.pop()
        return values

    def _mark(self, argument):
        self.marks.append(self.stack)
        self.stack = []

    def _memoize(self, argument):
        self.memo[len(self.memo)] = self.stack[-1]

    def _tuple(self, argument):
        values = self._to_mark()
        self.stack.append(tuple(values))

    def _append(self, argument):
        value = self.stack.pop()
        self._extend([value])

    def _appends(self, argument):
        self._extend(self._to_mark())

    def _extend(self, values):
        if type(self.stack[-1]) is not list:
            raise TypeError
        self.stack[-1].extend(values)

    def _set_item(self, argument):
        self._update(self._pop(2))

    def _set_items(self, argument):
        self._update(self._to_mark())

    def _update(self, values):
        target = self.stack[-1]
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Other keys can be nested so deeply that comparing them crashes.
            if not isinstance(key, str | int | float | None):
                raise Refused(f"a dictionary key of type {type(key).__name__}")
            if type(target) is not dict:
                raise TypeError
            target[key] = value

    def _global(self, argument):
        self._name(argument.replace(" ", "."))

    def _stack_global(self, argument):
        self._name(".".join(self._pop(2)))

    def _name(self, name):
        if name not in self.names:
            raise Refused(f"`{name}`")
        self.stack.append(self.names[name])

    def _call(self, argument):
        mark, arguments = self._pop(2)
        if not isinstance(mark, Mark) or not mark.made:
            raise Refused("a call of what is no function")
        self.stack.append(mark.made(*arguments))

    def _build(self, argument):
        self.stack.pop()
        if not isinstance(self.stack[-1], dict | Inert):
            raise Refused("state of what has none")

    def _persistent(self, argument):
        self.stack.append(self.persistent(self.stack.pop()))


STEPS = {
    "MARK": Reader._mark,
    "MEMOIZE": Reader._memoize,
    "TUPLE": Reader._tuple,
    "APPEND": Reader._append,
    "APPENDS": Reader._appends,
    "SETITEM": Reader._set_item,
    "SETITEMS": Reader._set_items,
    "GLOBAL": Reader._global,
    "STACK_GLOBAL": Reader._stack_global,
    "REDUCE": Reader._call,
    "NEWOBJ": Reader._call,
    "BUILD": Reader._build,
    "BINPERSID": Reader._persistent,
}
