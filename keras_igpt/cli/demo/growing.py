"""Images that are shown while they are generated, until nobody looks."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from keras_igpt.annotations import Array

if TYPE_CHECKING:
    from keras_igpt.models.image_gpt import ImageGPT


class _Stopped(Exception):
    """Nobody looks at what is being generated any more."""


def growing(
    action: Callable[..., tuple[Array, int]], model: "ImageGPT", **values: Any
) -> Iterator[tuple[Array, int | None]]:
    """What an action makes, and what is there of it until then.

    Whoever stops asking stops the action.

    Args:
        action: `generate`, `edit` or `compose`.
        model: what the action takes.
        values: its other arguments.

    Yields:
        Tuples of images, grey where nothing is yet, and None; at last what
        the action returns.
    """
    events, stopped = SimpleQueue(), threading.Event()

    def on_step(done, preview):
        if stopped.is_set():
            raise _Stopped
        events.put((preview(), None))

    def work():
        try:
            events.put(action(model, on_step=on_step, **values))
        except BaseException as error:
            events.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            yield event
            if event[1] is not None:
                return
    finally:
        stopped.set()
