"""The page of `keras-igpt demo`: its tabs, in gradio.

Fields are in `fields.py`, what a click does in `actions.py`, how its results
are shown in `generating.py`, who may see the page in `server.py`.
"""

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.cli.demo import actions, fields, made, prepared
from keras_igpt.cli.demo.answers import answer
from keras_igpt.cli.demo.fields import Models
from keras_igpt.cli.demo.generating import (
    Generating,
    buttons,
    enlarged,
    given_button,
)
from keras_igpt.cli.demo.history import Entry, History
from keras_igpt.cli.demo.texts import text

if TYPE_CHECKING:
    import gradio

# Clicks that may wait.
MAX_WAITING = 64

# Width of the drawing canvas; small images are enlarged for it.
CANVAS = 512

# Height of the preview of "compose", and of the image beside its tokens.
KEPT = 384

GIVEN = 200

# Colour of the brush.
BRUSH = "#ff00ff"


def page(models: Models) -> "gradio.Blocks":
    """Builds the page, for all that its models can do.

    Args:
        models: what generates, edits and reads, by the names that the page
            calls them; the first one is chosen at first.

    Returns:
        A `gradio.Blocks`, not yet launched.
    """
    check_gradio()
    import gradio as gr

    with gr.Blocks(
        title=f"keras_igpt: {', '.join(models)}",
        analytics_enabled=False,
        delete_cache=(fields.KEEP_SECONDS, fields.KEEP_SECONDS),
    ) as blocks:
        Page(models)
    blocks.queue(max_size=MAX_WAITING, default_concurrency_limit=fields.AT_ONCE)
    return blocks


class Page:
    """Fields, buttons and what they call, tab by tab.

    Args:
        models: as of `page`.
    """

    def __init__(self, models: Models) -> None:
        import gradio as gr

        self.models = models
        self.first = next(iter(models.values()))
        gr.Markdown("# keras_igpt")
        self.chosen = gr.Dropdown(
            list(models), label=text("model"), visible=len(models) > 1
        )
        self.described = gr.Markdown(self._described(self.chosen.value))
        # Fields of each tab; where its image is, and how it comes back.
        self.asked, self.sources, self.canvas = {}, {}, None
        with gr.Tabs() as self.tabs:
            with gr.Tab(text("tab_generate"), id="generate"):
                generating = [self.generate()]
            with gr.Tab(text("tab_edit"), id="edit"):
                generating.append(self.edit())
            with gr.Tab(text("tab_compose"), id="compose"):
                generating.append(self.compose())
            with gr.Tab(text("tab_tokens"), id="tokens"):
                self.tokens()
            with gr.Tab(text("tab_history"), id="history"):
                kept = History()
        for tab in generating:
            tab.connect(self.models, self.chosen, kept)
        self._connect(kept)

    def generate(self) -> Generating:
        """From words or a class to images."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=2):
                asked = self._asked("generate")
                asked |= fields.sampling(self.first)
                clicked = buttons("generate")
            with gr.Column(scale=3):
                results = fields.gallery("images", 2)
        return Generating(
            "generate", actions.generate, asked, *clicked, results
        )

    def edit(self) -> Generating:
        """An image, drawn over with a brush, and what becomes of it."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=3):
                source = self._source("edit")
                self.canvas = _drawing_canvas()
            with gr.Column(scale=2):
                how = fields.edits(self.first)
                asked = self._asked("edit")
                asked |= how | fields.sampling(self.first)
                clicked = buttons("start_edit")
        with gr.Row():
            with gr.Column():
                results = fields.gallery("results", 2)
            with gr.Column():
                compared = _slider()
                given = given_button()
        source.shown_in(self.canvas, lambda image: enlarged(image, CANVAS))
        asked |= {"image": source.image, "layers": self.canvas}
        return Generating(
            "edit", actions.edit, asked, *clicked, results, given, compared
        )

    def compose(self) -> Generating:
        """An image placed on an empty canvas, and words around it."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=3):
                source = self._source("compose")
                shown = _pixel_image("kept", KEPT + 60)
            with gr.Column(scale=2):
                place = fields.place(self.first)
                asked = self._asked("compose")
                asked["glyphs"] = gr.Checkbox(
                    label=text("glyphs"),
                    **fields.properties("glyphs", self.first),
                )
                asked |= place | fields.sampling(self.first)
                clicked = buttons("compose")
        results = fields.gallery("results")
        given = given_button()
        asked["image"] = source.image
        source.shown_in(shown)
        names = ("image", *place, "glyphs", "text")
        placed = {"model": self.chosen, **{n: asked[n] for n in names}}
        for field in placed.values():
            gr.on(
                field.change,
                answer(self._preview, placed),
                list(placed.values()),
                shown,
                show_progress="hidden",
                api_visibility="private",
            )
        return Generating(
            "compose", actions.compose, asked, *clicked, results, given
        )

    def tokens(self) -> None:
        """An image as the model reads it."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=1):
                source = self._source("tokens")
                given = _pixel_image("image", GIVEN)
                asked = self._asked("tokens")
                button = gr.Button(text("read"), variant="primary")
            with gr.Column(scale=3):
                figures = [gr.Markdown() for _ in range(3)]
                sheet = gr.Image(
                    label=text("cells"),
                    show_label=False,
                    interactive=False,
                    format="png",
                    elem_id="cells",
                    buttons=["download", "fullscreen"],
                )
        source.shown_in(given, lambda image: enlarged(image, GIVEN))
        asked = {"model": self.chosen, "image": source.image, **asked}
        gr.on(
            [button.click, asked["text"].submit],
            answer(self._read, asked),
            list(asked.values()),
            [*figures, sheet],
            api_visibility="private",
        )

    def _asked(self, tab):
        """Fields for what a tab asks for; others of it may follow."""
        self.asked[tab] = fields.conditions(self.first, tab)
        return self.asked[tab]

    def _source(self, tab):
        self.sources[tab] = fields.ImageInput(self.models, self.chosen)
        return self.sources[tab]

    def _connect(self, kept):
        """What the choice of a model changes, and what a visit's images do."""
        follow = [f for tab in self.asked.values() for f in tab.values()]
        images = [source.image for source in self.sources.values()]
        self.chosen.input(
            self._followed,
            self.chosen,
            [self.described, *follow],
            show_progress="hidden",
            api_visibility="private",
        )
        outputs = [self.chosen, self.described, self.tabs, self.canvas]
        outputs = {id(c): c for c in [*outputs, *follow, *images]}
        kept.connect([self.chosen], outputs.values(), self._restored)

    # === What clicks call ===

    def _followed(self, model):
        """Updates of all fields for a model."""
        import gradio as gr

        found = {self.described: self._described(model)}
        for asked in self.asked.values():
            for name, field in asked.items():
                changed = fields.properties(name, self.models[model])
                if changed:
                    found[field] = gr.update(**changed)
        return found

    def _restored(self, entry: Entry, model: str) -> dict[Any, Any]:
        """Updates that put back how an image was made, in its tab."""
        import gradio as gr

        values, asked = entry.values, self.asked[entry.tab]
        found = {self.chosen: values["model"]}
        if values["model"] != model:
            found |= self._followed(values["model"])
        own = self.models[values["model"]]
        for name, field in asked.items():
            if name in values:
                changed = {
                    **fields.properties(name, own),
                    "value": values[name],
                }
                found[field] = gr.update(**changed)
        found[self.tabs] = gr.update(selected=entry.tab)
        if entry.given is not None and os.path.exists(entry.given):
            image, holes = made.read_given(entry.given)
            found[self.sources[entry.tab].image] = image
            if entry.tab == "edit":
                found[self.canvas] = _drawn_over(image, holes)
        return found

    def _preview(self, model, image, **where):
        """The canvas for "compose", and grey where it is empty."""
        if image is None:
            return None
        model = self.models[model]
        where = fields.taken(model, where)
        canvas, mask = actions.place(model, image, **where)
        shown = np.where(mask[..., None], prepared.EMPTY, canvas)
        return enlarged(shown, KEPT)

    def _read(self, model, image, **asked):
        model = self.models[model]
        found = actions.read(model, image, **fields.taken(model, asked))
        nats = found["nats"]
        figures = {
            "nats_all": nats.sum(),
            "nats_each": nats.mean(),
            "nats_blind": np.log(model.vocabulary_size),
        }
        return (
            *(f"**{n:.2f} {text(key)}**" for key, n in figures.items()),
            made.as_file(actions.drawn_tokens(found)),
        )

    def _described(self, name):
        model = self.models[name]
        height, width, _ = model.tokenizer.image_shape
        rows, columns = model.tokenizer.grid_size
        return (
            f"**{name}** · {width} × {height} px · {rows} × {columns} tokens "
            f"/ {model.vocabulary_size} · "
            f"{model.count_params() / 1e6:.1f} M · {text('here')}"
        )


def _drawing_canvas():
    import gradio as gr

    return gr.ImageEditor(
        label=text("canvas"),
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(48, [BRUSH], color_mode="fixed"),
        eraser=gr.Eraser(48),
        type="numpy",
        format="png",
        canvas_size=(CANVAS, CANVAS),
        height=CANVAS + 100,
        elem_id="canvas",
        buttons=[],
    )


def _drawn_over(image: Array, holes: Array) -> dict[str, Any]:
    """An image on the canvas, and drawn over where its holes are."""
    color = [int(BRUSH[i : i + 2], 16) for i in (1, 3, 5)]
    layer = np.zeros((*holes.shape, 4), "uint8")
    layer[holes] = [*color, 255]
    return {
        "background": enlarged(image, CANVAS),
        "layers": [enlarged(layer, CANVAS)] if holes.any() else [],
        "composite": None,
    }


def _slider():
    import gradio as gr

    return gr.ImageSlider(
        label=text("compared"),
        interactive=False,
        format="png",
        elem_id="compared",
        elem_classes="pixels",
        buttons=["fullscreen"],
    )


def _pixel_image(label, height):
    import gradio as gr

    return gr.Image(
        label=text(label),
        interactive=False,
        format="png",
        elem_classes="pixels",
        height=height,
        buttons=[],
    )


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
