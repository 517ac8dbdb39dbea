"""Ours and the original's: `python -m benchmarks.methods.architectures`.

Two models of as many layers and as wide, from the same images, tokens and
batches, for as long: the package's defaults, and what the original iGPT had
(learned positions, quick-GELU, no normalised queries and keys; Chen et al.
2020). Both with AdamW and two learning rates, of which the better for the
validation images is shown. Figures are nats for each dimension of a pixel, or
of a token where tokens are learned (then both read the same tokenizer's).
"""

import argparse
import pathlib
import time

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_igpt
from benchmarks.methods import datasets
from benchmarks.methods.method import batch_size, within
from benchmarks.methods.ours import LAYERS, WIDTH
from keras_igpt.atomic_files import save_json
from keras_igpt.models.config import ORIGINAL
from keras_igpt.training.schedule import default_optimizer

DATA = ("digits", "tfds:fashion_mnist", "football")

RATES = (3e-3, 1e-3)

# Cells of the longest sequence of a palette.
LONGEST = 1024


def tokenizer_for(images, levels, minutes):
    """A palette that loses nothing, or learned tokens of large images."""
    height, width, channels = images.shape[1:]
    keras.utils.set_random_seed(0)
    if height * width <= LONGEST:
        made = keras_igpt.PaletteTokenizer(
            (height, width), len(levels), channels=channels
        )
        made.adapt(images)
        return made
    made = keras_igpt.VQTokenizer(
        (height, width), 512, cell_size=4, channels=channels
    )
    made.adapt(images, minutes=minutes / 2)
    return made


def trained(tokenizer, data, rate, minutes, options, seed=0):
    """A model after so many minutes, and how many steps they were."""
    keras.utils.set_random_seed(seed)
    images, labels = data.train
    model = keras_igpt.ImageGPT(
        tokenizer,
        num_layers=LAYERS,
        num_heads=WIDTH // 32,
        hidden_dim=WIDTH,
        num_classes=data.num_classes,
        **options,
    )
    model.compile(default_optimizer(kind="adamw"))
    batches = model.prepare(
        {"image": images, "label": labels}, batch_size(model.num_cells)
    )
    within(minutes, rate, model, batches, "model")
    return model, int(model.optimizer.iterations)


def better(tokenizer, data, minutes, options, n):
    """Figures of the better of two learning rates."""
    tried = []
    for rate in RATES:
        begin = time.monotonic()
        model, steps = trained(tokenizer, data, rate, minutes, options)
        seconds = time.monotonic() - begin
        nats = [
            float(np.mean(model.score(images[:n], labels=labels[:n])))
            / model.num_cells
            for images, labels in (data.validation, data.test)
        ]
        tried.append(
            {
                "rate": rate,
                "validation": nats[0],
                "test": nats[1],
                "steps": steps,
                "seconds": seconds,
                "weights": model.count_params(),
            }
        )
    return {**min(tried, key=lambda x: x["validation"]), "tried": tried}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=DATA)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--n", type=int, default=1000, help="images scored")
    parser.add_argument("--limit", type=int, help="images of each split")
    parser.add_argument("--out", type=pathlib.Path, default="runs/methods")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    table = Table("data", "original", "ours", "fewer", "steps", "rates")
    results = {}
    for name in options.data:
        data = datasets.load(name, options.limit)
        tokenizer = tokenizer_for(data.train[0], data.levels, options.minutes)
        found = {
            kind: better(tokenizer, data, options.minutes, chosen, options.n)
            for kind, chosen in (("original", ORIGINAL), ("ours", {}))
        }
        results[name] = found
        save_json(
            options.out / "architectures.json",
            {"minutes": options.minutes, "found": results},
        )
        theirs, ours = found["original"], found["ours"]
        table.add_row(
            name,
            f"{theirs['test']:.4f}",
            f"{ours['test']:.4f}",
            f"{1 - ours['test'] / theirs['test']:.1%}",
            f"{theirs['steps']} / {ours['steps']}",
            f"{theirs['rate']} / {ours['rate']}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
