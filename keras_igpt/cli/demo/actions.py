"""What a click on the demo's page does with a model, callable from Python too.

All that a browser sends is checked here: it can send what its sliders refuse.

Axes: H and W height and width of an image, C channels.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.cli.demo import prepared, texts
from keras_igpt.cli.demo.prepared import MAX_SIDE, check_range
from keras_igpt.cli.output_files import with_seed
from keras_igpt.edits.kinds import Upscale
from keras_igpt.images import arrays, files

if TYPE_CHECKING:
    from keras_igpt.models.image_gpt import ImageGPT

# Images that one click may generate.
MAX_IMAGES = 16

# Rows and columns of tokens whose numbers can still be read when drawn.
MAX_NUMBERED = 20


def open_image(path: PathLike | None) -> Array:
    """Opens a file that somebody uploaded.

    Args:
        path: None for "nothing was chosen".

    Returns:
        uint8 array of shape `(H, W, 3)`, at most 1,024 pixels high and wide;
        whoever edits it makes it grey where the model is.

    Raises:
        ValueError: if it is no image.
    """
    if path is None:
        raise ValueError(
            "An image must be chosen first. Received: none. "
            "Open one, or let the model generate one."
        )
    try:
        image = files.decode(path, (MAX_SIDE, MAX_SIDE))
    # Pillow's readers raise nearly anything on a damaged file.
    except Exception as error:
        raise ValueError(
            "The file must be an image, such as PNG or JPEG. Received: "
            f"{files.reason(path, error)}. Choose another one."
        ) from error
    rows, columns = image.shape[:2]
    scale = MAX_SIDE / max(rows, columns)
    if scale < 1:
        size = (max(1, round(scale * rows)), max(1, round(scale * columns)))
        image = arrays.resize(image, size)
    return np.asarray(image)


def generate(
    model: "ImageGPT", count: int = 4, **asked: Any
) -> tuple[Array, int]:
    """Generates new images.

    Args:
        model: generates.
        count: from 1 to 16.
        asked: `text`, `negative_text`, `label`, `seed`, `guidance_scale`,
            `temperature`, `top_k`, `top_p` and, of a model of any order,
            `steps`, one each, as a page's fields hold them: "" and None for
            none. And `on_step`.

    Returns:
        Tuple of a uint8 array of shape `(count, H, W, C)` and the first
        image's seed; the others' follow.
    """
    conditions, sampling = _settings(asked)
    images = model.generate(
        **conditions, num_images=_checked(count), **sampling
    )
    return images, sampling["seed"]


def edit_choices(model: "ImageGPT") -> dict[str, str]:
    """Edits that a model can make, as a page names them.

    Args:
        model: may have learned none; all can keep cells, and so inpaint.

    Returns:
        dict of what it does to what `edit` calls it: a name, and behind a
        slash how much to enlarge, or a style.
    """
    height, width = model.tokenizer.image_size
    choices = {}
    names = model.edit_set.names
    for name in names if "inpaint" in names else (*names, "inpaint"):
        kind, _, style = name.partition("/")
        if kind == "inpaint":
            choices[texts.text("inpaint")] = "inpaint"
            choices[texts.text("outpaint")] = "outpaint"
        elif kind == "upscale":
            for factor in Upscale.factors:
                if height % factor == width % factor == 0:
                    choices[f"{texts.text(kind)} × {factor}"] = (
                        f"upscale/{factor}"
                    )
        else:
            choices[
                f"{texts.text(kind)}: {style}" if style else texts.text(kind)
            ] = name
    return choices


def edit(
    model: "ImageGPT",
    image: Array | None,
    edit: str,
    layers: list[Array] | None = None,
    border: int = 25,
    paste_back: bool = False,
    box: str | None = None,
    count: int = 4,
    **asked: Any,
) -> tuple[Array, int]:
    """Edits an image several times.

    Args:
        model: whatever edits it has learned.
        image: uint8 array of shape `(H, W, C)`, of any size; None for
            "nothing was chosen".
        edit: one of `edit_choices`.
        layers, box: as `drawn_mask` takes them; for "inpaint".
        border: percent of the image's sides to add around it; for
            "outpaint", of whose image the middle is taken that has the
            model's aspect ratio.
        paste_back: whether to put what was drawn over and generated into the
            image at its own size; for "inpaint".
        count, asked: as in `generate`.

    Returns:
        Tuple as `generate` returns it.
    """
    conditions, sampling = _settings(asked)
    image = _chosen(model, image)
    how = {"border": border, "paste_back": paste_back, "box": box}
    found = prepared.for_edit(model, image, edit, layers, **how)
    images = _edited(model, found, count, conditions, sampling)
    return images, sampling["seed"]


def place(
    model: "ImageGPT",
    image: Array | None,
    left: int = 0,
    top: int = 0,
    size: float = 50,
    glyphs: bool = False,
    text: str | None = None,
) -> tuple[Array, Array]:
    """Puts an image onto the model's canvas, and a word if it is wanted.

    Args:
        model: says how large the canvas is.
        image: as in `edit`.
        left, top: where its corner comes to lie, in pixels of the canvas.
        size: its height in percent of the canvas's.
        glyphs, text: as `edit_inputs.compose` takes them.

    Returns:
        Tuple as `edit_inputs.compose` returns it.
    """
    image = _chosen(model, image)
    found = prepared.for_compose(model, image, left, top, size, glyphs, text)
    return found.image, found.mask


def compose(
    model: "ImageGPT",
    image: Array | None,
    left: int = 0,
    top: int = 0,
    size: float = 50,
    glyphs: bool = False,
    count: int = 4,
    **asked: Any,
) -> tuple[Array, int]:
    """Generates around an image that was placed on an empty canvas.

    Args:
        model: best one that has learned "inpaint".
        image, left, top, size, glyphs: as in `place`.
        count, asked: as in `generate`.

    Returns:
        Tuple as `generate` returns it.
    """
    image, text = _chosen(model, image), asked.get("text")
    found = prepared.for_compose(model, image, left, top, size, glyphs, text)
    conditions, sampling = _settings(asked)
    images = _edited(model, found, count, conditions, sampling)
    return images, sampling["seed"]


def read(
    model: "ImageGPT",
    image: Array | None,
    text: str | None = None,
    label: int | str | None = None,
) -> dict[str, Array]:
    """What a model reads of an image, and how much it is surprised.

    Args:
        model: reads.
        image: as in `edit`; resized to the model's size.
        text, label: as in `generate`, under which it is scored.

    Returns:
        dict of `"seen"`, uint8 `(H, W, C)`, the tokens decoded again;
        `"tokens"`, int32 `(rows, columns)`; `"nats"`, float32
        `(rows, columns)`, the surprise of each.
    """
    conditions, _ = _settings({"text": text, "label": label})
    size = model.tokenizer.image_size
    images = np.asarray(arrays.resize(_chosen(model, image), size))[None]
    tokens = model.tokenizer.encode(images)
    return {
        "seen": np.asarray(model.tokenizer.decode(tokens))[0],
        "tokens": np.asarray(tokens).reshape(model.tokenizer.grid_size),
        "nats": model.score(images, **conditions, per_cell=True)[0],
    }


def drawn_tokens(found: dict[str, Array]) -> Array:
    """Draws what `read` found, cell by cell.

    Args:
        found: as `read` returns it.

    Returns:
        uint8 array of shape `(rows, columns, 3)`: to the left the tokens'
        image with their numbers, to the right their nats as colours.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6.2), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.12])
    rows, columns = found["tokens"].shape
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    seen = found["seen"]
    left.imshow(
        seen.repeat(3, -1) if seen.shape[-1] == 1 else seen,
        extent=extent,
        interpolation="nearest",
    )
    left.set_title("Tokens, and the image that they say")
    colours = right.imshow(found["nats"], extent=extent, cmap="magma", vmin=0)
    right.set_title("Surprise at each token, in nats")
    figure.colorbar(colours, ax=right, shrink=0.85)
    if max(rows, columns) <= MAX_NUMBERED:
        _write_numbers(left, found["tokens"])
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _write_numbers(axes, tokens):
    """Writes a number into every cell, readable on any colour."""
    from matplotlib.patheffects import withStroke

    size = 7 if len(tokens) > 10 else 11
    outline = [withStroke(linewidth=1.6, foreground="black")]
    for (row, column), number in np.ndenumerate(tokens):
        axes.text(
            column,
            row,
            str(number),
            color="white",
            fontsize=size,
            ha="center",
            va="center",
            path_effects=outline,
        )


def _edited(model, found, count, conditions, sampling):
    """Edits what was prepared, `count` times."""
    edit = found.options["edit"]
    given = {name: v for name, v in conditions.items() if v is not None}
    return model.edit(
        np.repeat(np.asarray(found.image)[None], _checked(count), axis=0),
        "inpaint" if edit == "compose" else edit,
        found.mask,
        style=found.options.get("style"),
        paste_back=found.options.get("paste_back", False),
        **given,
        **sampling,
    )


def _settings(asked):
    """Fields of a page, as a model's conditions and sampling arguments."""
    text, label = asked.pop("text", None), asked.pop("label", None)
    conditions = {
        "text": text.strip() if text and text.strip() else None,
        "labels": None if label in ("", None) else int(label),
    }
    for name in ("seed", "steps", "top_k"):
        if asked.get(name) is not None:
            asked[name] = int(asked[name])
    # 0 is where the field's slider begins.
    asked["top_k"] = asked.get("top_k") or None
    negative = (asked.pop("negative_text", None) or "").strip()
    if negative:
        asked["negative_text"] = negative
    return conditions, with_seed(asked)


def _chosen(model, image):
    return prepared.in_channels(
        model, open_image(None) if image is None else image
    )


def _checked(count):
    check_range("count", count, 1, MAX_IMAGES)
    return int(count)
