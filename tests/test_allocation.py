"""Tests of memory that stays with the process."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="needs glibc"
)

# MiB that the process holds less after 400 of them are freed than before.
PROGRAM = """
import os
import numpy as np
from keras_igpt.allocation import keep_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20

print(keep_freed_memory())
array = np.ones(400 * 2**17)
before = resident()
del array
print(before - resident())
"""


def run(monkeypatch, program=PROGRAM, **variables):
    """Whether memory is kept, and how many MiB were given back."""
    for name in list(os.environ):
        if name.startswith(("KERAS_IGPT_KEEP", "GLIBC_TUNABLES", "MALLOC_")):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    kept, freed = said.split()
    return kept == "True", float(freed)


def test_freed_memory_stays(monkeypatch):
    kept, freed = run(monkeypatch)
    assert kept and freed < 50


@pytest.mark.parametrize(
    "variables",
    [
        {"KERAS_IGPT_KEEP_MEMORY": "0"},
        {"MALLOC_ARENA_MAX": "2"},
        {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_what_the_environment_says_goes_first(monkeypatch, variables):
    kept, freed = run(monkeypatch, **variables)
    assert not kept and freed > 350


TRAINED = {
    "a model": """
import keras_igpt
tokenizer = keras_igpt.PaletteTokenizer((4, 4), 2)
images = np.zeros((2, 4, 4, 3), "uint8")
images[1] = 255
tokenizer.adapt(images)
model = keras_igpt.ImageGPT(
    tokenizer, num_layers=1, num_heads=1, hidden_dim=8
)
model.compile()
model.fit(model.prepare(images), verbose=0)
""",
    "what is trained beside it": """
import keras
from keras_igpt.training.schedule import TrainingBudget, fit_within
network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
network.compile("sgd", "mse")
class Rows(keras.utils.PyDataset):
    def __len__(self):
        return 1
    def __getitem__(self, index):
        return np.zeros((4, 1)), np.zeros((4, 1))
fit_within(network, Rows(), TrainingBudget(1e-3, epochs=1))
""",
}


@pytest.mark.parametrize("kind", TRAINED)
def test_training_keeps_it(monkeypatch, kind):
    call = "print(keep_freed_memory())"
    program = PROGRAM.replace(call, TRAINED[kind] + "print(True)")
    assert run(monkeypatch, program)[1] < 50
