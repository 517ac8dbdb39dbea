"""LlamaGen's weights: `python -m benchmarks.llamagen`.

Prints how far logits and greedy tokens are from the reference's, how much
memory it takes to load a model of B's size, and how fast it generates beside
Llama of transformers, on PyTorch, with the same arithmetic: random weights,
256 tokens, guidance 4.
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

OURS, THEIRS = "keras_igpt, LlamaGen", "Llama, PyTorch"


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


def speed(batch: int, repeats: int, quick: bool, log: pathlib.Path) -> dict:
    """Tokens per second by system, medians."""
    case = {**SIZE, **(TINY if quick else {}), "batch": batch}
    with open(log, "a", encoding="utf-8") as file:
        found = systems.measure(
            case, [OURS, THEIRS], {"run": {}}, repeats, file
        )
    tokens = batch * 256
    return {
        system: tokens / statistics.median(result["runs"]["run"]["seconds"])
        if "runs" in result
        else result["error"]
        for system, result in found.items()
    }


def main():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.llamagen", None, __doc__
    )
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--repeats", type=int, default=3)
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
    for batch in options.batch or (1, 8):
        found = speed(batch, options.repeats, options.quick, log)
        for system, value in found.items():
            if isinstance(value, str):
                print(f"batch {batch}  {system}: {value}", file=sys.stderr)
            else:
                print(f"batch {batch}  {system:24}{value:10.1f} tokens/s")


if __name__ == "__main__":
    main()
