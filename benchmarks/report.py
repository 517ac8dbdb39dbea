"""Tables, notes and a plot of what was measured."""

import math
import statistics

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.cases import HF, OURS

SPEED = ["generate", "fit", "big"]
SPEED_HEADER = [
    "System",
    "tokens/s",
    "min..max",
    "ours is",
    "to HF",
    "1st call",
    "peak GiB",
    "weights",
]
GROWTH_HEADER = ["Case", "ms/token", "min..max", "first 1/8", "last 1/8"]


def show(results, console):
    """Prints everything to a terminal."""
    for title, header, rows in tables(results):
        table = Table(
            title=title,
            title_justify="left",
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
        )
        for i, name in enumerate(header):
            justify = "right" if i else "left"
            table.add_column(name, no_wrap=True, justify=justify)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for note in notes(results):
        console.print(note, highlight=False, soft_wrap=True)


def markdown(results):
    """The same as text for the README."""
    lines = []
    for title, header, rows in tables(results):
        lines += [f"**{title}**", ""]
        for row in [header, ["---"] * len(header), *rows]:
            lines.append("| " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join([*lines, *(f"- {note}" for note in notes(results))])


def tables(results):
    """Title, header and rows, all text, of each table."""
    done = results["cases"]
    for case in done:
        if case["what"] in SPEED:
            yield case["title"], SPEED_HEADER, list(_speed_rows(case))
    grown = [case for case in done if case["what"] == "growth"]
    if grown:
        rows = [_growth_row(case) for case in grown]
        yield "generate, cost of a token of an image", GROWTH_HEADER, rows
    for case in done:
        if case["what"] == "losses":
            epochs = range(1, case["build"]["epochs"] + 1)
            header = ["Run", *(f"epoch {i}" for i in epochs)]
            yield case["title"], header, _loss_rows(case)


def notes(results):
    """Lines that say where, when, with what, and what follows."""
    machine = results["machine"]
    yield (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, "
        f"Python {machine['python']}, keras_igpt {machine['keras_igpt']}, "
        f"{', '.join(machine['packages'])}."
    )
    if machine["load"] > 0.5:
        yield (
            f"The machine was busy before the run (load {machine['load']:.1f})"
            ": figures are too slow, and PyTorch's the most."
        )
    if results["quick"]:
        yield "A smoke run on tiny models: no figure here means anything."
    one, every = (results["bandwidth"][key] / 1e9 for key in ("one", "all"))
    yield (
        f"Memory reads (NumPy max of a float32 array): {one:.1f} GB/s by one "
        f"core, {every:.1f} GB/s by all."
    )
    for case in results["cases"]:
        for system, result in case["results"].items():
            if "error" in result:
                yield f"{case['title']}, {system} failed: {result['error']}"
        if case["what"] == "big":
            yield from _bandwidth_notes(case, results)
    yield from _growth_notes(results["cases"])


def plot(results, path):
    """Bars of tokens per second, a panel per case."""
    from matplotlib.figure import Figure

    shown = [case for case in results["cases"] if case["what"] in SPEED]
    shown = [case for case in shown if finished(case)]
    if not shown:
        return
    rows = math.ceil(len(shown) / 2)
    figure = Figure(figsize=(11, 0.6 + 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False).flat
    for panel, case in zip(panels, shown, strict=False):
        _bars(panel, case)
    for panel in list(panels):
        panel.remove()
    date, where = results["machine"]["date"], results["machine"]["processor"]
    cores = results["machine"]["cores"]
    figure.suptitle(f"{where}, {cores} cores, {date}", fontsize=9)
    figure.savefig(path, dpi=150)


def _bars(panel, case):
    """Medians, with a line from the slowest to the fastest repetition."""
    shown = {name: speeds(case, name) for name in finished(case)}
    medians = [statistics.median(values) for values in shown.values()]
    colors = ["C1" if name == OURS else "C7" for name in shown]
    ends = [
        (middle - min(values), max(values) - middle)
        for middle, values in zip(medians, shown.values(), strict=True)
    ]
    names = list(shown)
    panel.barh(names, medians, xerr=np.transpose(ends), color=colors)
    panel.invert_yaxis()
    panel.set_title(f"{case['title']} (tokens/s)", fontsize=9)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)


# === Rows ===


def _speed_rows(case):
    for system, result in case["results"].items():
        if "error" in result:
            yield [system, "failed"] + [""] * 6
            continue
        found = speeds(case, system)
        yield [
            system,
            f"{statistics.median(found):.0f}",
            f"{min(found):.0f}..{max(found):.0f}",
            ratio(case, OURS, system),
            ratio(case, system, HF),
            f"{result['runs']['run']['first_seconds']:.1f} s",
            f"{result['peak_bytes'] / 2**30:.2f}",
            f"{result['parameters'] / 1e6:.2f} M",
        ]


def _growth_row(case):
    if not finished(case):
        return [case["title"], "failed", "", "", ""]
    (system,) = case["systems"]
    costs = [1e3 / speed for speed in speeds(case, system)]
    row = [case["title"], f"{statistics.median(costs):.3f}"]
    row.append(f"{min(costs):.3f}..{max(costs):.3f}")
    for part in ("first", "last"):
        cost = _per_token(case, system, part, f"{part}_start")
        row.append("" if cost is None else f"{1e3 * cost:.3f}")
    return row


def _loss_rows(case):
    result = case["results"][OURS]
    if "error" in result:
        return [["failed"]]
    return [
        [name, *(f"{loss:.4f}" for loss in run["losses"])]
        for name, run in result["runs"].items()
    ]


def _bandwidth_notes(case, results):
    """What share of the memory's bandwidth reading the weights takes."""
    for system in finished(case):
        seconds = _per_token(case, system, "run", "start")
        weights = case["results"][system]["bytes_per_token"]
        yield (
            f"{case['title']}, {system}: {1e3 * seconds:.2f} ms per token "
            f"without the prompt; {weights / 1e6:.0f} MB of weights per token "
            f"are {100 * bandwidth_share(case, system, results):.0f} % of the "
            "memory bandwidth."
        )


def bandwidth_share(case, system, results):
    """Share of the memory's bandwidth that reading the weights takes."""
    seconds = _per_token(case, system, "run", "start")
    weights = case["results"][system]["bytes_per_token"]
    return weights / seconds / results["bandwidth"]["all"]


def _growth_notes(cases):
    """Straight lines through the cost over the mean length written."""
    grown = [c for c in cases if c["what"] == "growth" and finished(c)]
    kinds = {(c["build"]["batch"], *c["systems"]): [] for c in grown}
    for case in grown:
        batch, (system,) = case["build"]["batch"], case["systems"]
        cost = 1e3 / statistics.median(speeds(case, system))
        kinds[batch, system].append((case["tokens"] / batch / 2, cost))
    for (batch, system), points in kinds.items():
        if len(points) > 1:
            slope, base = np.polyfit(*np.transpose(points), 1)
            yield (
                f"Cost of a token at batch {batch}, {system}: {base:.3f} ms "
                f"{slope:+.6f} ms per token written before it."
            )


# === Figures ===


def finished(case):
    """Names of the systems that did not fail."""
    return [name for name, r in case["results"].items() if "error" not in r]


def speeds(case, system):
    """Tokens per second of each repetition."""
    seconds = case["results"][system]["runs"]["run"]["seconds"]
    return [case["tokens"] / value for value in seconds]


def ratio(case, system, peer):
    """A system's speed over a peer's: the median of repetitions, as text."""
    if peer == system or not {peer, system} <= set(finished(case)):
        return ""
    pairs = zip(speeds(case, system), speeds(case, peer), strict=True)
    return f"{statistics.median(one / other for one, other in pairs):.2f}x"


def _per_token(case, system, whole, start):
    """Median seconds per token and image after the first; None if unrun."""
    runs = case["results"][system]["runs"]
    if whole not in runs:
        return None
    tokens = case["requests"][whole]["tokens"]
    batch = case["build"]["batch"]
    pairs = zip(runs[whole]["seconds"], runs[start]["seconds"], strict=True)
    spent = statistics.median(whole - first for whole, first in pairs)
    return spent / (tokens - 1) / batch
