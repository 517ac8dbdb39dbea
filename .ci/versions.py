"""Tests the versions that setup.cfg promises: `make versions`.

For each Python that is there, two fresh environments: one with the lowest
versions that setup.cfg allows, read from there, and one with the newest that
pip finds. In each the quick tests of the core run. What has no interpreter
here, or no wheels for one, is skipped with a line. Arguments choose some:
`python .ci/versions.py 3.12 3.13-lowest`.
"""

import configparser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]

PYTHONS = ("3.11", "3.12", "3.13")
KINDS = ("lowest", "newest")

# What all backends promise, and the files that earlier versions wrote: they
# need no extra but what is named here, and take about a minute.
TESTS = ("-m", "backends and not slow", "tests/models", "tests/tokenizers")
TOOLS = ("pytest",)
# Old versions warn of each other.
WARN = ("-o", "filterwarnings=default", "--disable-warnings")


def lowest():
    """`name==version` of each requirement, as `name>=version` allows it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    needs = [line for line in lines if line and not line.startswith("#")]
    for need in needs:
        if not re.fullmatch(r"[\w.-]+>=[\w.]+", need):
            raise SystemExit(
                "A requirement must be name>=version. "
                f"Received: {need}, in setup.cfg."
            )
    return [need.replace(">=", "==") for need in needs]


def interpreter(version):
    """The path of a Python that starts, or None."""
    path = shutil.which(f"python{version}")
    # Some are only placeholders of a version manager.
    if path and run([path, "-c", "import venv"]).returncode == 0:
        return path
    return None


def run(command, **options):
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, **options
    )


def check(version, kind):
    """What came of it: a line that begins with passed, skipped or failed."""
    path = interpreter(version)
    if path is None:
        return "skipped: no such Python here"
    with tempfile.TemporaryDirectory() as folder:
        if run([path, "-m", "venv", folder]).returncode:
            return "skipped: this Python makes no environments"
        return check_in(pathlib.Path(folder, "bin", "python"), kind)


def check_in(python, kind):
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    pins = lowest() if kind == "lowest" else []
    if pins:
        wheels = ["--dry-run", "--no-deps", "--only-binary", ":all:"]
        found = run([*pip, "install", *wheels, *pins])
        if found.returncode:
            return f"skipped: no wheels. {last_line(found.stderr)}"
    found = run([*pip, "install", "--editable", ".", *pins, *TOOLS])
    if found.returncode:
        return f"failed to install: {found.stderr[-2000:]}"
    found = run([*pip, "check"])
    if found.returncode:
        return f"failed, versions disagree: {found.stdout}"
    frozen = run([*pip, "list", "--format", "freeze"]).stdout
    print("  " + " ".join(sorted(named(frozen))), flush=True)
    tests = [str(python), "-m", "pytest", "-q", *WARN, *TESTS]
    found = run(tests, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if found.returncode:
        return f"failed:\n{found.stdout[-5000:]}{found.stderr[-2000:]}"
    return f"passed: {last_line(found.stdout)}"


def named(frozen):
    """Lines of `pip list` about what setup.cfg names."""
    wanted = {_normal(pin.partition("==")[0]) for pin in lowest()}
    for line in frozen.splitlines():
        if _normal(line.partition("==")[0]) in wanted:
            yield line


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def last_line(text):
    return (text.strip().splitlines() or ["It said nothing."])[-1]


def main():
    names = [f"{version}-{kind}" for version in PYTHONS for kind in KINDS]
    asked = sys.argv[1:] or list(PYTHONS)
    chosen = [n for n in names if n in asked or n.split("-")[0] in asked]
    if not chosen:
        raise SystemExit(f"Choose among {', '.join(names)}. Received: {asked}.")
    results = []
    for name in chosen:
        print(f"Python {name}", flush=True)
        results.append(check(*name.split("-")))
        print(f"  {results[-1]}", flush=True)
    # Nothing but skipped ones show nothing.
    failed = any(result.startswith("failed") for result in results)
    raise SystemExit(failed or not any(r.startswith("passed") for r in results))


if __name__ == "__main__":
    main()
