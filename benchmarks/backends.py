"""JAX and PyTorch beside TensorFlow: `python -m benchmarks.backends`.

One model, in a process for each of Keras's backends. They take turns, so that
all meet the same machine: medians of several runs, after a first one that
compiles. Needs the extras `jax` and `torch`.
"""

import argparse
import json
import pathlib
import statistics
from importlib import metadata

from rich.console import Console
from rich.table import Table

from benchmarks import cases, machine, systems

SYSTEMS = {
    "keras_igpt": "TensorFlow",
    "on JAX": "JAX",
    "on JAX, huge pages": "JAX, huge pages",
    "on PyTorch": "PyTorch",
}

# What is measured, of `cases`.
CASES = ("generate, batch 1", "generate, batch 16", "fit, batch 16, float32")


def chosen(quick):
    """The cases of the large comparison that are run here."""
    made = [*cases.generate([1, 16], quick), *cases.fit([], quick)]
    if quick:  # Of tiny models, whose titles say other sizes.
        return [case for case in made if case["what"] in ("generate", "fit")]
    return [case for case in made if case["title"] in CASES]


def row(case, system):
    """A system's cells of a case's table."""
    found = case["results"][system]
    if "error" in found:
        return [SYSTEMS[system], found["error"], "", "", ""]
    run = found["runs"]["run"]
    speed = case["tokens"] / statistics.median(run["seconds"])
    first = case["results"]["keras_igpt"]
    share = "–"
    if "error" not in first:
        seconds = first["runs"]["run"]["seconds"]
        share = f"{speed * statistics.median(seconds) / case['tokens']:.2f}"
    return [
        SYSTEMS[system],
        f"{speed:,.0f}",
        share,
        f"{run['first_seconds']:.1f} s",
        f"{found['peak_bytes'] / 2**30:.2f}",
    ]


def show(case, console):
    """Prints a case's table."""
    table = Table(title=case["title"], title_justify="left")
    names = ("Backend", "tokens/s", "of TensorFlow's", "1st call", "peak GiB")
    for name in names:
        table.add_column(name, justify="left" if name == "Backend" else "right")
    for system in case["results"]:
        table.add_row(*row(case, system))
    console.print(table)


def parse():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.backends", None, __doc__
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--out", default="runs/backends", help="folder")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    return options


def main():
    options, console = parse(), Console()
    folder = pathlib.Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine.describe(), "cases": []}
    results["machine"]["packages"] += [
        f"{name}=={metadata.version(name)}"
        for name in ("tensorflow", "jax", "torch")
    ]
    with open(folder / "workers.log", "w") as log:
        for case in chosen(options.quick):
            case["results"] = systems.measure(
                case["build"],
                list(SYSTEMS),
                case["requests"],
                options.repeats,
                log,
            )
            results["cases"].append(case)
            show(case, console)
            text = json.dumps(results, indent=2)
            (folder / "results.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
