"""What helps a model learn in few minutes: `python -m benchmarks.learning`.

Fashion-MNIST at 14×14 in 16 greys, 4,000 images to learn from, conditional on
the class: what `keras-igpt train --minutes 4` does with its defaults, beside
the same with one thing changed. Bits per pixel of 2,000 test images; images
recognised as asked by a support vector machine, divided by how many it
recognises of the test images.
"""

import argparse
import json
import pathlib

import keras
import numpy as np
from rich.console import Console

import keras_igpt
from keras_igpt.atomic_files import save_json
from keras_igpt.cli.training.new_model import default_dropout
from keras_igpt.evaluation.recognition import recognition_figures
from keras_igpt.training.schedule import (
    TrainingBudget,
    default_optimizer,
    fit_within,
)

DATA, SIZE, TRAIN, TEST = "tfds:fashion_mnist", 14, 4000, 2000


# What `keras-igpt train` does by default, which gives few images dropout.
NOW = {"size": "tiny", "optimizer": "muon", "rate": 1e-2, "batch": 32}
# What it did before: first AdamW, then Muon.
MUON = {"dropout": 0.0}
ADAMW = {**MUON, "optimizer": "adamw", "rate": 2e-3}

VARIANTS = {
    "now": {},
    "AdamW at 0.002": ADAMW,
    "AdamW at 0.004": {**ADAMW, "rate": 4e-3},
    "AdamW, batches of 16": {**ADAMW, "batch": 16},
    "Muon at 0.01": MUON,
    "Muon at 0.005": {**MUON, "rate": 5e-3},
    "Muon, batches of 16": {**MUON, "batch": 16},
    "Muon, size small": {**MUON, "size": "small"},
    "Muon, weight decay 0.3": {**MUON, "decay": 0.3},
    "Muon, dropout 0.1": {"dropout": 0.1},
    "Muon, dropout 0.2": {"dropout": 0.2},
    "AdamW, dropout 0.1": {**ADAMW, "dropout": 0.1},
    "any order": {**MUON, "order": "any"},
    "any order, dropout 0.1": {"order": "any", "dropout": 0.1},
    "Muon, moved by a pixel": {**MUON, "moved": True},
    "Muon, moved, mirrored": {**MUON, "moved": True, "mirrored": True},
    "Muon, moved, mirrored, dropout 0.1": {
        **{"moved": True, "mirrored": True},
        "dropout": 0.1,
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--only", help="names of variants, '; ' between")
    parser.add_argument("--bits", action="store_true", help="bits alone")
    parser.add_argument("--side", type=int, default=SIZE, help="of images")
    parser.add_argument("--images", type=int, default=TRAIN, help="to learn")
    parser.add_argument("--batch", type=int, help="size of all batches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default="runs/learning")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "learning.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    train, test = (
        keras_igpt.data.load(DATA, split, image_size=options.side).take(count)
        for split, count in (("train", options.images), ("test", TEST))
    )
    tokenizer = keras_igpt.PaletteTokenizer((options.side,) * 2, 16, channels=1)
    tokenizer.adapt(train)
    wanted = options.only.split("; ") if options.only else VARIANTS
    for name in wanted:
        results[name] = learned(name, tokenizer, train, test, options)
        Console().print({name: results[name]})
        save_json(file, results)


def augmented(draw, side, moved, mirrored):
    """A batch's `draw` whose tokens are moved and mirrored at random."""

    def move(image, generator):
        down, right = generator.integers(0, 3, 2)
        padded = np.pad(image, 1, mode="edge")
        return padded[down : down + side, right : right + side]

    def drawn(inputs, generator):
        inputs = draw(inputs, generator) if draw else inputs
        images = inputs["tokens"].reshape(-1, side, side)
        if mirrored:
            turned = generator.random((len(images), 1, 1)) < 0.5
            images = np.where(turned, images[:, :, ::-1], images)
        if moved:
            images = np.stack([move(image, generator) for image in images])
        return {**inputs, "tokens": images.reshape(len(images), -1)}

    return drawn if moved or mirrored else draw


def learned(name, tokenizer, train, test, options):
    asked = {**NOW, **VARIANTS[name]}
    keras.utils.set_random_seed(options.seed)
    network = keras_igpt.ImageGPT.SIZES[asked["size"]]
    usual = default_dropout(network, tokenizer, options.images)
    model = keras_igpt.ImageGPT(
        tokenizer,
        **network,
        num_classes=10,
        order=asked.get("order", "raster"),
        dropout=asked.get("dropout", usual),
    )
    model.compile(default_optimizer(kind=asked["optimizer"]))
    if "decay" in asked:
        model.optimizer.weight_decay = asked["decay"]
        model.optimizer.adam_weight_decay = asked["decay"]
    size = options.batch or asked["batch"]
    batches = model.prepare(train, size, seed=options.seed)
    batches.draw = augmented(
        batches.draw, options.side, asked.get("moved"), asked.get("mirrored")
    )
    fit_within(
        model, batches, TrainingBudget(asked["rate"], minutes=options.minutes)
    )
    rows = model.prepare(test, shuffle=False)
    figures = model.evaluate(rows, verbose=0, return_dict=True)
    found = {
        "bits": figures["bits_per_pixel"],
        "steps": int(model.optimizer.iterations.numpy()),
    }
    if not options.bits:
        shown = recognition_figures(
            model, batches.inputs, rows.inputs, options.seed
        )
        found["recognised"] = (
            shown["recognised_generated"] / shown["recognised_real"]
        )
    return found


if __name__ == "__main__":
    main()
