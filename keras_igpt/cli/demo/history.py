"""What a visitor has generated: the newest first, and the same again.

It is in gradio's state of a session, which no other session reads, and it
ends with the files, which are deleted as all of the page are.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from keras_igpt.cli.demo import fields
from keras_igpt.cli.demo.answers import said
from keras_igpt.cli.demo.texts import text

if TYPE_CHECKING:
    import gradio

# Images that are remembered.
MAX_ENTRIES = 48

# Letters of a caption that stand below an image.
MAX_TITLE = 40


@dataclasses.dataclass(frozen=True)
class Entry:
    """One image that was generated.

    Args:
        file: path of the image.
        seed: its own.
        tab: which one generated it.
        values: of that tab's fields, and "model".
        given: path of what was edited; or None.
    """

    file: str
    seed: int
    tab: str
    values: dict[str, Any]
    given: str | None = None


def added(entries: Sequence[Entry], new: Sequence[Entry]) -> list[Entry]:
    """Entries with new ones before them, as far as their files are there.

    Args:
        entries: those before, the newest first.
        new: of one click.
    """
    known = [entry for entry in entries if os.path.exists(entry.file)]
    return [*new, *known][:MAX_ENTRIES]


def thumbnails(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Entries as a gallery shows them.

    Args:
        entries: with files that are there.
    """
    return [(entry.file, _title(entry)) for entry in entries]


def _title(entry):
    caption = (entry.values.get("text") or "").strip()
    if len(caption) > MAX_TITLE:
        caption = f"{caption[:MAX_TITLE]} …"
    seed = f"seed {entry.seed}"
    return f"{seed}: {caption}" if caption else seed


class History:
    """A tab with the images of a visit, and a button for the same again."""

    def __init__(self) -> None:
        import gradio as gr

        self.entries = gr.State([], time_to_live=fields.KEEP_SECONDS)
        self.chosen = gr.State(time_to_live=fields.KEEP_SECONDS)
        gr.Markdown(text("history_info"))
        self.gallery = fields.gallery("tab_history", 6)
        self.command = gr.Textbox(
            label=text("command"),
            interactive=False,
            lines=2,
            max_lines=6,
            buttons=["copy"],
        )
        self.again = gr.Button(
            text("same_again"), variant="primary", interactive=False
        )

    def connect(
        self,
        inputs: Sequence["gradio.components.Component"],
        outputs: Sequence["gradio.blocks.Block"],
        restore: Callable[..., dict[Any, Any]],
    ) -> None:
        """Says what the button does.

        Args:
            inputs: what `restore` takes, after an `Entry`.
            outputs: components that it may update.
            restore: returns updates by component.
        """
        import gradio as gr

        def show(entries, event: gr.SelectData):
            entry = entry_at(entries, event.index)
            if entry is None:
                return None, "", gr.update(interactive=False)
            return entry, _command(entry.file), gr.update(interactive=True)

        def again(entry, *values):
            with said():
                return restore(entry, *values) if entry else {}

        self.gallery.select(
            show,
            self.entries,
            [self.chosen, self.command, self.again],
            show_progress="hidden",
            api_visibility="private",
        )
        self.again.click(
            again,
            [self.chosen, *inputs],
            list(outputs),
            show_progress="hidden",
            api_visibility="private",
        )


def entry_at(entries: Sequence[Entry], index: Any) -> Entry | None:
    """The entry that a browser says was chosen, or None.

    Args:
        entries: of the visitor.
        index: whatever was sent.
    """
    is_one = isinstance(index, int) and 0 <= index < len(entries)
    return entries[index] if is_one else None


def _command(file):
    from keras_igpt.cli.again import command_of

    return command_of(file) if os.path.exists(file) else ""
