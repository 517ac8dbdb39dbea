"""Draws what templates and edits do: `python -m benchmarks.templates FILE`.

The football model on test scenes: what is given, and what it generates.
"""

import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import keras_igpt
from keras_igpt.data.football import scenes as football_scenes
from keras_igpt.edits import kinds
from keras_igpt.images import arrays, crop, lettering
from keras_igpt.prompts import captions

SEED = 3


def box(left, top, right, bottom):
    mask = np.zeros((64, 64), bool)
    mask[top:bottom, left:right] = True
    return mask


def masked(image, mask):
    """An image with grey where it is to be generated."""
    return np.where(mask[..., None], np.uint8(150), image)


def pairs(model, scenes):
    """Titles, what is given (None for words alone), and what is generated."""
    first, second, third = (scene["image"] for scene in scenes)

    def edit(given, name, **arguments):
        return model.edit(given, name, seed=SEED, **arguments)[0]

    text = 'Two red players, ball, goal, sign "GOAL"'
    yield "generate: " + text, None, model.generate(text=text, seed=SEED)[0]
    yield (
        "complete: the lower half",
        masked(first, box(0, 32, 64, 64)),
        model.complete(first, keep_rows=32, seed=SEED)[0],
    )
    hole = box(16, 20, 48, 62)
    yield "inpaint", masked(second, hole), edit(second, "inpaint", masks=hole)
    text = "One pink player, ball"
    yield (
        "replace: " + text,
        masked(second, hole),
        edit(second, "replace", masks=hole, text=text, guidance_scale=2),
    )
    border = ~box(14, 14, 50, 50)
    yield (
        "outpaint",
        masked(first, border),
        edit(first, "outpaint", masks=border),
    )
    small = arrays.resize(third, (16, 16))
    yield "upscale: 16×16 → 64×64", small, edit(small, "upscale")
    grey = arrays.set_channels(third, 1)
    yield "colorize", np.repeat(grey, 3, axis=-1), edit(grey, "colorize")
    noisy = kinds.EDITS["denoise"].hide(first[None], np.random.default_rng(1))[
        0, ..., :3
    ]
    yield "denoise", noisy, edit(noisy, "denoise")
    text = 'Two yellow players, day, sign "ACE"'
    layout = scenes[0]["layout"]
    yield (
        "restyle, layout → image: " + text,
        layout,
        edit(layout, "restyle", style="layout", text=text, guidance_scale=2),
    )
    text = "Three blue hooped players, day"
    yield (
        "restyle, another kit: " + text,
        third,
        edit(third, "restyle", style="twin", text=text, guidance_scale=2),
    )
    text = 'Day, goal, sign "KERAS"'
    part = first[26:62, 6:40]
    canvas, mask = crop.place(part, (64, 64), 26, 14, 1.0)
    canvas, mask = lettering.with_sign(canvas, mask, captions.quoted_word(text))
    yield (
        "compose: " + text,
        masked(canvas, mask),
        edit(canvas, "inpaint", masks=mask, text=text),
    )
    text = "三名蓝衣球员，有球，夜晚"
    yield "generate, in Chinese", None, model.generate(text=text, seed=SEED)[0]


def draw(path):
    model = keras_igpt.load("football")
    scenes = list(football_scenes.scenes("test", 3, seed=SEED))
    figure, panels = plt.subplots(3, 4, figsize=(12, 6.6))
    for axes, (title, given, generated) in zip(
        panels.ravel(), pairs(model, scenes)
    ):
        if given is not None:
            axes.imshow(given, extent=(0, 64, 0, 64))
            axes.text(71, 32, "→", ha="center", va="center", fontsize=14)
        left = 78 if given is not None else 39
        axes.imshow(generated, extent=(left, left + 64, 0, 64))
        axes.set(xlim=(0, 142), ylim=(0, 64))
        head, _, caption = title.partition(": ")
        axes.set_title(f"{head}\n{caption}", fontsize=8)
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    draw(*sys.argv[1:])
