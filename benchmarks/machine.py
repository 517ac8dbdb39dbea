"""What the figures depend on: processor, memory, versions, date."""

import concurrent.futures
import datetime
import os
import pathlib
import platform
import time
from importlib import metadata

import numpy as np

from benchmarks.serve import num_cores, serve
from benchmarks.systems import REQUIREMENTS, requirements


def describe():
    """dict of what a table of figures must name."""
    packages = sorted(
        {line for name in REQUIREMENTS for line in requirements(name)}
    )
    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "cores": num_cores(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "keras_igpt": metadata.version("keras_igpt"),
        "packages": packages,
    }


def _processor():
    """Model name; with family and model where that name says little."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(
        map(str.strip, line.split(":", 1)) for line in lines if ":" in line
    )
    name = fields.get("model name", platform.machine())
    family, model = fields.get("cpu family"), fields.get("model")
    return f"{name} (family {family}, model {model})"


def bandwidth(case):
    """Measures reading: the maximum of a large array, best of three.

    NumPy's `max` of float32 does the least work per byte of its reductions;
    with all cores, each takes a part of the array in a thread.
    """
    array = np.ones(case["bytes"] // 4, "float32")

    def run(request):
        threads = request["threads"]
        parts = np.array_split(array, threads)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            seconds = min(_read(pool, parts) for _ in range(4))
        return {"bytes_per_second": array.nbytes / seconds}

    return run, {}


def _read(pool, parts):
    begin = time.perf_counter()
    list(pool.map(np.max, parts))
    return time.perf_counter() - begin


if __name__ == "__main__":
    serve(bandwidth)
