"""What the page of `demo.py` does with a model, callable from Python too.

Whatever a browser sends is checked here: its sliders bind nobody.

Axes: H and W height and width of a picture, C channels.
"""

import numpy as np

from keras_igpt.cli.jobs import with_seed
from keras_igpt.edits.kinds import Upscale
from keras_igpt.images import arrays, crop, files, lettering
from keras_igpt.prompts import captions

# Pictures that one click may paint.
MAX_PICTURES = 16

# Larger pictures are shrunk when they are opened.
MAX_SIDE = 1024

# Percent of a side that a border for "outpaint" may have.
MAX_BORDER = 100

# Rows and columns of tokens whose numbers can still be read when drawn.
MAX_NUMBERED = 20


def open_picture(path, channels=3):
    """Opens a file that somebody uploaded.

    Args:
        path: str, or None for "nothing was chosen".
        channels: 3 for RGB, 1 for grey pictures.

    Returns:
        uint8 array of shape `(H, W, channels)`, at most 1,024 pixels high
        and wide.

    Raises:
        ValueError: if it is no picture.
    """
    if path is None:
        raise ValueError(
            "A picture must be chosen first. Received: none. "
            "Do open one, or let the model paint one."
        )
    try:
        image = files.decode(path, (MAX_SIDE, MAX_SIDE))
    # Pillow's readers raise nearly anything on a damaged file.
    except Exception as error:
        raise ValueError(
            "The file must be a picture, such as PNG or JPEG. Received: "
            f"{files.reason(path, error)}. Do choose another one."
        ) from error
    rows, columns = image.shape[:2]
    scale = MAX_SIDE / max(rows, columns)
    if scale < 1:
        size = (max(1, round(scale * rows)), max(1, round(scale * columns)))
        image = arrays.resize(image, size)
    return arrays.set_channels(np.asarray(image), channels)


def drawn_mask(layers, size):
    """What was painted over a picture, as a mask of its size.

    Args:
        layers: list of uint8 arrays of shape `(rows, columns, 4)`: what a
            drawing canvas of any size holds; opaque where something is drawn.
        size: tuple of two ints, height and width of the picture.

    Returns:
        bool array of shape `size`.

    Raises:
        ValueError: if nothing is drawn.
    """
    drawn = [layer[..., 3] > 127 for layer in layers or ()]
    if not any(layer.any() for layer in drawn):
        raise ValueError(
            "The picture must be drawn over where it is to be painted anew. "
            "Received: nothing drawn. Do take the brush and draw."
        )
    return np.any([crop.fit_masks(m[None], size)[0] for m in drawn], axis=0)


def generate(model, count=4, **asked):
    """Paints new pictures.

    Args:
        model: an `ImageGPT`.
        count: int from 1 to 16.
        asked: `text`, `label`, `seed`, `guidance_scale` and `temperature`,
            one each, as a page's fields hold them: "" and None for none.

    Returns:
        Tuple of a uint8 array of shape `(count, H, W, C)` and the first
        picture's seed; the others' follow.
    """
    asked, sampling = _settings(asked)
    images = model.generate(**asked, num_images=_checked(count), **sampling)
    return images, sampling["seed"]


def edit_choices(model):
    """Edits that a model knows, as a page names them.

    Args:
        model: an `ImageGPT`.

    Returns:
        dict of str to str: what it does, and what `edit` calls it: a name,
        and behind a slash how much to enlarge, or a style.
    """
    height, width = model.tokenizer.image_size
    choices = {}
    for name in model.edit_set.names:
        kind, _, style = name.partition("/")
        if kind == "inpaint":
            choices["Paint anew what I draw over"] = "inpaint"
            choices["Extend on all sides"] = "outpaint"
        elif kind == "upscale":
            for factor in Upscale.factors:
                if height % factor == width % factor == 0:
                    choices[f"Enlarge {factor} times"] = f"upscale/{factor}"
        elif kind == "restyle":
            choices[f"Restyle: {style or 'as in the pairs'}"] = name
        else:
            choices[kind.capitalize()] = name
    return choices


def edit(
    model,
    picture,
    edit,
    layers=None,
    border=25,
    paste_back=False,
    count=4,
    **asked,
):
    """Edits a picture several times.

    Args:
        model: an `ImageGPT`.
        picture: uint8 array of shape `(H, W, C)`, of any size; None for
            "nothing was chosen".
        edit: str, one of `edit_choices`.
        layers: as `drawn_mask` takes them; for "inpaint".
        border: int, percent of the picture's sides to add around it; for
            "outpaint", of whose picture the middle is taken that has the
            model's aspect ratio.
        paste_back: bool. Put what was drawn over and painted into the
            picture at its own size; for "inpaint".
        count, asked: as in `generate`.

    Returns:
        Tuple as `generate` returns it.
    """
    asked, sampling = _settings(asked)
    picture = _chosen(picture)
    masks = None
    edit, _, detail = edit.partition("/")
    if edit == "outpaint":
        _check_range("border", border, 1, MAX_BORDER)
        # Else the model's aspect ratio would cut two sides of the border.
        picture = crop.middle(picture, model.tokenizer.image_size)
        tall, wide = (-(-border * side // 100) for side in picture.shape[:2])
        picture, masks = crop.expand(picture, (wide, tall, wide, tall))
    elif edit == "inpaint":
        masks = drawn_mask(layers, picture.shape[:2])
    elif edit == "upscale":
        size = model.tokenizer.image_size
        picture = arrays.resize(picture, tuple(s // int(detail) for s in size))
    images = model.edit(
        np.repeat(np.asarray(picture)[None], _checked(count), axis=0),
        edit,
        masks,
        style=detail or None if edit == "restyle" else None,
        paste_back=bool(paste_back) and edit == "inpaint",
        **_captioned(asked),
        **sampling,
    )
    return images, sampling["seed"]


def place(model, picture, left=0, top=0, size=50, glyphs=False, text=None):
    """Puts a picture onto the model's canvas, and a word if it is wanted.

    Args:
        model: an `ImageGPT`.
        picture: as in `edit`.
        left, top: ints, where its corner comes to lie, in pixels of the
            model's canvas.
        size: float, its height in percent of the canvas's.
        glyphs: bool. Draw the word between quotation marks in `text`.
        text: str, the caption.

    Returns:
        Tuple of the canvas, uint8 `(H, W, C)`, and a mask, bool `(H, W)`,
        True where the model is to paint.
    """
    picture = _chosen(picture)
    canvas_size = model.tokenizer.image_size
    _check_range("size", size, 1, 100)
    _check_range("left", left, -MAX_SIDE, MAX_SIDE)
    _check_range("top", top, -MAX_SIDE, MAX_SIDE)
    scale = size / 100 * canvas_size[0] / picture.shape[0]
    canvas, mask = crop.place(picture, canvas_size, int(top), int(left), scale)
    if glyphs:
        word = captions.quoted_word(text)
        canvas, mask = lettering.with_sign(canvas, mask, word)
    return canvas, mask


def compose(
    model,
    picture,
    left=0,
    top=0,
    size=50,
    glyphs=False,
    count=4,
    **asked,
):
    """Paints around a picture that was placed on an empty canvas.

    Args:
        model, picture, left, top, size, glyphs: as in `place`.
        count, asked: as in `generate`.

    Returns:
        Tuple as `generate` returns it.
    """
    canvas, mask = place(
        model, picture, left, top, size, glyphs, asked.get("text")
    )
    asked, sampling = _settings(asked)
    images = model.edit(
        np.repeat(canvas[None], _checked(count), axis=0),
        "inpaint",
        mask,
        **_captioned(asked),
        **sampling,
    )
    return images, sampling["seed"]


def read(model, picture, text=None, label=None):
    """What a model reads of a picture, and how much it is surprised.

    Args:
        model: an `ImageGPT`.
        picture: as in `edit`; resized to the model's size.
        text, label: as in `generate`, under which it is scored.

    Returns:
        dict of `"seen"`, uint8 `(H, W, C)`, the tokens painted again;
        `"tokens"`, int32 `(rows, columns)`; `"nats"`, float32
        `(rows, columns)`, the surprise of each.
    """
    asked, _ = _settings({"text": text, "label": label})
    size = model.tokenizer.image_size
    image = np.asarray(arrays.resize(_chosen(picture), size))[None]
    numbers = model.tokenizer.encode(image)
    return {
        "seen": np.asarray(model.tokenizer.decode(numbers))[0],
        "tokens": np.asarray(numbers).reshape(model.tokenizer.grid_size),
        "nats": model.score(image, **asked, per_cell=True)[0],
    }


def drawn_tokens(found):
    """Draws what `read` found, cell by cell.

    Args:
        found: dict, as `read` returns it.

    Returns:
        uint8 array of shape `(rows, columns, 3)`: to the left the tokens'
        picture with their numbers, to the right their nats as colours.
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
    left.set_title("Tokens, and the picture that they say")
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


def _write_numbers(axes, numbers):
    """Writes a number into every cell, readable on any colour."""
    from matplotlib.patheffects import withStroke

    size = 7 if len(numbers) > 10 else 11
    outline = [withStroke(linewidth=1.6, foreground="black")]
    for (row, column), number in np.ndenumerate(numbers):
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


def _settings(asked):
    """Fields of a page, as a model's conditions and sampling arguments."""
    text, label = asked.pop("text", None), asked.pop("label", None)
    conditions = {
        "text": text.strip() if text and text.strip() else None,
        "labels": label if label is None else int(label),
    }
    seed = asked.get("seed")
    if seed is not None:
        asked["seed"] = int(seed)
    return conditions, with_seed(asked)


def _captioned(conditions):
    """Those that are given, for a model need not have all of them."""
    return {name: v for name, v in conditions.items() if v is not None}


def _chosen(picture):
    return open_picture(None) if picture is None else np.asarray(picture)


def _checked(count):
    _check_range("count", count, 1, MAX_PICTURES)
    return int(count)


def _check_range(name, value, least, most):
    if not isinstance(value, (int, float)) or not least <= value <= most:
        raise ValueError(
            f"`{name}` must be a number from {least} to {most}. "
            f"Received: {name}={value!r}."
        )
