"""What an image's size costs: `python -m benchmarks.sizes`.

For each size a process of its own: memory of training and of generating, time
of a training step, and time to generate, of one model with learned tokens of
4x4 pixels and with a palette. Weights and images are random: neither changes
what a step costs.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

CASES = [("vq", 32), ("vq", 64), ("vq", 128), ("palette", 32)]
BATCH = 16


def measure(kind, side, size, work):
    """Seconds and peak memory of one case, run in this process."""
    import keras
    import numpy as np

    import keras_igpt

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (BATCH, side, side, 3), dtype="uint8")
    if kind == "vq":
        tokenizer = keras_igpt.VQTokenizer((side, side), codebook_size=512)
    else:
        tokenizer = keras_igpt.PaletteTokenizer((side, side), num_colors=512)
        tokenizer.adapt(images)
    model = keras_igpt.ImageGPT(
        tokenizer, text_length=64, **keras_igpt.ImageGPT.SIZES[size]
    )
    if work == "train":
        model.compile(keras.optimizers.AdamW(1e-4))
        grid = (BATCH, model.num_cells)
        inputs = {
            "tokens": generator.integers(0, 512, grid, dtype="int32"),
            "text": generator.integers(97, 123, (BATCH, 64), dtype="int32"),
        }
        run = lambda: model.train_on_batch(inputs, inputs["tokens"])  # noqa: E731
    else:
        run = lambda: model.generate(text="an image", seed=0)  # noqa: E731
    run()
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "cells": model.num_cells,
        "weights": model.count_params() - tokenizer.count_params(),
        "seconds": statistics.median(seconds),
        "gib": peak,
    }


def apart(size, *case):
    """As `measure`, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sizes", "--size", size]
    done = subprocess.run(
        [*command, "--case", *map(str, case)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.sizes", None, __doc__
    )
    parser.add_argument("--size", default="small", help="of the model")
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        kind, side, work = options.case
        print(json.dumps(measure(kind, int(side), options.size, work)))
        return
    table = Table(title=f"{options.size}, training in batches of {BATCH}")
    for name in ("Image", "Tokens", "Weights", "Step, s", "GiB"):
        table.add_column(name, justify="right")
    for name in ("Image, s", "GiB"):
        table.add_column(name, justify="right")
    for kind, side in CASES:
        trained, generated = (
            apart(options.size, kind, side, work)
            for work in ("train", "generate")
        )
        table.add_row(
            f"{side}×{side}, {kind}",
            str(trained["cells"]),
            f"{trained['weights'] / 1e6:.1f} M",
            f"{trained['seconds']:.2f}",
            f"{trained['gib']:.1f}",
            f"{generated['seconds']:.2f}",
            f"{generated['gib']:.1f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
