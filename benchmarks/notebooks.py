"""Runs notebooks and keeps what they show: `python -m benchmarks.notebooks`.

All of them, or those named; each in an empty folder that is thrown away, so
that models and images they write stay out of the repository. With
`--repository owner/name` nothing is run: they get the badge that opens them in
Colab, and clone that repository of GitHub's where there is none.
"""

import argparse
import base64
import hashlib
import io
import pathlib
import re
import tempfile

import nbformat
from nbclient import NotebookClient
from PIL import Image

from keras_igpt.atomic_files import replacing

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"


def digest(notebook):
    """What tells outputs of this text from those of an earlier one."""
    text = "\0".join(cell.source for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def as_printed(text):
    """Text as a terminal shows it: progress bars at their last state."""
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")]
    return "\n".join(lines).replace("\b", "")


def tidied(outputs):
    """Outputs without logs, whose lines tell of the machine, and smaller."""
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            output.text = as_printed(output.text)
        elif "image/png" in output.get("data", {}):
            output.data.pop("image/jpeg", None)
            output.data["image/png"] = smaller(output.data["image/png"])
        yield output


def smaller(png):
    """A PNG file in base64 with 256 colours: a third of the bytes."""
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        reduced = image.convert("RGB").quantize(256)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def run(path):
    """Runs one notebook and puts its outputs into the file."""
    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=None,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(tidied(cell.outputs))
    metadata["outputs_of"] = digest(notebook)
    notebook.metadata = nbformat.from_dict(metadata)
    with replacing(path) as temporary:
        nbformat.write(notebook, temporary)


COLAB = "https://colab.research.google.com"

# What the first code cell does where nothing is cloned.
NO_CLONE = re.compile(
    r"        raise FileNotFoundError\(.*\)\n"
    r"|        !git clone .*\n        clones = .*\n"
)


def publish(path, repository, branch="main"):
    """Lets a notebook open in Colab, from a public repository of GitHub's.

    Args:
        path: pathlib.Path of the notebook.
        repository: str, `"owner/name"`.
        branch: str.
    """
    notebook = nbformat.read(path, as_version=4)
    title, install = notebook.cells[:2]
    place = f"{repository}/blob/{branch}/notebooks/{path.name}"
    badge = f"{COLAB}/assets/colab-badge.svg"
    lines = [x for x in title.source.split("\n") if COLAB not in x]
    title.source = (
        f"[![Open in Colab]({badge})]({COLAB}/github/{place})\n\n"
        + "\n".join(lines).strip()
    )
    clone = (
        f"        !git clone --quiet --depth 1 https://github.com/{repository} "
        'keras_igpt\n        clones = ["keras_igpt"]\n'
    )
    install.source, found = NO_CLONE.subn(clone, install.source)
    if not found:
        raise ValueError(
            f"{path.name} must install the package in its first code cell, as "
            "the other notebooks do."
        )
    notebook.metadata["outputs_of"] = digest(notebook)
    with replacing(path) as temporary:
        nbformat.write(notebook, temporary)


def parse():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.notebooks", None, __doc__
    )
    parser.add_argument("names", nargs="*", help="all, if none is given")
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="add badges; run nothing"
    )
    options = parser.parse_args()
    repository = options.repository
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        parser.error(
            f"--repository must be owner/name. Received: {repository}."
        )
    return options


def main():
    options = parse()
    paths = [FOLDER / f"{name}.ipynb" for name in options.names]
    missing = [path.stem for path in paths if not path.exists()]
    if missing:
        known = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
        raise SystemExit(
            f"Notebooks must be among {known}. Received: {missing}."
        )
    for path in paths or sorted(FOLDER.glob("*.ipynb")):
        if options.repository:
            publish(path, options.repository)
        else:
            run(path)
        print(path.name, f"{path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
