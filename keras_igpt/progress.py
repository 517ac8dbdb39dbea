"""How far long work has come, and how long it will take, on one line.

    with progress.bar("generating", total=1000) as advance:
        for chunk in chunks:
            ...
            advance(len(chunk))

Work that is done soon shows nothing. Where there is no terminal, nor a notebook
with ipywidgets, a plain line is written to standard error once a minute.
"""

import contextlib
import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# Seconds of work before anything is shown, and between plain lines.
PATIENCE = 3.0

PAUSE = 60.0


class _Turn:
    """Whose line is shown: two at once would overwrite each other."""

    def __init__(self):
        self.owner = None
        self.lock = threading.Lock()

    def ask(self, bar):
        """Whether a bar may show its line: the first one that asks."""
        with self.lock:
            self.owner = self.owner or bar
            return self.owner is bar

    def give(self, bar):
        """Lets a bar show its line; returns the one that did so far."""
        with self.lock:
            before, self.owner = self.owner, bar
            return before

    def end(self, bar):
        """Lets another bar be the next one."""
        with self.lock:
            if self.owner is bar:
                self.owner = None


_turn = _Turn()


class Bar:
    """A line with the share that is done, the time left and a few words.

    Args:
        what: str, what is being done.
        total: number that `advance` counts to.
        console: a `rich.console.Console`, or None for the standard one.
        patience: float, seconds of work before it is shown.
        start: number, what was done before.
    """

    def __init__(
        self,
        what: str,
        total: float = 1.0,
        console: "Console | None" = None,
        patience: float = 0.0,
        start: float = 0,
    ):
        self.what = what
        self.total = total
        self.console = console
        self.patience = patience
        self.start = self.done = start
        self.words = ""
        self.begin = self.printed = time.monotonic()
        self._line = None
        self._is_open = self._ended = False
        self._lock = threading.Lock()

    @property
    def time_left(self) -> str:
        """What is left at the mean pace so far, as "0:01:30"."""
        done, seconds = self.done - self.start, time.monotonic() - self.begin
        if done <= 0:
            return "-:--:--"
        left = round(max(self.total - self.done, 0) / done * seconds)
        return f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"

    def advance(self, amount: float = 1, words: str = "") -> None:
        """Counts on; from any thread."""
        with self._lock:
            self._show(self.done + amount, words)

    def update(self, done: float, words: str = "") -> None:
        """Says how much is done by now.

        Args:
            done: number, up to `total`.
            words: str, shown behind the time.
        """
        with self._lock:
            self._show(done, words)

    def close(self) -> None:
        """Ends the line; also when an error or Ctrl-C ended the work."""
        with self._lock:
            self._ended = True
            self._hide()
        _turn.end(self)

    def take_turn(self) -> None:
        """Shows this line in place of another one, which may be of no use.

        An error may have ended the work of that other one. If it has not,
        its line comes back at its first step after this one is closed.
        """
        before = _turn.give(self)
        if before not in (None, self):
            with before._lock:
                before._hide()

    def _hide(self):
        if self._line:
            self._line.stop()
        self._line, self._is_open = None, False

    def _show(self, done, words):
        self.done, self.words = done, words
        if self._ended or time.monotonic() - self.begin < self.patience:
            return
        if not _turn.ask(self):
            return
        if not self._is_open:
            self._open()
        if self._line:
            done = min(self.done, self.total)
            self._line.update(self._task, completed=done, words=self.words)
        elif time.monotonic() - self.printed >= PAUSE:
            self.printed = time.monotonic()
            print(
                f"{self.what} {min(self.done / self.total, 1):.0%}, "
                f"left {self.time_left}  {self.words}",
                file=sys.stderr,
                flush=True,
            )

    def _open(self):
        """Begins the line, where there is something to draw it on."""
        from rich import console, progress

        self._is_open = True
        screen = self.console or console.Console()
        # In a notebook a line can be redrawn by a widget only.
        has_widgets = importlib.util.find_spec("ipywidgets") is not None
        if not (screen.is_jupyter and has_widgets or screen.is_terminal):
            return
        self._line = progress.Progress(
            progress.TextColumn(self.what),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeElapsedColumn(),
            # Rich's own estimate looks back for half a minute only.
            progress.TextColumn("left {task.fields[bar].time_left}"),
            progress.TextColumn("{task.fields[words]}"),
            console=screen,
        )
        self._task = self._line.add_task(
            "", total=self.total, bar=self, words=""
        )
        self._line.start()


@contextlib.contextmanager
def bar(
    what: str, total: float | None, patience: float = PATIENCE
) -> Iterator[Callable]:
    """Shows progress of what is done inside, if it takes a while.

    Args:
        what: str, what is being done.
        total: number of steps; None if that is not known, and nothing is
            shown then.
        patience: float, seconds of work before it is shown.

    Yields:
        Function to be called with the number of steps just done.
    """
    if not total:
        yield lambda amount=1, words="": None
        return
    line = Bar(what, total, patience=patience)
    try:
        yield line.advance
    finally:
        line.close()


def steps(
    what: str, items: Iterable, total: int | None = None
) -> Iterator[Any]:
    """Iterates with a bar.

    Args:
        what: str, what is being done.
        items: iterable.
        total: int, how many there are; if None, as `len` says.

    Yields:
        The items.
    """
    with bar(what, len(items) if total is None else total) as advance:
        for item in items:
            yield item
            advance()
