"""What `keras-igpt edit` does with a picture file, callable from Python too."""

import numpy as np

from keras_igpt.argument_checks import check_suffix
from keras_igpt.cli.jobs import (
    check_asked,
    label_numbers,
    load_painter,
    with_seed,
    write_pictures,
)
from keras_igpt.edits.edit_set import ALIASES
from keras_igpt.edits.kinds import Upscale
from keras_igpt.images import arrays, crop, files, lettering
from keras_igpt.images.files import save_png
from keras_igpt.prompts import captions

WITH_MASKS = {"inpaint", *ALIASES}


def edit(
    file,
    model,
    edit,
    count,
    sampling,
    out,
    mask=None,
    expand=None,
    at=None,
    scale=1.0,
    factor=4,
    style=None,
    labels=None,
    text=None,
    paste_back=False,
    glyphs=False,
):
    """Edits a picture several times, into files.

    Args:
        file: path of the picture, of any size.
        model: path as `keras_igpt.load` takes it.
        edit: str. One of the model's edits; or "outpaint" and "replace",
            which are the same; or "compose", which places the picture on
            an empty canvas and paints around it.
        count: int. How many results.
        sampling: dict of `ImageGPT.edit`'s sampling arguments.
        out: a `.png` path for one sheet, or a folder for single files.
        mask: path of a picture of the same size, white where to paint; or
            four ints, left, top, right and bottom of a box in pixels; or
            None: where the picture is transparent.
        expand: four ints, pixels to add to the left, above, to the right
            and below.
        at: two ints, where "compose" puts the picture's left upper corner,
            in pixels of the model's canvas, x first.
        scale: float. How much "compose" enlarges the picture.
        factor: 2 or 4. How much "upscale" enlarges; the picture is first
            shrunk to the model's size divided by it.
        glyphs: bool. "compose" draws the word between quotation marks in
            the caption itself, and keeps it, rather than let it be painted.
        style, labels, text, paste_back: as `ImageGPT.edit` takes them,
            labels as str.

    Returns:
        The path that was written.

    Raises:
        ValueError: if what the edit needs is missing, or superfluous.
    """
    check_asked(count, out)
    _check(edit, expand, at, scale, mask, factor, glyphs)
    painter = load_painter(model)
    sampling = with_seed(sampling)
    channels = painter.tokenizer.channels
    image = arrays.set_channels(files.read(file), channels)
    masks = None
    if edit == "compose":
        size = painter.tokenizer.image_size
        image, masks = crop.place(image, size, at[1], at[0], scale)
        if glyphs:
            word = captions.quoted_word(text[0] if text else None)
            image, masks = lettering.with_sign(image, masks, word)
    elif expand is not None:
        image, masks = crop.expand(image, expand)
        if paste_back:
            crop.check_seen(masks, painter.tokenizer.image_size)
    elif edit in WITH_MASKS or mask is not None:
        masks = _mask(mask, file, image.shape[:2])
    elif edit == "upscale":
        small = [side // factor for side in painter.tokenizer.image_size]
        image = arrays.resize(image, tuple(small))
    images = painter.edit(
        np.repeat(image[None], count, axis=0),
        "inpaint" if edit == "compose" else edit,
        masks,
        labels=label_numbers(labels, model),
        text=text or None,
        style=style,
        paste_back=paste_back,
        **sampling,
    )
    parameters = {
        "model": str(model),
        "file": str(file),
        "edit": edit,
        "mask": mask if mask is None else str(mask),
        "expand": expand,
        "at": at,
        "scale": scale,
        "factor": factor,
        "glyphs": glyphs,
        "style": style,
        "paste_back": paste_back,
        "label": labels,
        "text": text,
        "n": count,
        **sampling,
    }
    return write_pictures(images, out, parameters)


def evaluate(model, source, count, split="test", seed=0, out=None):
    """Figures of restored test pictures, for the terminal.

    Args:
        model: path as `keras_igpt.load` takes it.
        source: data as `keras_igpt.data.load` takes it. Of "football" the
            features for Fréchet distances are those of the judge.
        count, split, seed: as `keras_igpt.edit_report.report` takes them.
        out: path of a `.png` file for a sheet of pictures, or None.

    Returns:
        A `rich.table.Table`.
    """
    from keras_igpt.evaluation import restoration

    check_suffix("--out", out, ".png")
    painter = load_painter(model)
    features = None
    if source.split("/")[0] == "football":
        from keras_igpt.evaluation.football.judge import Judge

        features = Judge.train(seed=seed).features
    figures = restoration.report(painter, source, split, count, seed, features)
    if out is not None:
        parameters = {"model": str(model), "data": source, "seed": seed}
        save_png(out, restoration.sheet(figures), parameters)
    return restoration.table(figures)


def _check(edit, expand, at, scale, mask, factor, glyphs):
    """Options that an edit cannot do without, or cannot use."""
    if factor not in Upscale.factors:
        raise ValueError(
            f"`--factor` must be one of {Upscale.factors}. "
            f"Received: --factor {factor}."
        )
    if (edit == "compose") != (at is not None):
        raise ValueError(
            "`--at` must be given for compose, and only for it. "
            f"Received: --edit {edit}, --at {at}. Do say where the picture's "
            "left upper corner is to lie, as --at 10,20."
        )
    if scale <= 0:
        raise ValueError(
            f"`--scale` must be above 0. Received: --scale {scale}."
        )
    if mask is not None and (edit == "compose" or expand is not None):
        raise ValueError(
            "`--mask` must be left out for compose and with --expand, which "
            "say themselves where to paint. "
            f"Received: --edit {edit}, --mask {mask}."
        )
    if glyphs and edit != "compose":
        raise ValueError(
            "`--glyphs` must be left out but for compose. "
            f"Received: --edit {edit}, --glyphs."
        )
    if edit == "outpaint" and expand is None and mask is None:
        raise ValueError(
            "`--expand` must be given for outpaint. Received: none. "
            "Do say how many pixels to add, as --expand 0,0,32,0 for left, "
            "top, right and bottom."
        )
    if expand is not None and edit not in WITH_MASKS:
        raise ValueError(
            "`--expand` must be left out but for outpaint. "
            f"Received: --edit {edit}, --expand {expand}."
        )


def _mask(mask, file, size):
    """A mask file, a box or the picture's own transparency, as an array."""
    if mask is None:
        hidden = files.transparency(file)
        if hidden is None:
            raise ValueError(
                "`--mask` must say where to paint: a file that is white "
                "there, or LEFT,TOP,RIGHT,BOTTOM. Received: none, and a "
                f"picture without transparent parts: {file}."
            )
        return hidden
    if isinstance(mask, (tuple, list)):
        left, top, right, bottom = mask
        box = np.zeros(size, bool)
        box[max(top, 0) : bottom, max(left, 0) : right] = True
        if not box.any():
            raise ValueError(
                "`--mask` must be a box within the picture of "
                f"{size[1]} x {size[0]}. Received: {mask}."
            )
        return box
    return arrays.set_channels(files.read(mask), 1)[..., 0]
