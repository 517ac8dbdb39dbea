"""Tokenising into shards against a plain loop, and two processes against one.

    python -m benchmarks.tokenize --images 4000

Draws random image files, times each way of turning them into tokens in a
program of its own, and prints images a second and their ratios. Loading
TensorFlow does not count. Processes for which Beam loads it once more are
compared from their first shard to their last, and with that time.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

SIDE = 64

PREPARE = """
import json, os, sys, time
import numpy as np
import keras_igpt
from keras_igpt import data

made = keras_igpt.VQTokenizer(({side}, {side}), 512)
made.adapted = True  # what its weights are costs nothing
made.encode_all(np.zeros((256, {side}, {side}, 3), "uint8"))
begin = time.perf_counter()
"""

# What a user would write: pixels in batches, tokens in memory.
LOOP = """
count = 0
images = data.load(sys.argv[1], "all", image_size={side})
for batch in data.batches(images, 256):
    count += len(made.encode_all(batch["image"]))
"""

SHARDS = """
import pathlib, warnings
warnings.simplefilter("ignore")
made = data.tokenize(
    sys.argv[1], made, sys.argv[2], images={images}, workers={workers},
    rows_per_shard=64,
)
files = pathlib.Path(sys.argv[2]).glob("*.array_record*")
ends = sorted(file.stat().st_mtime for file in files)
count = sum(split.num_rows for split in made.splits.values())
# Of the shards after the first one of each process.
steady = 64 * (len(ends) - {workers}) / (ends[-1] - ends[{workers} - 1])
"""

END = """
seconds = time.perf_counter() - begin
print(json.dumps([count / seconds, globals().get("steady")]))
"""


def draw(folder, count):
    """Writes image files, of noise that was smoothed."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for i in range(count):
        pixels = generator.integers(0, 256, (12, 12, 3), dtype="uint8")
        image = Image.fromarray(pixels).resize((SIDE + 16, SIDE), 3)
        image.save(folder / f"{i}.png")


def measure(program, *arguments, cores=None):
    """Images a second of a program, on some of the cores: whole and steady."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    if cores:
        command = ["taskset", "-c", cores, *command]
    threads = {"OMP_NUM_THREADS": "1"} if cores == "0" else {}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    shown = subprocess.run(
        command,
        env={**os.environ, **quiet, **threads},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    return json.loads(shown.splitlines()[-1])


def program(middle, **options):
    """A whole program, of its three parts."""
    return (PREPARE + middle + END).format(side=SIDE, **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "files").mkdir()
        draw(root / "files", options.images)
        cases = {
            "plain loop, one core": (program(LOOP), "0"),
            "shards of tokens, one core": (
                program(SHARDS, images=False, workers=1),
                "0",
            ),
            "shards with images, one core": (
                program(SHARDS, images=True, workers=1),
                "0",
            ),
            "shards with images, two processes": (
                program(SHARDS, images=True, workers=2),
                "0,1",
            ),
        }
        for turn in range(options.repeats):
            for number, (name, (text, cores)) in enumerate(cases.items()):
                out = root / f"{number}-{turn}"
                speed = measure(text, root / "files", out, cores=cores)
                found.setdefault(name, []).append(speed)
    speeds = {}
    for name, some in found.items():
        whole = statistics.median(speed for speed, _ in some)
        steady = [speed for _, speed in some if speed is not None]
        speeds[name] = whole, statistics.median(steady or [whole])
        print(f"{name}: {whole:.0f} images/s, steady {speeds[name][1]:.0f}")
    loop, tokens, whole, two = speeds.values()
    print(f"tokens / loop: {tokens[0] / loop[0]:.2f}")
    print(f"with images / loop: {whole[0] / loop[0]:.2f}")
    print(f"two processes / one, steady: {two[1] / whole[1]:.2f}")
    print(f"  with their start: {two[0] / whole[0]:.2f}")


if __name__ == "__main__":
    main()
