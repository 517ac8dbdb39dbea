"""Functions that gradio calls with the values of fields, in their order."""

import contextlib
import functools
import html
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from keras_igpt.cli.demo import texts


def answer(
    action: Callable[..., Any], fields: Iterable[str]
) -> Callable[..., Any]:
    """A function of the fields' values; mistakes become sentences.

    Args:
        action: function of keyword arguments.
        fields: their names, in the order in which values come.
    """

    @functools.wraps(action)
    def call(*values):
        with said():
            return action(**_named(fields, values))

    # Gradio would look for as many parameters as the action has.
    del call.__wrapped__
    return call


def answer_growing(
    action: Callable[..., Iterator[Any]], fields: Iterable[str]
) -> Callable[..., Iterator[Any]]:
    """As `answer`, for an action that yields what grows."""

    def call(*values):
        with said():
            yield from action(**_named(fields, values))

    return call


def _named(fields, values):
    values = dict(zip(fields, values))
    if "layers" in values:
        values["layers"] = (values["layers"] or {}).get("layers")
    return values


@contextlib.contextmanager
def said() -> Iterator[None]:
    """Mistakes become sentences on the page."""
    import gradio as gr

    try:
        yield
    except (ValueError, OSError) as error:
        raise gr.Error(
            html.escape(str(error), quote=False),
            title=texts.text("failed"),
            print_exception=False,
        ) from error
