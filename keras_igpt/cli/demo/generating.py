"""A tab whose button generates images: what it shows, and remembers."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.cli.demo import fields, history, made, prepared
from keras_igpt.cli.demo.answers import answer_growing
from keras_igpt.cli.demo.fields import Fields, Models
from keras_igpt.cli.demo.growing import growing
from keras_igpt.cli.demo.texts import text

if TYPE_CHECKING:
    import gradio

# Height of the slider between before and after.
COMPARED = 384

# What edits are prepared of: fields by the names of arguments.
PREPARE = {
    "edit": (
        prepared.for_edit,
        ("image", "edit", "layers", "border", "paste_back", "box"),
    ),
    "compose": (
        prepared.for_compose,
        ("image", "left", "top", "size", "glyphs", "text"),
    ),
}


@dataclasses.dataclass
class Generating:
    """Fields, buttons and results of a tab.

    Args:
        name: of the tab: "generate", "edit" or "compose".
        action: of `actions`.
        asked: fields by name.
        start, stop: buttons.
        results: a gallery.
        given: button to download what was edited; or None.
        compared: slider between before and after; or None.
    """

    name: str
    action: Callable[..., tuple[Array, int]]
    asked: Fields
    start: "gradio.Button"
    stop: "gradio.Button"
    results: "gradio.Gallery"
    given: "gradio.DownloadButton | None" = None
    compared: "gradio.ImageSlider | None" = None

    def connect(
        self,
        models: Models,
        chosen: "gradio.components.Component",
        kept: history.History,
    ) -> None:
        """Has the button show what is generated, and the other one stop it.

        Args:
            models: of the page, by name.
            chosen: field that says which one is asked.
            kept: remembers what was generated.
        """
        import gradio as gr

        pairs = gr.State([], time_to_live=fields.KEEP_SECONDS)
        given = {"model": chosen, "entries": kept.entries, **self.asked}
        outputs = {
            "results": self.results,
            "entries": kept.entries,
            "history": kept.gallery,
            "given": self.given,
            "pairs": pairs,
            "compared": self.compared,
        }
        outputs = {name: c for name, c in outputs.items() if c is not None}

        def show(**values):
            for found in self.run(models, **values):
                yield {outputs[n]: v for n, v in found.items() if n in outputs}

        lines = [self.asked[n] for n in ("text", "box") if n in self.asked]
        triggers = [self.start.click, *(line.submit for line in lines)]
        running = gr.on(
            triggers,
            answer_growing(show, given),
            list(given.values()),
            list(outputs.values()),
            show_progress_on=self.results,
            concurrency_id="model",
            concurrency_limit=fields.AT_ONCE,
            api_visibility="private",
        )
        self.stop.click(None, cancels=[running], api_visibility="private")
        if self.compared is None:
            return

        def compare(pairs, event: gr.SelectData):
            index = event.index
            known = isinstance(index, int) and 0 <= index < len(pairs)
            return pairs[index] if known else gr.skip()

        self.results.select(
            compare,
            pairs,
            self.compared,
            show_progress="hidden",
            api_visibility="private",
        )

    def run(
        self,
        models: Models,
        model: str,
        entries: list[history.Entry],
        **values: Any,
    ) -> Iterator[dict[str, Any]]:
        """Generates, and says what is to be shown.

        Args:
            models: of the page, by name.
            model: name of the one that is asked.
            entries: what was generated before.
            values: of the tab's fields.

        Yields:
            dicts of what changes: "results"; and when it is whole also
            "entries", "history", "given", "pairs" and "compared".
        """
        import gradio as gr

        name, model = model, models[model]
        values = fields.taken(model, values)
        for images, seed in growing(self.action, model, **values):
            if seed is None:
                # As long as they grow they are no results with a seed.
                yield {"results": [(made.as_file(x), "") for x in images]}
        found = self._prepared(model, values)
        given = None if found is None else made.given_file(found)
        options = None
        if found is not None:
            options = {**found.options, "file": pathlib.Path(given).name}
        asked = {
            field: value
            for field, value in values.items()
            if field not in ("image", "layers")
        }
        new = []
        for i, image in enumerate(images):
            said = made.parameters(model, name, asked, seed + i, options)
            file = made.as_file(image, said, f"seed-{seed + i}")
            own = {**asked, "model": name, "seed": seed + i}
            new.append(history.Entry(file, seed + i, self.name, own, given))
        entries = history.added(entries, new)
        pairs = []
        if self.compared is not None:
            pairs = _pairs(prepared.before(model, found), images)
        yield {
            "results": gr.update(
                value=[(e.file, f"seed {e.seed}") for e in new],
                selected_index=None,
            ),
            "entries": entries,
            "history": history.thumbnails(entries),
            "given": gr.update(value=given, visible=True),
            "pairs": pairs,
            "compared": pairs[0] if pairs else None,
        }

    def _prepared(self, model, values):
        """What the action has prepared, once more; None where nothing is."""
        if self.name not in PREPARE:
            return None
        prepare, names = PREPARE[self.name]
        own = {name: values[name] for name in names if name in values}
        own["image"] = prepared.in_channels(model, own["image"])
        return prepare(model, **own)


def _pairs(before, images):
    """Files for the slider: before and after, of each image."""
    first = enlarged(before, COMPARED)
    return [(first, enlarged(image, COMPARED)) for image in images]


def enlarged(image: Array, side: int) -> str:
    """A file of an image, its pixels repeated until it is about so high.

    Args:
        image: uint8 array of shape `(H, W, C)`.
        side: int, in pixels.
    """
    image = np.asarray(image)
    factor = max(1, side // max(image.shape[:2]))
    return made.as_file(image.repeat(factor, axis=0).repeat(factor, axis=1))


def buttons(start: str) -> "tuple[gradio.Button, gradio.Button]":
    """One that starts, and one that stops.

    Args:
        start: key of its text.
    """
    import gradio as gr

    with gr.Row():
        first = gr.Button(text(start), variant="primary")
        return first, gr.Button(text("stop"))


def given_button() -> "gradio.DownloadButton":
    """Downloads what was edited, once something was."""
    import gradio as gr

    return gr.DownloadButton(text("download_given"), visible=False, size="sm")
