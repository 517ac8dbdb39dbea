"""README and the pages of `docs/`, taken apart: code, commands, links."""

import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).parents[1]

README, CHINESE = "README.md", "README.zh-CN.md"

# In the order of mkdocs.yml: what a page repeats, it need not run again.
PAGES = [README] + [
    f"docs/{name}.md"
    for name in (
        *("index", "guide", "edits", "your_data", "training", "serving"),
        *("photographs", "igpt", "football", "figures", "speed", "compare"),
        "questions",
        *("few_steps", "large_data", "security"),
        *("architecture", "contributing", "api"),
    )
]

CHINESE_PAGES = ("docs/index.zh-CN.md", "docs/football.zh-CN.md")

# Commands that begin so are not run, for the reason beside them.
NOT_RUN = {
    "keras-igpt quickstart": "trains for two minutes: tests/cli",
    "keras-igpt demo": "never ends: tests/cli/demo",
    "keras-igpt train --data openmoji": "draws for a minute; as football's",
    "keras-igpt train --distribute": "needs GPUs or machines: tests/cli",
    "export KERAS_BACKEND=": "is for another process: tests/training",
    "keras-igpt evaluate --model runs/openmoji": "needs the line above",
    "make": "installs, or does what other tests do; targets are checked",
    "pip install": "changes the environment; extras are checked",
    "pytest": "these tests themselves",
    "KERAS_BACKEND=": "these tests, on another backend: `make test`",
    "export KERAS_BACKEND": "another process: tests/test_backends.py",
    "KERAS_IGPT_IMAGEGPT_SMALL=": "needs weights that are not here",
    "KERAS_IGPT_LONG=": "these tests themselves, for longer",
    "KERAS_IGPT_KILLS=": "these tests themselves, for longer",
    "ruff": "`make lint`",
    "python -m benchmarks": "measures or draws for minutes; names are checked",
    "keras-igpt tokenize --data gs://": "needs a cluster",
    "keras-igpt evaluate --model football": "trains a judge: tests/cli",
    "keras-igpt upload": "needs an account: tests/pretrained",
    "docker": "needs Docker: tests/serving runs what is exported",
    "curl": "needs the server of the line above",
}


def text_of(name):
    return (ROOT / name).read_text("utf-8")


def blocks(name, language):
    """Fenced code of a page, each as str."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, text_of(name), re.MULTILINE | re.DOTALL)


def shell_lines(name):
    """Commands of a page, each in one line."""
    text = "".join(blocks(name, "sh")).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


def reason_not_to_run(line):
    """Why a command is not run, or None."""
    return next(
        (why for start, why in NOT_RUN.items() if line.startswith(start)), None
    )


def commands(name, run=False):
    """Arguments of the `keras-igpt` commands; with `run` of those to run."""
    return [
        shlex.split(line, comments=True)[1:]
        for line in shell_lines(name)
        if line.startswith("keras-igpt")
        and not (run and reason_not_to_run(line))
    ]


def links(name):
    """Links of a page to other files: path and anchor."""
    found = re.findall(r"\]\(([^)\s]+)\)", text_of(name))
    return [
        (path, anchor)
        for path, _, anchor in (link.partition("#") for link in found)
        if "://" not in path
    ]


def anchors(path):
    """Names of the headings of a page, as links give them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    words = (re.sub(r"[^\w\s-]", "", h).strip().lower() for h in headings)
    return {re.sub(r"[\s-]+", "-", heading) for heading in words}


def figures(name):
    """All numbers of the tables."""
    rows = [row for row in text_of(name).splitlines() if row.startswith("|")]
    return re.findall(r"\d[\d.,]*\d|\d", "".join(rows))
