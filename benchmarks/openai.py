"""Measures loading of iGPT-S: `python -m benchmarks.openai`.

Random weights are written as a Hugging Face folder; a new process loads it
and generates images of 32x32. Prints seconds, tokens per second and memory.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time


def write(folder):
    """Writes iGPT-S with random weights."""
    import numpy as np

    import keras_igpt

    tokenizer = keras_igpt.PaletteTokenizer((32, 32), 512)
    palette = np.random.default_rng(0).uniform(-1, 1, (512, 3))
    tokenizer.set_palette(palette)
    sizes = keras_igpt.ImageGPT.SIZES["igpt_s"]
    model = keras_igpt.ImageGPT(tokenizer, **sizes)
    model.head.kernel.assign(0.02 * np.random.randn(*model.head.kernel.shape))
    keras_igpt.openai.save(model, folder)


def load(folder, count):
    """Figures of loading and generating, dict of floats."""
    import keras_igpt

    # What importing and starting TensorFlow takes is no matter of the model.
    tokenizer = keras_igpt.PaletteTokenizer((2, 2), 4, channels=1)
    tokenizer.decode(tokenizer.encode(tokenizer.decode([[0, 1, 2, 3]])))
    before = memory()
    begin = time.perf_counter()
    model = keras_igpt.openai.load(folder)
    figures = {"load_seconds": time.perf_counter() - begin}
    size = 4 * model.count_params() / 2**20
    figures["model_mib"] = size
    figures["load_peak_mib"] = memory() - before
    figures["load_peak_over_model"] = figures["load_peak_mib"] / size
    sampling = {"num_images": count, "top_k": 100, "seed": 0}
    begin = time.perf_counter()
    model.generate(**sampling)
    figures["first_seconds"] = time.perf_counter() - begin
    begin = time.perf_counter()
    model.generate(**sampling)
    seconds = time.perf_counter() - begin
    figures["second_seconds"] = seconds
    figures["tokens_per_second"] = count * 1024 / seconds
    figures["peak_mib"] = memory()
    return figures


def memory():
    """Largest resident memory of this process so far, MiB (Linux)."""
    # Not `getrusage`, which counts the process that started this one too.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.openai", None, __doc__
    )
    parser.add_argument("--pictures", type=int, default=1)
    parser.add_argument("--folder", help="an iGPT's own, not a random one")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.load, options.pictures)))
        return
    with tempfile.TemporaryDirectory() as root:
        folder = options.folder or f"{root}/igpt_s"
        if options.folder is None:
            write(folder)
        command = [sys.executable, "-m", "benchmarks.openai", "--load", folder]
        command += ["--pictures", str(options.pictures)]
        found = subprocess.check_output(command, text=True)
        for name, value in json.loads(found.splitlines()[-1]).items():
            print(f"{name:24}{value:10.2f}")


if __name__ == "__main__":
    main()
