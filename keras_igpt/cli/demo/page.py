"""The page of `keras-igpt demo`: its tabs and buttons, in gradio.

Fields are in `fields.py`, what a click does in `actions.py`, who may see the
page in `server.py`.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.cli.demo import actions, fields
from keras_igpt.cli.demo.fields import Fields
from keras_igpt.cli.demo.growing import growing

if TYPE_CHECKING:
    import gradio

    from keras_igpt.models.image_gpt import ImageGPT

# Clicks that may wait.
MAX_WAITING = 64

# Width of the drawing canvas; small images are enlarged for it.
CANVAS = 512

# Height of the preview of "compose", and of the image beside its tokens.
KEPT = 384

GIVEN = 200


def page(model: "ImageGPT", name: str = "keras_igpt") -> "gradio.Blocks":
    """Builds the page, with the tabs that a model can fill.

    Args:
        model: what generates, edits and reads.
        name: how to call the model.

    Returns:
        A `gradio.Blocks`, not yet launched.
    """
    check_gradio()
    import gradio as gr

    tabs = Tabs(model)
    with gr.Blocks(
        title=f"keras_igpt: {name}",
        analytics_enabled=False,
        delete_cache=(fields.KEEP_SECONDS, fields.KEEP_SECONDS),
    ) as blocks:
        gr.Markdown(f"# keras_igpt\n{_described(model, name)}")
        with gr.Tab("Generate"):
            tabs.generate()
        with gr.Tab("Edit"):
            tabs.edit()
        with gr.Tab("Compose"):
            tabs.compose()
        with gr.Tab("Tokens"):
            tabs.tokens()
    blocks.queue(max_size=MAX_WAITING, default_concurrency_limit=fields.AT_ONCE)
    return blocks


class Tabs:
    """Fields, buttons and what they call, tab by tab.

    Args:
        model: an `ImageGPT`.
    """

    def __init__(self, model: "ImageGPT") -> None:
        self.model = model

    def generate(self) -> None:
        """From words or a class to images."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=2):
                asked = self._conditions() | fields.sampling(self.model)
                buttons = _buttons("Generate")
            with gr.Column(scale=3):
                results = fields.gallery("Images", 2)
        self._on(buttons, actions.generate, asked, results)

    def edit(self) -> None:
        """An image, drawn over with a brush, and what becomes of it."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=3):
                source = fields.ImageInput(self.model)
                canvas = _drawing_canvas()
            with gr.Column(scale=2):
                how = self._edits()
                asked = self._conditions("said of the result")
                asked |= fields.sampling(self.model)
                buttons = _buttons("Edit")
        results = fields.gallery("Results")
        source.shown_in(canvas, lambda image: _enlarged(image, CANVAS))
        given = {"image": source.image, "layers": canvas, **how, **asked}
        self._on(buttons, actions.edit, given, results)

    def _edits(self) -> Fields:
        """Which edit, and what belongs to some of them alone."""
        import gradio as gr

        choices = actions.edit_choices(self.model)
        first = next(iter(choices.values()))
        kind = gr.Radio(list(choices.items()), value=first, label="What to do")
        border = gr.Slider(
            5,
            actions.MAX_BORDER,
            25,
            step=5,
            label="Percent to add on each side",
            visible=first == "outpaint",
        )
        paste = gr.Checkbox(
            label="Keep my image's own size", visible=first == "inpaint"
        )
        kind.change(
            lambda edit: (
                gr.update(visible=edit == "outpaint"),
                gr.update(visible=edit == "inpaint"),
            ),
            kind,
            [border, paste],
            show_progress="hidden",
        )
        return {"edit": kind, "border": border, "paste_back": paste}

    def compose(self) -> None:
        """An image placed on an empty canvas, and words around it."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=3):
                source = fields.ImageInput(self.model)
                shown = _pixel_image("What is kept", KEPT + 60)
            with gr.Column(scale=2):
                placed = {"image": source.image, **self._place()}
                asked = self._conditions("around it")
                if self.model.text_length:
                    asked["glyphs"] = gr.Checkbox(
                        label="Draw the quoted word as it is spelled"
                    )
                asked |= fields.sampling(self.model)
                buttons = _buttons("Compose")
        results = fields.gallery("Results")
        for name in ("glyphs", "text"):
            if name in asked:
                placed[name] = asked[name]
        source.shown_in(shown)
        for field in placed.values():
            gr.on(
                field.change,
                fields.answer(self._preview, placed),
                list(placed.values()),
                shown,
                show_progress="hidden",
                api_visibility="private",
            )
        self._on(buttons, actions.compose, asked | placed, results)

    def _place(self) -> Fields:
        """Where and how large an image is placed."""
        import gradio as gr

        height, width = self.model.tokenizer.image_size
        size = gr.Slider(5, 100, 50, label="Its height, in percent")
        with gr.Row():
            left = gr.Slider(0, width - 1, width // 4, step=1, label="Left")
            top = gr.Slider(0, height - 1, height // 4, step=1, label="Top")
        return {"left": left, "top": top, "size": size}

    def tokens(self) -> None:
        """An image as the model reads it."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=1):
                source = fields.ImageInput(self.model)
                given = _pixel_image("Image", GIVEN)
                asked = self._conditions("under which it is read")
                button = gr.Button("Read", variant="primary")
            with gr.Column(scale=3):
                summary = gr.Markdown()
                sheet = gr.Image(
                    label="Cell by cell",
                    show_label=False,
                    interactive=False,
                    format="png",
                    elem_id="cells",
                    buttons=["download", "fullscreen"],
                )
        source.shown_in(given, lambda image: _enlarged(image, GIVEN))
        asked = {"image": source.image, **asked}
        button.click(
            fields.answer(self._read, asked),
            list(asked.values()),
            [summary, sheet],
            api_visibility="private",
        )

    def _conditions(self, *what):
        return fields.conditions(self.model, *what)

    # === What clicks call ===

    def _on(
        self,
        buttons: "tuple[gradio.Button, gradio.Button]",
        action: Callable[..., tuple[Array, int]],
        asked: Fields,
        results: "gradio.Gallery",
    ) -> None:
        """Has a button show what an action generates, and one stop it."""
        start, stop = buttons

        def show(**values):
            for images, seed in growing(action, self.model, **values):
                files = map(fields.as_file, images)
                # As long as they grow they are no results with a seed.
                yield [
                    (file, "" if seed is None else f"seed {seed + i}")
                    for i, file in enumerate(files)
                ]

        running = start.click(
            fields.answer_growing(show, asked),
            list(asked.values()),
            results,
            concurrency_id="model",
            concurrency_limit=fields.AT_ONCE,
            api_visibility="private",
        )
        stop.click(None, cancels=[running], api_visibility="private")

    def _preview(self, image, **where):
        """The canvas for "compose", and grey where it is empty."""
        if image is None:
            return None
        canvas, mask = actions.place(self.model, image, **where)
        shown = np.where(mask[..., None], np.uint8(200), canvas)
        return _enlarged(shown, KEPT)

    def _read(self, image, **asked):
        found = actions.read(self.model, image, **asked)
        nats = found["nats"]
        return (
            f"**{nats.sum():.1f} nats** for {nats.size} tokens, "
            f"{nats.mean():.2f} each. Guessing blindly would cost "
            f"{np.log(self.model.vocabulary_size):.2f} each.",
            fields.as_file(actions.drawn_tokens(found)),
        )


def _described(model, name):
    height, width, _ = model.tokenizer.image_shape
    rows, columns = model.tokenizer.grid_size
    return (
        f"The model **{name}**: images of {width} × {height} pixels, "
        f"generated as {rows} × {columns} tokens of "
        f"{model.vocabulary_size}, by {model.count_params() / 1e6:.1f} "
        "million weights on this machine."
    )


def _buttons(name):
    """One that starts, and one that stops."""
    import gradio as gr

    with gr.Row():
        start = gr.Button(name, variant="primary")
        return start, gr.Button("Stop")


def _drawing_canvas():
    import gradio as gr

    return gr.ImageEditor(
        label="Draw over what is to be generated anew",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(48, ["#ff00ff"], color_mode="fixed"),
        eraser=gr.Eraser(48),
        type="numpy",
        format="png",
        canvas_size=(CANVAS, CANVAS),
        height=CANVAS + 100,
        elem_id="canvas",
        buttons=[],
    )


def _pixel_image(label, height):
    import gradio as gr

    return gr.Image(
        label=label,
        interactive=False,
        format="png",
        elem_classes="pixels",
        height=height,
        buttons=[],
    )


def _enlarged(image, side):
    """A file of an image, its pixels repeated until it is about so high."""
    factor = max(1, side // max(image.shape[:2]))
    return fields.as_file(image.repeat(factor, axis=0).repeat(factor, axis=1))


def check_gradio() -> None:
    """Says what to install; and keeps gradio from telling home."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The demo needs gradio. Received: an environment without it. "
            "Run `pip install 'keras_igpt[demo]'`."
        ) from error
