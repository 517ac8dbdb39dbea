"""Writes what was measured into a page, between marks.

A page has `<!-- fit -->`, what was measured last, and `<!-- /fit -->`.
"""

import pathlib
import re
import statistics

from benchmarks.cases import ANY, FEWER_BYTES, HF, IN_STEPS, OURS
from benchmarks.report import bandwidth_share, finished, ratio, speeds
from keras_igpt.atomic_files import replacing

# What a page calls the systems.
NAMES = {
    OURS: "keras_igpt",
    ANY: "in any order",
    IN_STEPS[0]: "in any order, 32 steps",
    IN_STEPS[1]: "in any order, 16 steps",
    "HF, compiled": "Hugging Face, `torch.compile`",
    "KerasHub, jit": "KerasHub, XLA",
    **{name: f"keras_igpt, {name}" for name in FEWER_BYTES},
}


def write(path, results):
    """Puts the tables of `results` into the page at `path`.

    What the page has no marks for is left out; what was not measured stays.

    Returns:
        list of str, the names of the tables that were written.
    """
    path = pathlib.Path(path)
    page, written = path.read_text(encoding="utf-8"), []
    for name, lines in sections(results).items():
        text = (
            f"<!-- {name} -->\n\n" + "\n".join(lines) + f"\n\n<!-- /{name} -->"
        )
        pattern = rf"<!-- {name} -->.*?<!-- /{name} -->"
        page, count = re.subn(pattern, lambda _: text, page, flags=re.DOTALL)
        written += [name] * bool(count)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return written


def sections(results):
    """dict of lines of Markdown by the name of the section."""
    cases = {}
    for case in results["cases"]:
        cases.setdefault(case["what"], []).append(case)
    makers = {"generate": _generate, "fit": _fit, "big": _big}
    found = {
        name: make(cases[name], results)
        for name, make in makers.items()
        if name in cases
    }
    for lines in found.values():
        lines += ["", _where(results)]
    return found


def _where(results):
    machine = results["machine"]
    reads = results["bandwidth"]["all"] / 1e9
    repeats = len(next(iter(_runs(results["cases"][0]).values()))["seconds"])
    return (
        f"Medians of {repeats}, {machine['date']}, {machine['cores']} cores of "
        f"an {machine['processor']} that read {reads:.0f} GB/s; keras_igpt "
        f"{machine['keras_igpt']}, {', '.join(machine['packages'])}."
    )


def _runs(case):
    return {
        system: case["results"][system]["runs"]["run"]
        for system in finished(case)
    }


def _rows(header, rows):
    rows = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _row(system, cells):
    return [NAMES.get(system, system), *cells]


def _speed(case, system):
    if system not in finished(case):
        return ""
    return f"{statistics.median(speeds(case, system)):.0f}"


def _first(case, system):
    if system not in finished(case):
        return ""
    return f"{_runs(case)[system]['first_seconds']:.1f}"


def _memory(case, system):
    if system not in finished(case):
        return ""
    return f"{case['results'][system]['peak_bytes'] / 2**30:.1f}"


def _all_of(cases, system, cell):
    """A cell that holds a figure for each case."""
    found = [cell(case, system) for case in cases]
    return ", ".join(one for one in found if one)


def _systems(cases):
    return list(
        dict.fromkeys(name for case in cases for name in case["systems"])
    )


def _generate(cases, results):
    columns = [f"batch {case['build']['batch']}" for case in cases]
    return _speed_rows(cases, columns, [HF, "KerasHub", "KerasHub, jit"])


def _fit(cases, results):
    columns = [case["build"]["precision"] for case in cases]
    return _speed_rows(cases, columns, [HF, "HF, compiled"])


def _speed_rows(cases, columns, peers):
    """Systems, a column for each case; and how far ahead of peers we are."""
    header = ["tokens per second", *columns, "first call, s", "peak, GiB"]
    rows = []
    for system in _systems(cases):
        cells = [_speed(case, system) for case in cases]
        cells += [_all_of(cases, system, one) for one in (_first, _memory)]
        rows.append(_row(system, cells))
    for peer in peers:
        ratios = [ratio(case, OURS, peer).rstrip("x") for case in cases]
        rows.append([f"keras_igpt / {NAMES.get(peer, peer)}", *ratios, "", ""])
    return _rows(header, rows)


def _big(cases, results):
    (case,) = cases
    header = ["", "tokens per second", "of memory's speed", "to float32"]
    rows = [
        _row(
            system,
            [
                _speed(case, system),
                f"{100 * bandwidth_share(case, system, results):.0f} %",
                ratio(case, system, OURS).rstrip("x"),
            ],
        )
        for system in finished(case)
    ]
    return _rows(header, rows)
