"""Tests of memory that stays with the process."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="needs glibc"
)

# MiB that the process holds less after 400 of them are freed than before.
PROGRAM = """
import numpy as np
from keras_igpt.allocation import keep_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

print(keep_freed_memory())
array = np.ones(400 * 2**17)
before = resident()
del array
print(before - resident())
"""


def run(monkeypatch, program=PROGRAM, **variables):
    """Whether memory is kept, and how many MiB were given back."""
    for name in ("KERAS_IGPT_KEEP_MEMORY", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
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


def test_what_compiles_keeps_it(monkeypatch):
    program = PROGRAM.replace(
        "print(keep_freed_memory())",
        "import keras_igpt.compiling; print(True)",
    )
    assert run(monkeypatch, program)[1] < 50
