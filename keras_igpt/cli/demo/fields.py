"""Fields of the demo's page: what to ask for, how to sample, which image.

Several models share the fields. What is different between them is in
`PROPERTIES`: a field that a model cannot take is not visible with it.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keras_igpt.annotations import Array
from keras_igpt.cli.demo import actions, prepared
from keras_igpt.cli.demo.answers import answer
from keras_igpt.cli.demo.texts import text

if TYPE_CHECKING:
    import gradio

    from keras_igpt.models.image_gpt import ImageGPT

# Clicks that are worked on at once; others wait, in order, and see for how
# long. More would only share the same processors.
AT_ONCE = 2

# Seconds for which a browser's images are remembered.
KEEP_SECONDS = 3600

EXAMPLE = 'One red player, ball, goal, day, banner "GOAL"'

Fields = dict[str, "gradio.components.Component"]

Models = dict[str, "ImageGPT"]


def _of_text(model):
    # Gradio wants a length also where nothing is to be written.
    length = model.text_length or 1
    return {"visible": bool(model.text_length), "max_length": length}


def _of_label(model):
    numbers = range(model.num_classes or 0)
    names = model.class_names or [str(number) for number in numbers]
    choices = [(text("anything"), ""), *zip(names, numbers)]
    return {"visible": bool(numbers), "choices": choices, "value": ""}


def _of_steps(model):
    most = model.num_cells
    value = model.config["steps"] if model.any_order else None
    return {
        "visible": bool(model.any_order),
        "maximum": most,
        "value": value or most,
    }


def _of_edit(model):
    choices = list(actions.edit_choices(model).items())
    return {"choices": choices, "value": choices[0][1]}


def _of_side(axis, model):
    side = model.tokenizer.image_size[axis]
    return {"maximum": side - 1, "value": side // 4}


PROPERTIES: dict[str, Callable[["ImageGPT"], dict[str, Any]]] = {
    "text": _of_text,
    "negative_text": _of_text,
    "label": _of_label,
    "steps": _of_steps,
    "top_k": lambda model: {"maximum": model.vocabulary_size},
    "edit": _of_edit,
    "top": functools.partial(_of_side, 0),
    "left": functools.partial(_of_side, 1),
    "glyphs": lambda model: {"visible": bool(model.text_length)},
}


def properties(name: str, model: "ImageGPT") -> dict[str, Any]:
    """What a model makes different about a field.

    Args:
        name: of the field.
        model: that is chosen.

    Returns:
        dict of properties of a gradio component.
    """
    return PROPERTIES[name](model) if name in PROPERTIES else {}


def taken(model: "ImageGPT", asked: dict[str, Any]) -> dict[str, Any]:
    """Those values that a model takes: of fields that are visible with it.

    Args:
        model: that is chosen.
        asked: values of fields by name.
    """
    return {
        name: value
        for name, value in asked.items()
        if properties(name, model).get("visible", True)
    }


def conditions(model: "ImageGPT", where: str) -> Fields:
    """Fields for what a model can be asked for, by name.

    Args:
        model: that is chosen at first.
        where: the tab, as the keys of texts call it.
    """
    import gradio as gr

    return {
        "text": gr.Textbox(
            label=text(f"caption_{where}"),
            placeholder=EXAMPLE,
            # Of one line, Enter submits; a long caption wraps.
            lines=1,
            max_lines=3,
            **properties("text", model),
        ),
        "label": gr.Dropdown(
            label=text(f"class_{where}"), **properties("label", model)
        ),
    }


def sampling(model: "ImageGPT") -> Fields:
    """Fields for how to sample, by name."""
    import gradio as gr

    fields = {}
    with gr.Row():
        fields["count"] = gr.Slider(
            1, actions.MAX_IMAGES, 4, step=1, label=text("count")
        )
        fields["seed"] = gr.Number(
            label=text("seed"),
            info=text("seed_info"),
            value=0,
            precision=0,
            minimum=0,
        )
    with gr.Row():
        fields["guidance_scale"] = _slider("guidance_scale", 1, 6, 2, 0.25)
        fields["temperature"] = _slider("temperature", 0, 1.5, 1, 0.05)
    with gr.Row():
        fields["top_k"] = _slider("top_k", 0, value=0, step=1, model=model)
        fields["top_p"] = _slider("top_p", 0.05, 1, 1, 0.05)
    fields["negative_text"] = gr.Textbox(
        label=text("negative_text"),
        info=text("negative_text_info"),
        lines=1,
        max_lines=1,
        **properties("negative_text", model),
    )
    fields["steps"] = _slider("steps", 1, step=1, model=model)
    return fields


def place(model: "ImageGPT") -> Fields:
    """Fields for where and how large an image is placed, by name."""
    import gradio as gr

    size = gr.Slider(5, 100, 50, label=text("size"))
    with gr.Row():
        left, top = (
            gr.Slider(0, step=1, label=text(name), **properties(name, model))
            for name in ("left", "top")
        )
    return {"left": left, "top": top, "size": size}


def edits(model: "ImageGPT") -> Fields:
    """Fields for which edit, and what belongs to some of them alone."""
    import gradio as gr

    shown = properties("edit", model)
    kind = gr.Radio(label=text("edit"), **shown)
    border = gr.Slider(
        5,
        prepared.MAX_BORDER,
        25,
        step=5,
        label=text("border"),
        visible=shown["value"] == "outpaint",
    )
    paste = gr.Checkbox(
        label=text("paste_back"), visible=shown["value"] == "inpaint"
    )
    # For those who cannot draw, and for those who want it exact.
    box = gr.Textbox(
        label=text("box"),
        placeholder="25 25 75 75",
        max_length=80,
        visible=shown["value"] == "inpaint",
    )
    kind.change(
        lambda edit: (
            gr.update(visible=edit == "outpaint"),
            gr.update(visible=edit == "inpaint"),
            gr.update(visible=edit == "inpaint"),
        ),
        kind,
        [border, paste, box],
        show_progress="hidden",
        api_visibility="private",
    )
    return {"edit": kind, "border": border, "paste_back": paste, "box": box}


def _slider(name, *limits, model=None, **values):
    import gradio as gr

    names = ("minimum", "maximum", "value", "step")
    values |= dict(zip(names, limits))
    if model is not None:
        values |= properties(name, model)
    return gr.Slider(label=text(name), info=text(f"{name}_info"), **values)


class ImageInput:
    """A place for an image: from a file, or generated by the model.

    Args:
        models: all of the page, by name.
        chosen: field that says which one generates an image.
    """

    def __init__(
        self, models: Models, chosen: "gradio.components.Component"
    ) -> None:
        import gradio as gr

        self.models, self.chosen = models, chosen
        self.image = gr.State(time_to_live=KEEP_SECONDS)
        with gr.Row(equal_height=True):
            self.upload = gr.UploadButton(text("open"), file_types=["image"])
            self.button = gr.Button(text("let_generate"))

    def shown_in(
        self,
        target: "gradio.components.Component",
        show: Callable[[Array], str] | None = None,
    ) -> None:
        """Says where an image appears when it is opened.

        Args:
            target: component that shows it, and that something is going on.
            show: makes of the image a file that `target` shows; None if
                what is shown depends on more, and is drawn elsewhere.
        """
        outputs = [self.image] if show is None else [self.image, target]

        def keep(image):
            return image if show is None else (image, show(image))

        def opened(path):
            return keep(actions.open_image(path))

        def generated(model):
            model = self.models[model]
            return keep(actions.generate(model, count=1)[0][0])

        self.upload.upload(
            answer(opened, {"path": self.upload}),
            self.upload,
            outputs,
            show_progress_on=target,
            api_visibility="private",
        )
        self.button.click(
            answer(generated, {"model": self.chosen}),
            self.chosen,
            outputs,
            show_progress_on=target,
            concurrency_id="model",
            concurrency_limit=AT_ONCE,
            api_visibility="private",
        )


def gallery(label: str, columns: int = 4) -> "gradio.Gallery":
    """A place for results.

    Args:
        label: key of its text.
        columns: images side by side.
    """
    import gradio as gr

    return gr.Gallery(
        label=text(label),
        show_label=False,
        columns=columns,
        height="auto",
        object_fit="contain",
        format="png",
        elem_classes="pixels",
        interactive=False,
        buttons=["download", "fullscreen"],
    )
