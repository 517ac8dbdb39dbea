"""Draws how the model works: `python -m benchmarks.diagram FILE`.

With an edit of a football image as the example.
"""

import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

from keras_igpt.data.football import scenes

INK, PROMPT, CELL, NOW = "#333333", "#dbe9f6", "#e6f2dc", "#f6c15b"


def box(axes, x, y, width, height, text, color):
    axes.add_patch(Rectangle((x, y), width, height, fc=color, ec=INK, lw=0.8))
    # Words must not touch the edges of a box for one token.
    size = 7.5 if width < 1 and len(text) > 3 else 9
    middle = (x + width / 2, y + height / 2)
    axes.text(*middle, text, ha="center", va="center", fontsize=size)


def arrow(axes, start, end, **style):
    style = {"arrowstyle": "-|>", "mutation_scale": 10, "color": INK, **style}
    axes.add_patch(FancyArrowPatch(start, end, **style))


def show(axes, x, y, image, title):
    axes.imshow(image, extent=(x, x + 2, y, y + 2), zorder=2)
    axes.text(x + 1, y - 0.15, title, ha="center", va="top", fontsize=8)


def draw(path):
    scene = next(iter(scenes.scenes("test", 1)))
    image, known = scene["image"], scene["image"].copy()
    known[20:56, 24:56] = 255
    plt.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans"})
    figure, axes = plt.subplots(figsize=(10, 4.4))

    # === Prompt and cells, as one sequence ===
    for i, text in enumerate(["edit", "class", "T", "w", "o", "…"]):
        box(axes, 0.2 + 0.75 * i, 3, 0.7, 0.6, text, PROMPT)
    axes.text(
        2.4,
        2.75,
        "prompt, read as a whole; its\nsummary is added at every cell",
        ha="center",
        va="top",
    )
    cells = ["start", "17", "402", "17", "…", "96", "…"]
    for i, text in enumerate(cells):
        color = NOW if i == 5 else CELL
        box(axes, 5 + 0.75 * i, 3, 0.7, 0.6, text, color)
    axes.text(5, 2.75, "cells, row by row:\nthe token before each", va="top")
    box(
        axes, 0.2, 4.1, 10, 0.6, "Transformer (keys and values cached)", "white"
    )
    for x in [0.55 + 0.75 * i for i in range(6)]:
        arrow(axes, (x, 3.6), (x, 4.1))
    for x in [5.35 + 0.75 * i for i in range(7)]:
        arrow(axes, (x, 3.6), (x, 4.1))

    # === What comes out, and the source ===
    heights = np.array([0.2, 0.35, 0.95, 0.3, 0.15, 0.5, 0.1])
    left = 8.6 + 0.13 * np.arange(len(heights))
    axes.bar(left, heights, 0.1, bottom=5.2, color=NOW, ec=INK, lw=0.5)
    arrow(axes, (9.1, 4.7), (9.1, 5.15))
    axes.text(8.4, 5.6, "one number from\nthe seed picks", ha="right")
    arrow(axes, (9.6, 5.7), (11.1, 5.7))
    axes.text(10.3, 5.8, "token", ha="center")
    show(
        axes, 11.2, 4.6, image, "tokenizer decodes; known\npixels are put back"
    )
    show(axes, 2.4, -0.2, known, "source: what is known, if anything")
    box(axes, 5.4, 0.5, 2.4, 0.6, "source encoder", PROMPT)
    arrow(axes, (4.45, 0.8), (5.35, 0.8))
    arrow(axes, (7.8, 0.8), (9.1, 2.98), connectionstyle="arc3,rad=0.3")
    axes.text(9.4, 1.4, "added at the cell\nto be generated", va="center")
    axes.set(xlim=(0, 13.4), ylim=(-0.8, 6.9), aspect="equal")
    axes.axis("off")
    figure.savefig(path, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    draw(*sys.argv[1:])
