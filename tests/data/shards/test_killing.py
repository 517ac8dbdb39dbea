"""Tests that a killed run goes on, and ends as one that was not killed."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_igpt.data.shards.manifest import read_manifest

# How often a run is killed, at moments that are drawn: one of one process,
# which begins at once, and one that begins others.
TIMES = int(os.environ.get("KERAS_IGPT_KILLS", 2))
KILLS = {1: 4 * TIMES, 2: -(-TIMES // 3)}

NUM_IMAGES = 240

# Loads all that a run needs, and begins runs as copies of itself: each starts
# in no time. It writes the names of the folders that became complete.
PROGRAM = """
import json, os, pathlib, random, signal, sys, time
import keras, numpy, PIL.Image, tensorflow, tensorflow_datasets
import keras_igpt
from array_record.python import array_record_module
from keras_igpt.data.shards import pipeline, tokenizing
from tensorflow_datasets.proto import tf_example_pb2

pictures, root = sys.argv[1], pathlib.Path(sys.argv[2])
workers, kills = int(sys.argv[3]), int(sys.argv[4])


def run(out):
    colors = numpy.random.default_rng(0).uniform(-1, 1, (64, 3))
    tokenizer = keras_igpt.PaletteTokenizer((32, 32), 64)
    tokenizer.set_palette(colors)
    tokenizing.tokenize(
        pictures, tokenizer, out, rows_per_shard=8, workers=workers
    )


def start(out):
    process = os.fork()
    if process == 0:
        try:
            run(out)
            os._exit(0)
        finally:
            os._exit(1)
    return process


begin = time.monotonic()
assert os.waitpid(start(root / "whole"), 0)[1] == 0
seconds = time.monotonic() - begin
generator, done, seen, cut = random.Random(0), [], {}, 0
while kills:
    out = root / f"broken{len(done)}"
    process = start(out)
    time.sleep(generator.uniform(0, seconds))
    ended, status = os.waitpid(process, os.WNOHANG)
    if ended:  # it came to its end before
        assert status == 0
        done.append(out.name)
        continue
    # Its main process alone: its workers find out by themselves.
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    kills -= 1
    shards = list(out.glob("[!.]*array_record*"))
    cut += 0 < len(shards) < 30
    # What is done stays as it is, to the nanosecond.
    for path in shards:
        status = path.stat().st_mtime_ns
        assert seen.setdefault(path, status) == status, path
out = root / f"broken{len(done)}"
assert os.waitpid(start(out), 0)[1] == 0
print(json.dumps({"done": [*done, out.name], "cut": cut}))
"""


@pytest.fixture
def pictures(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    generator = np.random.default_rng(0)
    for i in range(NUM_IMAGES):
        pixels = generator.integers(0, 256, (40, 40, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / f"{i}.png")
    return root


def contents(folder):
    """Bytes of all files by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in pathlib.Path(folder).rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.parametrize("workers,kills", KILLS.items())
def test_killed_run_ends_as_an_unbroken_one(pictures, tmp_path, workers, kills):
    shown = subprocess.run(
        [
            *(sys.executable, "-c", PROGRAM, str(pictures), str(tmp_path)),
            *(str(workers), str(kills)),
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    found = json.loads(shown.splitlines()[-1])
    whole = contents(tmp_path / "whole")
    for name in found["done"]:
        assert contents(tmp_path / name) == whole
    # Some of the kills were amid shards, not before or after them.
    assert found["cut"] > 0 or workers > 1
    rows = read_manifest(tmp_path / "whole").splits
    assert sum(split.num_rows for split in rows.values()) == NUM_IMAGES
