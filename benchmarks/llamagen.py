"""LlamaGen's weights: `python -m benchmarks.llamagen`.

Prints how far logits and greedy tokens are from the reference's, how much
memory it takes to load a model of B's size, how fast it generates beside Llama
of transformers, on PyTorch, with the same arithmetic (random weights, 256
tokens, guidance 4), and how fast the tokenizer decodes 256x256 pixels beside
the same layers of PyTorch, run eagerly. Five minutes of a quiet machine.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks import systems

GOLDEN = systems.ROOT / "tests" / "golden" / "released"

# LlamaGen-B.
SIZE = {
    "job": "decode",
    "layers": 12,
    "width": 768,
    "inner": 2048,
    "heads": 12,
    "grid": [16, 16],
    "vocabulary": 16_384,
    "classes": 1000,
    "guidance": 4.0,
}
TINY = {"layers": 1, "width": 32, "inner": 64, "heads": 2, "vocabulary": 64}

# The decoder of its tokenizer, of 16 pixels a cell.
PIXELS = {
    "job": "pixels",
    "grid": [16, 16],
    "vocabulary": 16_384,
    "channels": 128,
    "multipliers": [1, 1, 2, 2, 4],
    "latent": 256,
    "code": 8,
}
TINY_PIXELS = {"vocabulary": 64, "channels": 8, "latent": 16}

# What is measured: systems, ours first; units of one image, and their name.
JOBS = {
    "decode": (("keras_igpt, LlamaGen", "Llama, PyTorch"), 256, "tokens/s"),
    "pixels": (("keras_igpt, VQ-16", "VQ-16, PyTorch"), 1, "images/s"),
}


def parity(name: str) -> dict[str, float]:
    """How far a golden checkpoint is from what the reference makes of it."""
    import keras_igpt

    expected = np.load(GOLDEN / f"llamagen_c2i_{name}.npz")
    facts = json.loads(str(expected["meta"]))
    grid = (facts["grid"],) * 2
    tokenizer = keras_igpt.PaletteTokenizer(
        grid, facts["vocab_size"], channels=1
    )
    path = GOLDEN / f"llamagen_c2i_{name}.pt"
    model = keras_igpt.llamagen.load(path, tokenizer, facts["n_head"])
    labels = expected["labels"]
    logits = model({"tokens": expected["tokens"], "label": labels})
    away = np.abs(np.asarray(logits) - expected["logits"]).max()
    figures = {"logits": away / np.abs(expected["logits"]).max()}
    last = facts["cfg_interval"] + 2
    for name, options in (
        ("cfg1", {}),
        ("cfg3", {"guidance_scale": 3.0}),
        (
            "cfg3_interval",
            {"guidance_scale": 3.0, "guidance_interval": (0, last)},
        ),
    ):
        images = model.generate(labels=labels, temperature=0, **options)
        found = tokenizer.encode_all(images)
        other = found != expected[f"greedy_{name}"]
        figures[f"other tokens, {name}"] = other.sum()
    return figures


# Loads a file as a type, and prints bytes: of its weights, and at its peak.
# Linux forgets earlier peaks when it is told so.
LOAD = """
import pathlib, sys, keras, numpy as np, keras_igpt
keras.layers.Dense(1)(np.zeros((1, 1)))
tokenizer = keras_igpt.ConvVQTokenizer(
    (256, 256), hidden_dim=2, latent_dim=2, multipliers=(1, 1, 1, 1, 1)
)
def memory(name):
    text = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(text.split(name + ":")[1].split()[0])
load = keras_igpt.llamagen.load
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
model = load(sys.argv[1], tokenizer, dtype=sys.argv[2])
own = {id(w) for w in tokenizer.weights}
weights = [w for w in model.weights if id(w) not in own]
print(sum(w.value.dtype.size * int(np.prod(w.shape)) for w in weights))
print(memory("VmHWM") - before)
"""


def memory(dtype: str) -> tuple[int, int]:
    """Bytes of the weights of B's size as a type, and of memory to load it."""
    from safetensors.numpy import save_file

    from keras_igpt.pretrained.llamagen.names import Sizes, rows

    random = np.random.default_rng(0)
    keys = ("layers", "heads", "width", "inner", "vocabulary", "classes")
    arrays = {
        name: random.normal(size=row.shape).astype("float32")
        for row in rows(Sizes(*(SIZE[key] for key in keys)))
        for name in row.names
    }
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "c2i_B_256.safetensors"
        save_file(arrays, path)
        found = subprocess.run(
            [sys.executable, "-c", LOAD, str(path), dtype],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
    return int(found[-2]), int(found[-1])


def speed(case: dict, repeats: int, log: pathlib.Path) -> dict:
    """What each system reports, and its units per second (the median)."""
    names, units, _ = JOBS[case["job"]]
    # Large batches take long, and differ little.
    repeats = repeats if case["batch"] == 1 else max(1, repeats - 1)
    with open(log, "a", encoding="utf-8") as file:
        found = systems.measure(case, names, {"run": {}}, repeats, file)
    for result in found.values():
        if "runs" in result:
            seconds = statistics.median(result["runs"]["run"]["seconds"])
            result["speed"] = units * case["batch"] / seconds
    return found


def show(case: dict, found: dict, bandwidth: float) -> None:
    """Prints speeds, ours as a multiple of theirs, and the bandwidth's share.

    Args:
        case: what was measured.
        found: as `speed` returns it.
        bandwidth: bytes per second that all cores read.
    """
    names, _, unit = JOBS[case["job"]]
    batch = f"batch {case['batch']}"
    for name, result in found.items():
        if "error" in result:
            print(f"{batch}  {name}: {result['error']}", file=sys.stderr)
            return
        print(f"{batch}  {name:24}{result['speed']:10.3g} {unit}")
    ours, theirs = (found[name] for name in names)
    words = f"{ours['speed'] / theirs['speed']:.2f} times as fast"
    if "bytes_per_token" in ours:
        # All images of a batch read the weights together.
        read = ours["bytes_per_token"] * ours["speed"] / case["batch"]
        words += f"; reads weights at {read / bandwidth:.0%} of {bandwidth:.3g}"
        words += " bytes/s"
    print(f"{batch}  {words}")


def main():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.llamagen", None, __doc__
    )
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="tiny models")
    parser.add_argument("--parity", action="store_true", help="parity alone")
    parser.add_argument("--log", default="build/llamagen.log")
    options = parser.parse_args()
    for name in "ab":
        for what, value in parity(name).items():
            print(f"{name}  {what:30}{value:12.2g}")
    if options.parity:
        return
    for dtype in ("float32", "bfloat16"):
        weights, peak = memory(dtype)
        print(
            f"load {dtype:10} weights {weights / 2**20:.0f} MiB, peak "
            f"{peak / 2**20:.0f} MiB, {peak / weights:.2f} times as much"
        )
    log = pathlib.Path(options.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a", encoding="utf-8") as file:
        bandwidth = systems.bandwidth(options.quick, file)["all"]
    for case, less in ((SIZE, TINY), (PIXELS, TINY_PIXELS)):
        for batch in options.batch or (1, 8):
            one = {**case, **(less if options.quick else {}), "batch": batch}
            show(one, speed(one, options.repeats, log), bandwidth)


if __name__ == "__main__":
    main()
