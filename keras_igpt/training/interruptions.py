"""Ctrl-C and a scheduler's signal, answered between two steps."""

import contextlib
import signal
import threading
from collections.abc import Iterator

import keras

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption(keras.callbacks.Callback):
    """Ends `fit` after the step in which a signal came.

    `received` is that signal's number, or None. A second one has the effect
    that it always has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received = None

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Within, signals are noted; the threads of others take none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {  # None is another library's, which Python cannot set.
            number: signal.getsignal(number) or signal.SIG_DFL
            for number in SIGNALS
        }

        def note(number, frame):
            self.received = number
            for each, handler in before.items():
                signal.signal(each, handler)

        for number in SIGNALS:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Stops `fit`."""
        if self.received is not None:
            self.model.stop_training = True
