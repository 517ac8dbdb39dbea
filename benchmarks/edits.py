"""What edits cost, with the football model: `python -m benchmarks.edits`.

A training step beside one without edits, and the time to paint a hole or a
half beside that of a whole picture. Repetitions alternate; ratios are medians
over them.
"""

import argparse
import statistics
import time

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_igpt
from keras_igpt.data.football import scenes
from keras_igpt.models.transfer import from_model

BATCH, STEPS = 16, 6


def fitting(model, repeats):
    """Seconds of a step, with edits and without, by precision."""
    pictures = _pictures("train", BATCH * STEPS)
    for precision in ("float32", "mixed_bfloat16"):
        runs = {}
        for name, edits in (("edits", model.edit_set.names), ("none", ())):
            trained = from_model(model, edits=edits, dtype=precision)
            trained.compile(optimizer=keras.optimizers.AdamW(1e-4))
            runs[name] = (trained, trained.prepare(pictures, BATCH))
        seconds = _alternate(
            {
                name: lambda pair=pair: pair[0].fit(pair[1], verbose=0)
                for name, pair in runs.items()
            },
            repeats,
        )
        yield f"step, batch {BATCH}, {precision}", seconds, STEPS


def painting(model, repeats):
    """Seconds of a whole picture, of a centred hole and of a lower half."""
    height, width = model.tokenizer.image_size
    hole = np.zeros((height, width), bool)
    hole[height // 4 : -height // 4, width // 4 : -width // 4] = True
    half = np.zeros((height, width), bool)
    half[height // 2 :] = True
    for batch in (1, 16):
        images = _pictures("test", batch)["image"]
        tasks = {
            "whole": lambda: model.generate(num_images=batch, seed=0),
            "hole of 25 %": lambda: model.edit(
                images, "inpaint", masks=hole, seed=0
            ),
            "lower half": lambda: model.edit(
                images, "inpaint", masks=half, seed=0
            ),
            "lower half, complete": lambda: model.complete(
                images, height // 2, seed=0
            ),
        }
        yield f"paint {batch}", _alternate(tasks, repeats), 1


def _alternate(tasks, repeats):
    """Seconds of each repetition, after one that compiles."""
    seconds = {name: [] for name in tasks}
    for repeat in range(repeats + 1):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            if repeat:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def _pictures(split, count):
    examples = list(scenes.scenes(split, count))
    pairs = {
        "image": np.stack([example["image"] for example in examples]),
        "source": np.stack([example["layout"] for example in examples]),
        "text": [example["text"] for example in examples],
        "style": ["layout"] * count,
    }
    return pairs


def main():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.edits", None, __doc__
    )
    parser.add_argument("--model", default="football")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    model = keras_igpt.load(options.model)
    table = Table("What", "", "seconds", "ratio")
    for measure, base in ((fitting, "none"), (painting, "whole")):
        for title, seconds, parts in measure(model, options.repeats):
            for name, values in seconds.items():
                ratios = [a / b for a, b in zip(values, seconds[base])]
                table.add_row(
                    title,
                    name,
                    f"{statistics.median(values) / parts:.3f}",
                    f"{statistics.median(ratios):.2f}",
                )
    Console().print(table)


if __name__ == "__main__":
    main()
