"""How much of what was asked for a model generates in football images.

    figures = report(model, count=200, guidance_scales=(1.0, 3.0))
    rich.print(table(figures))

The figures are those of a judge (`judge.py`), not of people.

Axes: B images.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.data.football import captions, scenes
from keras_igpt.data.football.canvas import LABELS
from keras_igpt.evaluation.football.judge import ATTRIBUTES, Judge
from keras_igpt.evaluation.tokenizer_quality import reconstructed
from keras_igpt.models.image_gpt import ImageGPT

if TYPE_CHECKING:
    from rich.table import Table

LANGUAGES = captions.VOCABULARY["language"]

MARKS = (*ATTRIBUTES, "characters", "words", "scores", "no_word")

# Pairs of images that conversions are learned from.
STYLES = ("layout", "twin")

PLAYER_LABELS = ("shirt", "shorts", "body")


def evaluate(
    judge: Judge, images: Array, examples: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """How much of what was asked a judge finds in images.

    Args:
        judge: names what they show.
        images: uint8 array of shape `(B, size, size, 3)`.
        examples: B dicts of facts, as `scenes.scenes` gives. A fact that is
            missing is not counted.

    Returns:
        dict of dicts: "all", and each language that occurs. Each has
        "pictures", their number, and shares from 0 to 1: those of each
        attribute that are right; for words of 3 to 6 letters "characters",
        the mean of `character_accuracy`, and "words", those read exactly;
        "scores" such as 2-1 read exactly; "no_word", those rightly without
        any. What no example asks for is left out.

    Raises:
        ValueError: if there is not one example per image.
    """
    if len(images) != len(examples):
        raise ValueError(
            "`examples` must be one per image. "
            f"Received: {len(examples)} examples, {len(images)} images."
        )
    found = judge(images)
    marks = [
        _marks(example, {name: found[name][i] for name in found})
        for i, example in enumerate(examples)
    ]
    groups = {"all": marks}
    for language in LANGUAGES:
        groups[language] = [
            mark
            for mark, example in zip(marks, examples)
            if example.get("language") == language
        ]
    return {name: _means(group) for name, group in groups.items() if group}


def _marks(example, found):
    """Marks of one image, from 0 to 1."""
    marks = {
        name: float(found[name] == example[name])
        for name in ATTRIBUTES
        if name in example
    }
    if "word" not in example:
        return marks
    wanted, word = example["word"], found["word"]
    exact = float(word == wanted)
    if wanted == "":
        marks["no_word"] = exact
    elif not wanted.isalpha():
        marks["scores"] = exact
    elif len(wanted) >= 3:
        marks["characters"] = character_accuracy(word, wanted)
        marks["words"] = exact
    return marks


def _means(group):
    names = dict.fromkeys(name for marks in group for name in marks)
    means = {
        name: float(np.mean([marks[name] for marks in group if name in marks]))
        for name in names
    }
    return {"pictures": len(group), **means}


def character_accuracy(word: str, wanted: str) -> float:
    """1 less the edit distance per letter wanted, but not below 0."""
    return max(0.0, 1 - edit_distance(word, wanted) / len(wanted))


def edit_distance(word: str, wanted: str) -> int:
    """Letters to insert, delete or replace to make a word of another."""
    above = list(range(len(wanted) + 1))
    for i, mark in enumerate(word):
        row = [i + 1]
        for j, other in enumerate(wanted):
            swapped = above[j] + (mark != other)
            row.append(min(swapped, above[j + 1] + 1, row[j] + 1))
        above = row
    return above[-1]


def report(
    model: ImageGPT,
    judge: Judge | None = None,
    split: str = "test",
    count: int = 200,
    guidance_scales: Sequence[float] = (1.0,),
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of a model that generates football images from captions.

    Args:
        model: a model with captions, of images as `Judge` takes.
        judge: default: one trained now, for three minutes.
        split: whose captions to generate from.
        count: how many.
        guidance_scales: `ImageGPT.generate` takes each in turn.
        seed: image i is generated with `seed + i`.

    Returns:
        dict of "split", "count" and "seed"; "generated", a dict of what
        `evaluate` returns for each guidance scale; the same for the "real"
        images of the same captions and for those "decoded" from their
        tokens, which no model can beat; and "nats_per_picture" and
        "unconditional_nats_per_picture", means over the real images with
        and without their captions.

    Raises:
        ValueError: if the model takes no captions.
    """
    if not model.text_length:
        raise ValueError(
            "`model` must take captions. Received: a model with "
            "text_length=0. Train one with captions."
        )
    judge = judge or Judge.train(seed=seed)
    size = model.tokenizer.image_size[0]
    examples = list(scenes.scenes(split, count, image_size=size))
    images = np.stack([example["image"] for example in examples])
    text = [example["text"] for example in examples]

    def judged(scale):
        generated = model.generate(text=text, seed=seed, guidance_scale=scale)
        return evaluate(judge, generated, examples)

    decoded = reconstructed(model.tokenizer, images)
    return {
        "split": split,
        "count": count,
        "seed": seed,
        "generated": {scale: judged(scale) for scale in guidance_scales},
        "decoded": evaluate(judge, decoded, examples),
        "real": evaluate(judge, images, examples),
        "nats_per_picture": float(model.score(images, text=text).mean()),
        "unconditional_nats_per_picture": float(model.score(images).mean()),
    }


def conversions(
    model: ImageGPT,
    judge: Judge | None = None,
    split: str = "test",
    count: int = 200,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Figures of a model that makes football images out of others.

    Args:
        model: a model with the edits "restyle/layout" or "restyle/twin".
        judge, split, count, seed: as in `report`.

    Returns:
        dict of dicts: for each style and temperature, as "layout, 1.0", what
        `evaluate` says of all images, and "changed", the mean absolute
        difference to the real images outside of players, in levels; under
        "decoded" that of the real images' own tokens.

    Raises:
        ValueError: if the model has learned no such edit.
    """
    styles = [s for s in STYLES if f"restyle/{s}" in model.edit_set.names]
    if not styles:
        raise ValueError(
            f"`model` must know one of {[f'restyle/{s}' for s in STYLES]}. "
            f"Received: a model with edits={model.edit_set.names}."
        )
    judge = judge or Judge.train(seed=seed)
    size = model.tokenizer.image_size[0]
    examples = list(scenes.scenes(split, count, image_size=size))
    images, layouts = (
        np.stack([example[name] for example in examples])
        for name in ("image", "layout")
    )
    outside = np.ones(layouts.shape[:3], bool)
    for label in PLAYER_LABELS:
        outside &= (layouts != LABELS[label]).any(-1)

    def figures(converted):
        difference = np.abs(converted.astype(int) - images)[outside]
        found = evaluate(judge, converted, examples)["all"]
        return {**found, "changed": float(difference.mean())}

    found = {"decoded": figures(reconstructed(model.tokenizer, images))}
    for style in styles:
        for temperature in (1.0, 0.0):
            converted = model.edit(
                np.stack([example[style] for example in examples]),
                "restyle",
                style=style,
                text=[example["text"] for example in examples],
                temperature=temperature,
                seed=seed,
            )
            found[f"{style}, {temperature}"] = figures(converted)
    return found


def conversion_table(figures: dict[str, dict[str, float]]) -> "Table":
    """Shows what `conversions` returns, as a `rich.table.Table`."""
    from rich.table import Table

    count = figures["decoded"]["pictures"]
    shown = Table("Right", *figures, title=f"{count} images converted")
    for name in MARKS:
        if name in figures["decoded"]:
            cells = [f"{found[name]:.1%}" for found in figures.values()]
            shown.add_row(name.replace("_", " "), *cells)
    cells = [f"{found['changed']:.2f}" for found in figures.values()]
    shown.add_row("levels changed outside of players", *cells)
    return shown


def table(figures: dict[str, Any]) -> "Table":
    """Shows what `report` returns, as a `rich.table.Table` for 80 columns."""
    from rich.table import Table

    columns = {}
    for scale, groups in figures["generated"].items():
        columns |= {
            f"{name} {scale:g}": groups.get(name)
            for name in ("all", *LANGUAGES)
        }
    for kind in ("decoded", "real"):
        columns[kind] = figures[kind]["all"]
    columns = {name: group for name, group in columns.items() if group}
    shown = Table(
        "",
        *columns,
        box=None,
        padding=(0, 1, 0, 0),
        title=(
            f"{figures['count']} captions of the {figures['split']} split: "
            "right, in %, by guidance"
        ),
        caption=(
            f"{figures['nats_per_picture']:.1f} nats per image with "
            "captions, "
            f"{figures['unconditional_nats_per_picture']:.1f} without"
        ),
    )
    for name in MARKS:
        shares = [group.get(name) for group in columns.values()]
        if any(share is not None for share in shares):
            cells = ["–" if s is None else f"{100 * s:.1f}" for s in shares]
            shown.add_row(name.replace("_", " "), *cells)
    return shown
