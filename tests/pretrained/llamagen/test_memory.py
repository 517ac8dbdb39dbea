"""How much memory it takes to load a Transformer, in a process of its own."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

import keras_igpt
from keras_igpt.pretrained.llamagen.names import Sizes, rows

WARM = Sizes(1, 2, 32, 64, 64, 100)
SIZES = Sizes(10, 8, 512, 1408, 4096, 100)  # 139 MiB in float32

# Prints bytes of the weights, and of memory at the peak. A small file is
# loaded before, for what imports take. Not `getrusage`, which counts the peaks
# of imports too; Linux forgets those when it is told so.
LOAD = """
import pathlib, sys
import keras_igpt

def memory(name):
    text = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(text.split(name + ":")[1].split()[0])

def load(name, codes, heads):
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), codes, channels=1)
    return keras_igpt.llamagen.load(name, tokenizer, heads, dtype=dtype, **more)

dtype = sys.argv[1]
more = {"text_length": 64, "edits": ("inpaint",)} if sys.argv[2:] else {}
load("warm.safetensors", 64, 2)
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
model = load("c2i.safetensors", 4096, 8)
peak = memory("VmHWM") - before
print(sum(w.value.dtype.size * w.value.shape.num_elements()
          for w in model.weights), peak)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a small file and a large one."""
    root = tmp_path_factory.mktemp("released")
    generator = np.random.default_rng(0)
    for name, sizes in (("warm", WARM), ("c2i", SIZES)):
        arrays = {
            name: generator.standard_normal(row.shape, "float32")
            for row in rows(sizes)
            for name in row.names
        }
        save_file(arrays, root / f"{name}.safetensors")
    return root


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its peak")
@pytest.mark.parametrize("more", [[], ["captions"]])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_load_takes_little_more_than_the_model(folder, dtype, more):
    package = pathlib.Path(keras_igpt.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", LOAD, dtype, *more],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    weights, peak = map(int, found)
    assert peak <= 1.3 * weights
