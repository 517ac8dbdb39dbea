"""Quality over steps: `python -m benchmarks.steps MODEL ... --out plot.png`.

Football from captions, by models of any order and others (which have one
column, of as many steps as cells): likelihood of real images, what one trained
judge finds right, and how long an image takes. With `--conversions` what it
finds right in layouts and twins turned into images.
"""

import argparse
import pathlib
import statistics
import time

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import keras_igpt
from keras_igpt.data.football import scenes
from keras_igpt.evaluation.football.judge import Judge
from keras_igpt.evaluation.football.report import MARKS, STYLES, evaluate
from keras_igpt.generation.plans import group_sizes

REPEATS = 5

# What is in the plot of each attribute, in %.
PLOTTED = ("words", "characters", "kit")


def bits_per_pixel(model, examples, steps=None, step_schedule=None):
    """Mean bits per pixel of real images, asked as `generate` does."""
    batches = model.prepare(
        {name: [e[name] for e in examples] for name in ("image", "text")},
        batch_size=50,
        shuffle=False,
        edit_share=0.0,
    )
    if model.any_order:
        sizes = group_sizes(model.num_cells, steps, step_schedule)
        plan = np.empty(model.num_cells, "int32")
        plan[np.array(model.decode_order)] = np.repeat(range(steps), sizes)
        batches.draw_plans = lambda count, *_: np.tile(plan, (count, 1))
    model.compile()
    found = model.evaluate(batches, verbose=0, return_dict=True)
    return found["bits_per_pixel"]


def seconds(generate):
    """Median time of an image, after a first call."""
    times = []
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        generate()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def figures(model, judge, examples, steps, options):
    """Figures of a model that takes a number of steps."""
    asked = {}
    if model.any_order:
        schedule = options.step_schedule or model.config["step_schedule"]
        asked = {"steps": steps, "step_schedule": schedule}
    text = [example["text"] for example in examples]
    found = {"bits per pixel": bits_per_pixel(model, examples, **asked)}
    asked["seed"] = options.seed
    guided = {
        **asked,
        "guidance_scale": options.guidance,
        "guidance_schedule": options.guidance_schedule,
    }
    found["seconds"] = seconds(lambda: model.generate(text=text[0], **guided))
    images = model.generate(text=text, **guided)
    found |= evaluate(judge, images, examples)["all"]
    if options.conversions:
        for style in STYLES:
            sources = np.stack([example[style] for example in examples])
            made = model.edit(
                sources, "restyle", style=style, text=text, **asked
            )
            marks = evaluate(judge, made, examples)["all"]
            found |= {f"{style}: {name}": marks[name] for name in marks}
    return found


def print_table(columns):
    """Shows figures, a column for each model and number of steps."""
    print("| | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name in next(iter(columns.values())):
        if name.endswith("pictures"):
            continue
        form = "{:.4f}" if name == "bits per pixel" else "{:.3f}"
        share = name.rpartition(": ")[-1] in MARKS
        form = "{:.1%}" if share else form
        cells = [
            form.format(found[name]) if name in found else "–"
            for found in columns.values()
        ]
        print(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")


def plot(columns, path):
    """Draws likelihood and what is right over steps."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    for name in dict.fromkeys(column[0] for column in columns):
        found = {key[1]: columns[key] for key in columns if key[0] == name}
        style = "o-" if len(found) > 1 else "s"
        bits = [one["bits per pixel"] for one in found.values()]
        left.plot(list(found), bits, style, label=name)
        for mark in PLOTTED:
            shares = [100 * one[mark] for one in found.values()]
            right.plot(list(found), shares, style, label=f"{mark}, {name}")
    for axes, title in ((left, "bits per pixel"), (right, "right, in %")):
        axes.set(xscale="log", xlabel="steps", title=title)
        axes.set_xticks(sorted({key[1] for key in columns}))
        axes.get_xaxis().set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="names or files")
    parser.add_argument("--steps", type=int, action="append")
    parser.add_argument("--n", type=int, default=300, help="images")
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--step-schedule", help="of models of any order")
    parser.add_argument("--guidance-schedule", default="constant")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=3, help="of judge")
    parser.add_argument("--conversions", action="store_true")
    parser.add_argument("--out", help="a plot, PNG")
    options = parser.parse_args()
    judge = Judge.train(minutes=options.minutes, seed=0)
    columns = {}
    for path in options.models:
        model = keras_igpt.load(path)
        size = model.tokenizer.image_size[0]
        examples = list(scenes.scenes("test", options.n, image_size=size))
        for steps in options.steps or (256, 32, 16):
            if not model.any_order:
                steps = model.num_cells
            name = pathlib.Path(path).stem
            if (name, steps) not in columns:
                found = figures(model, judge, examples, steps, options)
                columns[name, steps] = found
    real = evaluate(judge, np.stack([e["image"] for e in examples]), examples)[
        "all"
    ]
    titles = {
        f"{name}, {steps}": columns[name, steps] for name, steps in columns
    }
    print_table(titles | {"real": real})
    if options.out:
        plot(columns, options.out)


if __name__ == "__main__":
    main()
