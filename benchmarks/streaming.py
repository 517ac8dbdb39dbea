"""Training from a disk beside training from memory.

    python -m benchmarks.streaming

Shards of 1,000 and of 1,000,000 rows, each 256 tokens, a caption and the image
that edits are drawn from, are trained on for a few steps, each in a process of
its own: time of a step beside that of images in memory, time to open, peak of
the resident memory. All rows are repeated from 500 drawn football scenes, and
the shards of the long set are one file under many names: what is measured is
how rows are found, read, decoded and drawn from, not a disk.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

SCENES = 500
ROWS = 10_000  # of a shard
BATCH = 32

# What it should be: of the step's time, GiB more, and seconds.
MOST_RATIO, MOST_GIB, MOST_SECONDS = 1.03, 1.5, 2.0


def scenes():
    """Drawn scenes as arrays: "image" and "text"."""
    from keras_igpt.data.football.scenes import scenes

    drawn = list(scenes("train", SCENES))
    return {
        "image": np.stack([scene["image"] for scene in drawn]),
        "text": [scene["text"] for scene in drawn],
    }


def write(folder, count):
    """Shards of `count` rows, which repeat the scenes."""
    import keras_igpt
    from keras_igpt.data.shards import manifest as manifests
    from keras_igpt.data.shards.rows import encode_png
    from keras_igpt.data.shards.writer import write_file, write_metadata

    tokenizer = keras_igpt.load("football").tokenizer
    drawn = scenes()
    rows = [
        {"tokens": tokens, "text": text, "image": encode_png(image)}
        for image, text, tokens in zip(
            drawn["image"],
            drawn["text"],
            tokenizer.encode_all(drawn["image"]),
        )
    ]
    size = min(ROWS, count)
    split = manifests.Split((size,) * (count // size))
    manifest = manifests.describe(
        tokenizer,
        columns=("tokens", "text", "image"),
        rows_per_shard=size,
        splits={"train": split},
    )
    first, *others = manifest.files("train")
    write_file(
        folder / first, (rows[i % SCENES] for i in range(size)), manifest
    )
    for name in others:
        os.link(folder / first, folder / name)
    write_metadata(folder, manifest)


def measure(source, steps, size):
    """Trains for some steps; dict of "seconds", "opening" and "peak".

    Args:
        source: folder of shards; None for images in memory.
        steps: int, as many are measured after two others.
        size: str, key of `ImageGPT.SIZES`.
    """
    import keras

    import keras_igpt

    keras.utils.set_random_seed(0)
    football = keras_igpt.load("football")
    model = keras_igpt.ImageGPT(
        football.tokenizer,
        text_length=128,
        edits=("inpaint", "upscale", "colorize"),
        **keras_igpt.ImageGPT.SIZES[size],
    )
    model.compile()
    begin = time.perf_counter()
    if source is None:
        source = scenes()
        source = {
            "image": np.concatenate([source["image"]] * 2),
            "text": source["text"] * 2,
        }
        begin = time.perf_counter()
    batches = model.prepare(source, batch_size=BATCH, truncate=True)
    opening = time.perf_counter() - begin
    times = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.perf_counter())
            if len(times) == steps + 2:
                self.model.stop_training = True

    model.fit(batches, epochs=1_000, verbose=0, callbacks=[Clock()])
    return {
        "seconds": statistics.median(np.diff(times[1:]).tolist()),
        "opening": opening,
        # Linux counts in KiB.
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def in_process(*arguments):
    """What a process of its own prints as JSON; None if it prints nothing."""
    said = subprocess.check_output(
        [sys.executable, "-m", "benchmarks.streaming", *map(str, arguments)],
        text=True,
        cwd=pathlib.Path(__file__).parents[1],
    )
    return json.loads(said.splitlines()[-1]) if said else None


def compare(folder, rows, steps, repeats, size):
    """Prints what was measured; returns the figures by name."""
    few, many = folder / "few", folder / "many"
    for path, count in ((few, SCENES * 2), (many, rows)):
        path.mkdir()
        begin = time.perf_counter()
        in_process("--write", path, "--rows", count)
        print(f"{count} rows written in {time.perf_counter() - begin:.0f} s")
    asked = ("--steps", steps, "--size", size)
    ratios, found = [], {}
    for _ in range(repeats):  # by turns, so that both see the same machine
        for name, words in (("memory", ()), ("few", ("--shards", few))):
            found[name] = in_process("--measure", *words, *asked)
        ratios.append(found["few"]["seconds"] / found["memory"]["seconds"])
    found["many"] = in_process("--measure", "--shards", many, *asked)
    figures = {
        "ratio": statistics.median(ratios),
        "gib": found["many"]["peak"] - found["few"]["peak"],
        "opening": found["many"]["opening"],
    }
    print(f"step, shards / memory: {figures['ratio']:.3f} (<= {MOST_RATIO})")
    print("  of " + ", ".join(f"{ratio:.3f}" for ratio in ratios))
    print(
        f"peak memory, {rows} rows - {SCENES * 2}: {figures['gib']:.2f} GiB "
        f"(<= {MOST_GIB}); {found['many']['peak']:.2f} and "
        f"{found['few']['peak']:.2f} GiB, images in memory "
        f"{found['memory']['peak']:.2f}"
    )
    print(f"to open: {figures['opening']:.2f} s (<= {MOST_SECONDS})")
    return figures


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--folder", help="where shards are written for a while")
    parser.add_argument("--write", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", action="store_true", help="one process")
    parser.add_argument("--shards", help="what --measure trains on")
    options = parser.parse_args(arguments)
    if options.write:
        return write(options.write, options.rows)
    if options.measure:
        found = measure(options.shards, options.steps, options.size)
        return print(json.dumps(found))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return compare(
            pathlib.Path(folder),
            options.rows,
            options.steps,
            options.repeats,
            options.size,
        )


if __name__ == "__main__":
    main()
