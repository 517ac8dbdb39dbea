"""The page of `keras-igpt demo`: its tabs, fields and buttons, in gradio.

What a click does is in `demo_jobs.py`, who may see the page in `demo.py`.
"""

import functools
import html
import os

import numpy as np

from keras_igpt.cli.demo import actions

# Clicks that are worked on at once; others wait, in order, and see for how
# long. More would only share the same processors.
AT_ONCE = 2

# Clicks that may wait.
MAX_WAITING = 64

# Seconds for which a browser's pictures are remembered.
KEEP_SECONDS = 3600

# Width of the drawing canvas; small pictures are enlarged for it.
CANVAS = 512

# Height of the preview of "compose", and of the picture beside its tokens.
KEPT = 384

GIVEN = 200

EXAMPLE = 'One red player, ball, goal, day, banner "GOAL"'


def page(model, class_names=(), name="keras_igpt"):
    """Builds the page, with the tabs that a model can fill.

    Args:
        model: an `ImageGPT`.
        class_names: list of str, or empty: numbers then.
        name: str, how to call the model.

    Returns:
        A `gradio.Blocks`, not yet launched.
    """
    check_gradio()
    import gradio as gr

    build = Page(model, class_names)
    with gr.Blocks(
        title=f"keras_igpt: {name}",
        analytics_enabled=False,
        delete_cache=(KEEP_SECONDS, KEEP_SECONDS),
    ) as blocks:
        gr.Markdown(f"# keras_igpt\n{_described(model, name)}")
        with gr.Tab("Generate"):
            build.generate()
        if len(model.edit_set):
            with gr.Tab("Edit"):
                build.edit()
        if "inpaint" in model.edit_set.names:
            with gr.Tab("Compose"):
                build.compose()
        with gr.Tab("Tokens"):
            build.tokens()
    blocks.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)
    return blocks


class Page:
    """Fields, buttons and what they call, tab by tab.

    Args:
        model: an `ImageGPT`.
        class_names: list of str.
    """

    def __init__(self, model, class_names=()):
        self.model = model
        count = model.num_classes
        self.class_names = list(class_names) or [str(i) for i in range(count)]

    # === Tabs ===

    def generate(self):
        """From words or a class to pictures."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=2):
                asked = self._asked() | self._sampling()
                button = gr.Button("Paint", variant="primary")
            with gr.Column(scale=3):
                results = self._gallery("Pictures", 2)
        self._on(button.click, actions.generate, asked, results)

    def edit(self):
        """A picture, drawn over with a brush, and what becomes of it."""
        import gradio as gr

        choices = actions.edit_choices(self.model)
        first = next(iter(choices.values()))
        with gr.Row():
            with gr.Column(scale=3):
                picture, opened = self._source()
                canvas = gr.ImageEditor(
                    label="Draw over what is to be painted anew",
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
            with gr.Column(scale=2):
                kind = gr.Radio(
                    list(choices.items()), value=first, label="What to do"
                )
                border = gr.Slider(
                    5,
                    actions.MAX_BORDER,
                    25,
                    step=5,
                    label="Percent to add on each side",
                    visible=first == "outpaint",
                )
                paste = gr.Checkbox(
                    label="Keep my picture's own size",
                    visible=first == "inpaint",
                )
                asked = self._asked("said of the result") | self._sampling()
                button = gr.Button("Edit", variant="primary")
        results = self._gallery("Results")
        opened(lambda picture: _enlarged(picture, CANVAS), canvas)
        kind.change(
            lambda edit: (
                gr.update(visible=edit == "outpaint"),
                gr.update(visible=edit == "inpaint"),
            ),
            kind,
            [border, paste],
            show_progress="hidden",
        )
        fields = {
            "picture": picture,
            "layers": canvas,
            "edit": kind,
            "border": border,
            "paste_back": paste,
            **asked,
        }
        self._on(button.click, actions.edit, fields, results)

    def compose(self):
        """A picture placed on an empty canvas, and words around it."""
        import gradio as gr

        height, width = self.model.tokenizer.image_size
        with gr.Row():
            with gr.Column(scale=3):
                picture, opened = self._source()
                shown = gr.Image(
                    label="What is kept",
                    interactive=False,
                    format="png",
                    elem_classes="pixels",
                    height=KEPT + 60,
                    buttons=[],
                )
            with gr.Column(scale=2):
                size = gr.Slider(5, 100, 50, label="Its height, in percent")
                with gr.Row():
                    left = gr.Slider(
                        0, width - 1, width // 4, step=1, label="Left"
                    )
                    top = gr.Slider(
                        0, height - 1, height // 4, step=1, label="Top"
                    )
                asked = self._asked("around it")
                if self.model.text_length:
                    asked["glyphs"] = gr.Checkbox(
                        label="Draw the quoted word as it is spelled"
                    )
                asked |= self._sampling()
                button = gr.Button("Compose", variant="primary")
        results = self._gallery("Results")
        placed = {"picture": picture, "left": left, "top": top, "size": size}
        for name in ("glyphs", "text"):
            if name in asked:
                placed[name] = asked[name]
        opened(None, None, shown)
        for field in placed.values():
            gr.on(
                field.change,
                self._call(self._placed, placed),
                list(placed.values()),
                shown,
                show_progress="hidden",
                api_visibility="private",
            )
        self._on(button.click, actions.compose, asked | placed, results)

    def tokens(self):
        """A picture as the model reads it."""
        import gradio as gr

        with gr.Row():
            with gr.Column(scale=1):
                picture, opened = self._source()
                given = gr.Image(
                    label="Picture",
                    interactive=False,
                    format="png",
                    elem_classes="pixels",
                    height=GIVEN,
                    buttons=[],
                )
                asked = self._asked("under which it is read")
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
        opened(lambda picture: _enlarged(picture, GIVEN), given)
        fields = {"picture": picture, **asked}
        button.click(
            self._call(self._read, fields),
            list(fields.values()),
            [summary, sheet],
            api_visibility="private",
        )

    # === Parts of tabs ===

    def _asked(self, what="what to paint"):
        """Fields for what the model can be asked for, by name."""
        import gradio as gr

        fields = {}
        if self.model.text_length:
            fields["text"] = gr.Textbox(
                label=f"Caption: {what}",
                placeholder=EXAMPLE,
                lines=2,
                max_lines=2,
                max_length=self.model.text_length,
            )
        if self.model.num_classes:
            names = list(zip(self.class_names, range(self.model.num_classes)))
            fields["label"] = gr.Dropdown(
                [("anything", None), *names], label=f"Class: {what}"
            )
        return fields

    def _sampling(self):
        """Fields for how to sample, by name."""
        import gradio as gr

        fields = {}
        with gr.Row():
            fields["count"] = gr.Slider(
                1, actions.MAX_PICTURES, 4, step=1, label="Pictures"
            )
            fields["seed"] = gr.Number(
                label="Seed",
                info="Same seed, same pictures.",
                value=0,
                precision=0,
                minimum=0,
            )
        with gr.Row():
            fields["guidance_scale"] = gr.Slider(
                1, 6, 2, step=0.25, label="Guidance", info="How strictly."
            )
            fields["temperature"] = gr.Slider(
                0, 1.5, 1, step=0.05, label="Temperature", info="How boldly."
            )
        return fields

    def _source(self):
        """A place for a picture, and a function that says who shows it."""
        import gradio as gr

        picture = gr.State(time_to_live=KEEP_SECONDS)
        with gr.Row(equal_height=True):
            upload = gr.UploadButton("Open a picture …", file_types=["image"])
            button = gr.Button("Let the model paint one")
        channels = self.model.tokenizer.channels

        def opened(show, target, busy=None):
            """`show` makes of a picture what the component `target` shows.

            Without, `busy` shows that something is going on.
            """
            outputs = [picture] if target is None else [picture, target]

            def keep(image):
                return image if target is None else (image, show(image))

            def chosen(path):
                return keep(actions.open_picture(path, channels))

            def painted():
                return keep(actions.generate(self.model, count=1)[0][0])

            upload.upload(
                self._call(chosen, {"path": upload}),
                upload,
                outputs,
                show_progress_on=target if busy is None else busy,
                api_visibility="private",
            )
            button.click(
                self._call(painted, {}),
                None,
                outputs,
                show_progress_on=target if busy is None else busy,
                concurrency_id="model",
                concurrency_limit=AT_ONCE,
                api_visibility="private",
            )

        return picture, opened

    def _gallery(self, label, columns=4):
        import gradio as gr

        return gr.Gallery(
            label=label,
            show_label=False,
            columns=columns,
            height="auto",
            object_fit="contain",
            format="png",
            elem_classes="pixels",
            interactive=False,
        )

    # === What clicks call ===

    def _on(self, event, job, fields, results):
        """Has an event paint, one of `demo_jobs`, into a gallery."""

        def paint(**values):
            images, seed = job(self.model, **values)
            return [
                (_pixels(image), f"seed {seed + i}")
                for i, image in enumerate(images)
            ]

        event(
            self._call(paint, fields),
            list(fields.values()),
            results,
            concurrency_id="model",
            concurrency_limit=AT_ONCE,
            api_visibility="private",
        )

    def _placed(self, picture, **where):
        """The canvas for "compose", and grey where it is empty."""
        if picture is None:
            return None
        canvas, mask = actions.place(self.model, picture, **where)
        shown = np.where(mask[..., None], np.uint8(200), canvas)
        return _enlarged(shown, KEPT)

    def _read(self, picture, **asked):
        found = actions.read(self.model, picture, **asked)
        nats = found["nats"]
        return (
            f"**{nats.sum():.1f} nats** for {nats.size} tokens, "
            f"{nats.mean():.2f} each. Guessing blindly would cost "
            f"{np.log(self.model.vocabulary_size):.2f} each.",
            actions.drawn_tokens(found),
        )

    def _call(self, action, fields):
        """A function of the fields' values; mistakes become sentences."""
        import gradio as gr

        names = list(fields)

        @functools.wraps(action)
        def call(*values):
            values = dict(zip(names, values))
            if "layers" in values:
                values["layers"] = (values["layers"] or {}).get("layers")
            try:
                return action(**values)
            except (ValueError, OSError) as error:
                raise gr.Error(
                    html.escape(str(error), quote=False),
                    title="That did not work",
                    print_exception=False,
                ) from error

        # Gradio would look for as many parameters as the action has.
        del call.__wrapped__
        return call


def _described(model, name):
    height, width, _ = model.tokenizer.image_shape
    rows, columns = model.tokenizer.grid_size
    return (
        f"The model **{name}**: pictures of {width} × {height} pixels, "
        f"painted as {rows} × {columns} tokens of "
        f"{model.vocabulary_size}, by {model.count_params() / 1e6:.1f} "
        "million weights on this machine."
    )


def _pixels(image):
    """A picture as gradio shows it: grey ones without their last axis."""
    return image[..., 0] if image.shape[-1] == 1 else image


def _enlarged(image, side):
    """A picture whose pixels are repeated until it is about so high."""
    factor = max(1, side // max(image.shape[:2]))
    return _pixels(image.repeat(factor, axis=0).repeat(factor, axis=1))


def check_gradio():
    """Says what to install; and keeps gradio from telling home."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The demo needs gradio. Received: an environment without it. "
            "Do run `pip install 'keras_igpt[demo]'`."
        ) from error
