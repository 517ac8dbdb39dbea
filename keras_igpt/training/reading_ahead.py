"""Batches that are read in threads before they are asked for."""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

# Batches that wait, and threads that read them.
AHEAD = 3
THREADS = 2


class ReadingAhead:
    """Reads the next batches while one is learned from.

    What is read does not depend on when: it is a function of its number.

    Args:
        read: function of a batch's number to the batch.
    """

    def __init__(self, read: Callable[[int], Any]) -> None:
        self.read = read
        self._waiting = {}
        self._lock = threading.Lock()
        self._threads = concurrent.futures.ThreadPoolExecutor(
            THREADS, "batches"
        )

    def get(self, number: int, end: int) -> Any:
        """A batch; those after it, up to `end`, begin to be read.

        Args:
            number: int, the batch's.
            end: int, the number behind the last batch.

        Raises:
            Whatever `read` raised.
        """
        wanted = range(number, min(number + 1 + AHEAD, max(end, number + 1)))
        with self._lock:
            for other in set(self._waiting) - set(wanted):
                self._waiting.pop(other).cancel()
            for other in wanted:
                if other not in self._waiting:
                    future = self._threads.submit(self.read, other)
                    self._waiting[other] = future
            found = self._waiting.pop(number)
        return found.result()

    def forget(self) -> None:
        """Drops what was read: the numbers mean other batches from now on."""
        with self._lock:
            for future in self._waiting.values():
                future.cancel()
            self._waiting = {}
