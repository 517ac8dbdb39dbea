"""Measures keras_igpt beside its peers: `python -m benchmarks`.

It and its peers live in virtual environments of their own under `.venvs/`, made
at the first run; nothing is installed into the environment that runs this.
"""

import argparse
import json
import pathlib
import signal
import sys

from rich.console import Console

from benchmarks import cases, documents, machine, report, systems


def parse():
    parser = argparse.ArgumentParser("python -m benchmarks", None, __doc__)
    parser.add_argument(
        "--what",
        default="all",
        choices=["generate", "fit", "big", "growth", "all"],
    )
    parser.add_argument("--batches", default="1,16,64", help="of generate")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--out", default="runs/benchmark", help="folder")
    parser.add_argument(
        "--show", metavar="FILE", help="print earlier results.json; run nothing"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print the README's table"
    )
    parser.add_argument(
        "--write", metavar="PAGE", help="put the tables into docs/speed.md"
    )
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    return options


def run(options, console):
    """Runs the chosen cases; the content of `results.json`."""
    folder = pathlib.Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    batches = [int(batch) for batch in options.batches.split(",")]
    results = {"machine": machine.describe(), "quick": options.quick}
    results["cases"] = []
    with open(folder / "workers.log", "w") as log:
        results["bandwidth"] = systems.bandwidth(options.quick, log)
        for case in cases.make(options.what, batches, options.quick):
            console.print(f"{case['title']} …")
            case["results"] = systems.measure(
                case["build"],
                case["systems"],
                case["requests"],
                case.get("repeats", options.repeats),
                log,
            )
            results["cases"].append(case)
            text = json.dumps(results, indent=2)
            (folder / "results.json").write_text(text + "\n")
    report.plot(results, folder / "benchmark.png")
    return results


def main():
    options = parse()
    # `timeout` and `kill` too should end the workers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    if options.show:
        results = json.loads(pathlib.Path(options.show).read_text())
    else:
        results = run(options, console)
    report.show(results, console)
    if options.markdown:
        print(report.markdown(results))
    if options.write:
        written = documents.write(options.write, results)
        console.print(f"Wrote {', '.join(written) or 'nothing'}.")


if __name__ == "__main__":
    main()
