"""Rules about the package as a whole."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

import keras_igpt

ROOT = pathlib.Path(keras_igpt.__file__).parent

# What each file may import of the package: the way of the data.
MAY_IMPORT = {
    "version": set(),
    "checks": set(),
    "compiled": set(),
    "layers": set(),
    "attention": {"compiled", "layers"},
    "block": {"attention", "layers"},
    "quantizers": set(),
    "training": set(),
    "progress": set(),
    "captions": set(),
    "prompts": {"captions", "layers"},
    "image_records": set(),
    "image_files": {"image_records"},
    "files": set(),
    "data_checks": {"image_records"},
    "sources": {
        "data_checks",
        "football_tfds",
        "image_files",
        "image_records",
        "openmoji",
        "openmoji_tfds",
    },
    "glyphs": set(),
    "football_canvas": set(),
    "football_stadium": {"football_canvas", "glyphs"},
    "football_players": {"football_canvas", "football_stadium"},
    "football_captions": {"glyphs"},
    "football": {
        "football_canvas",
        "football_captions",
        "football_players",
        "football_stadium",
    },
    "football_tfds": {"football"},
    "football_judge": {
        "files",
        "football",
        "football_canvas",
        "glyphs",
        "progress",
        "training",
    },
    "football_report": {"football", "football_canvas", "football_judge"},
    "openmoji": set(),
    "openmoji_tfds": {"openmoji"},
    "data": {"data_checks", "image_files", "sources"},
    "palette": {"data"},
    "autoencoder": set(),
    "likeness": {"progress"},
    "vq": {
        "autoencoder",
        "data",
        "likeness",
        "palette",
        "progress",
        "quantizers",
        "training",
    },
    "sampling": set(),
    "masks": set(),
    "fitting": {"data"},
    "exactness": set(),
    "edits": {"data", "exactness", "fitting", "masks", "palette"},
    "tasks": {"edits"},
    "source_encoder": {"attention", "block", "layers"},
    "generation": {"compiled", "sampling"},
    "conditions": {"captions"},
    "painting": {
        "checks",
        "compiled",
        "conditions",
        "fitting",
        "generation",
        "masks",
        "palette",
        "progress",
        "sampling",
        "training",
    },
    "sizes": set(),
    "features": {"compiled", "palette"},
    "learning": {"checks", "conditions", "data", "progress", "training"},
    "serving_graph": {
        "captions",
        "edits",
        "generation",
        "masks",
        "sampling",
        "training",
    },
    "serving_guide": set(),
    "warmup": set(),
    "export": {
        "compiled",
        "files",
        "serving_graph",
        "serving_guide",
        "warmup",
    },
    "network": {
        "attention",
        "block",
        "layers",
        "prompts",
        "source_encoder",
    },
    "model": {
        "attention",
        "checks",
        "export",
        "features",
        "layers",
        "learning",
        "network",
        "painting",
        "sizes",
        "tasks",
    },
    "transfer": set(),
    "classifier": {
        "checks",
        "conditions",
        "data",
        "learning",
        "probing",
        "training",
        "transfer",
    },
    "probing": {"data", "files"},
    "probe_jobs": {
        "checks",
        "classifier",
        "data",
        "files",
        "jobs",
        "probing",
        "training",
    },
    "checkpoints": {"files"},
    "openai_names": {"checkpoints"},
    "openai_folders": {"checkpoints", "layers", "openai_names"},
    "openai": {
        "checkpoints",
        "files",
        "model",
        "openai_folders",
        "openai_names",
        "palette",
        "sizes",
    },
    "sheets": {"files"},
    "evaluation": {"data", "likeness", "palette"},
    "classical": set(),
    "edit_report": {
        "classical",
        "data",
        "edits",
        "exactness",
        "likeness",
        "masks",
        "progress",
        "sheets",
    },
    "signs": {"captions", "data", "glyphs"},
    "callbacks": {"checks", "sheets"},
    "runs": {"callbacks", "evaluation", "files", "progress"},
    "quickstart": {
        "data",
        "evaluation",
        "files",
        "model",
        "palette",
        "runs",
        "sheets",
        "training",
    },
    "jobs": {
        "checks",
        "data",
        "evaluation",
        "files",
        "football_report",
        "model",
        "sheets",
    },
    "train_jobs": {
        "callbacks",
        "checks",
        "data",
        "files",
        "jobs",
        "learning",
        "model",
        "palette",
        "runs",
        "training",
        "transfer",
        "vq",
    },
    "edit_jobs": {
        "data",
        "edit_report",
        "checks",
        "edits",
        "football_judge",
        "fitting",
        "image_files",
        "jobs",
        "sheets",
        "signs",
        "tasks",
    },
    "demo_jobs": {
        "data",
        "edits",
        "fitting",
        "image_files",
        "jobs",
        "signs",
    },
    "demo_page": {"demo_jobs"},
    "demo": {"demo_page", "jobs"},
    "cli_options": set(),
    "cli_painting": {"cli_options", "edit_jobs", "jobs"},
    "cli": {
        "cli_options",
        "cli_painting",
        "demo",
        "edit_jobs",
        "jobs",
        "probe_jobs",
        "quickstart",
        "train_jobs",
    },
}


def imported(path):
    """Names of the package's files that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.module == "keras_igpt":
                names |= {alias.name for alias in node.names}
            elif node.module and node.module.startswith("keras_igpt."):
                names.add(node.module.split(".")[1])
    return names


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("[!_]*.py")), ids=lambda path: path.stem
)
def test_file_imports_only_what_its_row_allows(path):
    assert imported(path) <= MAY_IMPORT[path.stem]


@pytest.mark.parametrize(
    "name",
    [
        "compiled",
        "layers",
        "attention",
        "block",
        "captions",
        "prompts",
        "quantizers",
        "autoencoder",
        "palette",
        "vq",
        "generation",
        "sampling",
        "conditions",
        "painting",
        "learning",
        "features",
        "classifier",
        "checkpoints",
        "openai",
        "model",
    ],
)
def test_layers_and_model_name_no_backend(name):
    tree = ast.parse((ROOT / f"{name}.py").read_text("utf-8"))
    at_import = {
        alias.name.split(".")[0]
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert not at_import & {"tensorflow", "torch", "jax"}


def test_no_file_is_called_utils():
    assert not [p for p in ROOT.glob("*.py") if "util" in p.stem]


@pytest.mark.slow
def test_import_is_as_light_as_keras():
    program = (
        "import keras_igpt, sys; heavy = ['tensorflow_datasets', 'keras_nlp',"
        " 'keras_hub', 'matplotlib', 'PIL', 'sklearn', 'typer', 'rich',"
        " 'gradio'];"
        "import keras; print([m for m in heavy if m in sys.modules])"
    )
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    baseline = subprocess.check_output(
        [sys.executable, "-c", program.replace("keras_igpt, ", "")], text=True
    )
    assert shown == baseline


def test_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert keras_igpt.__version__ == version("keras_igpt")


def test_public_names_have_docstrings():
    for name in keras_igpt.__all__:
        if name != "__version__":
            assert getattr(keras_igpt, name).__doc__, name


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*.py")), ids=lambda path: path.stem
)
def test_errors_say_what_was_received(path):
    text = path.read_text("utf-8")
    for found in re.finditer(
        r"raise (ValueError|FileNotFoundError|FileExistsError)\(", text
    ):
        assert "Received" in text[found.start() : found.start() + 800], text[
            found.start() : found.start() + 80
        ]
