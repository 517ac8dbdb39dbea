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
import time

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_igpt
from keras_igpt.atomic_files import save_json
from keras_igpt.evaluation.recognition import recognition_figures
from keras_igpt.training.schedule import TrainingBudget, fit_within

DATA, SIZE, TRAIN, TEST = "tfds:fashion_mnist", 14, 4000, 2000


def adamw(**changed):
    arguments = {"weight_decay": 0.05, "beta_2": 0.95, "global_clipnorm": 1.0}
    return keras.optimizers.AdamW(1e-3, **{**arguments, **changed})


def muon(**changed):
    arguments = {
        "weight_decay": 0.05,
        "adam_weight_decay": 0.05,
        "adam_beta_2": 0.95,
        "global_clipnorm": 1.0,
        "exclude_layers": ["head"],
    }
    return keras.optimizers.Muon(1e-3, **{**arguments, **changed})


# Before: what the defaults were.
BEFORE = {
    "size": "tiny",
    "optimizer": adamw,
    "rate": 2e-3,
    "batch": 32,
    "dropout": 0.0,
    "model": {},
}

VARIANTS = {
    "before": {},
    "rate 4e-3": {"rate": 4e-3},
    "rate 8e-3": {"rate": 8e-3},
    "batch 16": {"batch": 16},
    "batch 8": {"batch": 8},
    "Muon": {"optimizer": muon},
    "Muon, rate 5e-3": {"optimizer": muon, "rate": 5e-3},
    "Muon, rate 1e-2": {"optimizer": muon, "rate": 1e-2},
    "neighbors 1": {"model": {"neighbors": 1}},
    "neighbors 2": {"model": {"neighbors": 2}},
    "n1, rate 4e-3": {"model": {"neighbors": 1}, "rate": 4e-3},
    "n2, rate 4e-3": {"model": {"neighbors": 2}, "rate": 4e-3},
    "n1, Muon 5e-3": {
        "model": {"neighbors": 1},
        "optimizer": muon,
        "rate": 5e-3,
    },
    "n1, Muon 5e-3, batch 16": {
        "model": {"neighbors": 1},
        "optimizer": muon,
        "rate": 5e-3,
        "batch": 16,
    },
    "n1, Muon 1e-2": {
        "model": {"neighbors": 1},
        "optimizer": muon,
        "rate": 1e-2,
    },
    "n2, Muon 5e-3": {
        "model": {"neighbors": 2},
        "optimizer": muon,
        "rate": 5e-3,
    },
    "Muon 1e-2, batch 16": {"optimizer": muon, "rate": 1e-2, "batch": 16},
    "Muon 2e-2": {"optimizer": muon, "rate": 2e-2},
    "b8": {"batch": 8},
    "b8 n1": {"batch": 8, "model": {"neighbors": 1}},
    "b8 Muon 1e-2": {"batch": 8, "optimizer": muon, "rate": 1e-2},
    "b8 n1 Muon 1e-2": {
        "batch": 8,
        "optimizer": muon,
        "rate": 1e-2,
        "model": {"neighbors": 1},
    },
    "small, Muon 1e-2": {"size": "small", "optimizer": muon, "rate": 1e-2},
    "n1, small, Muon 5e-3": {
        "model": {"neighbors": 1},
        "size": "small",
        "optimizer": muon,
        "rate": 5e-3,
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--only", help="names of variants, '; ' between")
    parser.add_argument("--bits", action="store_true", help="bits alone")
    parser.add_argument("--side", type=int, default=SIZE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default="runs/learning")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "learning.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    train, test = (
        keras_igpt.data.load(DATA, split, image_size=options.side).take(count)
        for split, count in (("train", TRAIN), ("test", TEST))
    )
    tokenizer = keras_igpt.PaletteTokenizer((options.side,) * 2, 16, channels=1)
    tokenizer.adapt(train)
    wanted = options.only.split("; ") if options.only else VARIANTS
    for name in wanted:
        results[name] = learned(name, tokenizer, train, test, options)
        Console().print({name: results[name]})
        save_json(file, results)


def learned(name, tokenizer, train, test, options):
    asked = {**BEFORE, **VARIANTS[name]}
    keras.utils.set_random_seed(options.seed)
    model = keras_igpt.ImageGPT(
        tokenizer,
        **keras_igpt.ImageGPT.SIZES[asked["size"]],
        num_classes=10,
        dropout=asked["dropout"],
        **asked["model"],
    )
    model.compile(asked["optimizer"]())
    batches = model.prepare(train, asked["batch"], seed=options.seed)
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
