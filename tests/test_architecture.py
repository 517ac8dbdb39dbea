"""Rules about the package as a whole: its rooms, and what they may import."""

import ast
import configparser
import importlib
import pathlib
import re
import subprocess
import sys

import pytest

import keras_igpt

ROOT = pathlib.Path(keras_igpt.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Files that import nothing of the package, and that all may import.
BELOW = {"allocation", "annotations"}
# The ground: files beside the rooms.
GROUND = {
    "allocation",
    "annotations",
    "argument_checks",
    "atomic_files",
    "compiling",
    "holding_out",
    "operations",
    "progress",
    "version",
}
# What each room may import beside itself, floor by floor. A `*` stands for
# all rooms that come before it and the ground, less those behind the `-`.
ROOMS = {
    "images": "argument_checks atomic_files",
    "layers": "operations",
    "prompts": "layers",
    "edits": "images",
    "data": (
        "argument_checks compiling images progress atomic_files holding_out"
    ),
    "training": (
        "argument_checks atomic_files operations progress images holding_out"
    ),
    "tokenizers": "argument_checks compiling images data training progress",
    "generation": (
        "argument_checks compiling operations progress images prompts edits "
        "training"
    ),
    "serving": (
        "atomic_files operations images prompts edits training generation"
    ),
    "models": "* -tokenizers",
    "evaluation": "* -",
    "pretrained": "* -evaluation",
    "cli": "* -",
}


def allowed(room):
    """Rooms and ground files that files of a room may import."""
    rule = ROOMS[room]
    if not rule.startswith("*"):
        return {room, *BELOW, *rule.split()}
    before = list(ROOMS)[: list(ROOMS).index(room) + 1]
    return GROUND | set(before) - {rule.removeprefix("* -")}


def name_of(path):
    """`data.loading` of a file, `data` of a folder's `__init__`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(path):
    """Modules of the package that a file imports anywhere, as `name_of`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    names = {n.partition(".")[2] for n in names if n.startswith("keras_igpt.")}
    return {
        name if name in MODULES else name.rpartition(".")[0] for name in names
    }


MODULES = {name_of(path): path for path in FILES}


def test_every_folder_is_a_room():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert folders - {"__pycache__", "saved_models"} == set(ROOMS)


def test_ground_is_what_it_is():
    files = {path.stem for path in ROOT.glob("*.py")}
    assert files - {"__init__"} == GROUND


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: name_of(path) or "keras_igpt"
)
def test_file_imports_only_downwards(path):
    room = name_of(path).split(".")[0]
    if room == "":
        return
    rooms = {name.split(".")[0] for name in imported(path)}
    if room in GROUND:
        more = {"operations"} if room == "compiling" else set()
        assert rooms <= (set() if room in BELOW else BELOW | more)
    else:
        assert rooms <= allowed(room)


def test_no_files_import_each_other_in_a_circle():
    arrows = {name: imported(path) - {name} for name, path in MODULES.items()}
    while True:
        done = {name for name, to in arrows.items() if not to & set(arrows)}
        if not done:
            break
        arrows = {n: to for n, to in arrows.items() if n not in done}
    assert not arrows


def test_folders_are_small():
    counts = {
        folder: len(list(folder.glob("*.py")))
        for folder in {path.parent for path in FILES}
    }
    assert max(counts.values()) <= 14, counts


def test_modules_are_short():
    lines = {
        name: len(path.read_text("utf-8").splitlines())
        for name, path in MODULES.items()
    }
    assert not {name: n for name, n in lines.items() if n > 400}


def functions(path):
    """Functions outside of others: their full names, and the nodes."""

    def walk(body, prefix):
        for node in body:
            if isinstance(node, ast.FunctionDef):
                yield f"{prefix}{node.name}", node
            elif isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}.")

    return list(walk(ast.parse(path.read_text("utf-8")).body, ""))


def public_functions(path):
    """Those that stand for others to call, with `__init__`."""
    return [
        (name, node)
        for name, node in functions(path)
        if not any(
            part.startswith("_") and part != "__init__"
            for part in name.split(".")
        )
    ]


def is_command(node):
    """Whether Typer runs it: its arguments are a command's options."""
    return any("command" in ast.unparse(d) for d in node.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_functions_are_short(path):
    def lines_of_code(node):
        body = node.body[1:] if ast.get_docstring(node) else node.body
        return body[-1].end_lineno - body[0].lineno + 1 if body else 0

    long = {
        name: lines_of_code(node)
        for name, node in functions(path)
        if lines_of_code(node) > 60 and not is_command(node)
    }
    assert not long


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_public_functions_are_annotated(path):
    missing = []
    for name, node in public_functions(path):
        spec = node.args
        arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
        arguments += [spec.vararg, spec.kwarg]
        missing += [
            f"{name}({argument.arg})"
            for argument in arguments
            if argument is not None
            and argument.arg not in ("self", "cls")
            and argument.annotation is None
        ]
        if node.returns is None and not name.endswith("__init__"):
            missing.append(f"{name} -> ?")
    assert not missing


# What these do is said by Keras or Python; the classes say the rest.
KNOWN = {"__init__", "build", "call", "get_config", "from_config"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_public_functions_have_docstrings(path):
    missing = [
        name
        for name, node in public_functions(path)
        if name.split(".")[-1] not in KNOWN and not ast.get_docstring(node)
    ]
    assert not missing


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_words_are_those_of_the_field(path):
    text = path.read_text("utf-8")
    assert not re.findall(r"\bpaint[a-z]*\b", text, re.IGNORECASE)
    assert not re.findall(r"[ \"]Do [a-z]+", text)


def test_setup_lists_every_folder():
    config = configparser.ConfigParser()
    config.read(ROOT.parent / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {
        ".".join(["keras_igpt", *path.parent.relative_to(ROOT).parts])
        for path in FILES
    }
    assert folders <= listed


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_tensorflow_is_imported_when_used(path):
    name = name_of(path)
    if name.startswith("serving.") or name.endswith(".builder"):
        return
    at_import = {
        alias.name.split(".")[0]
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not at_import & {"tensorflow", "torch", "jax"}


def test_no_file_is_called_utils():
    assert not [path for path in FILES if "util" in path.stem]


def run(program):
    return subprocess.check_output(
        [sys.executable, "-c", program], text=True, cwd=ROOT.parent
    )


def test_import_loads_no_heavy_package():
    heavy = (
        "keras tensorflow tensorflow_datasets keras_nlp matplotlib PIL "
        "sklearn typer rich gradio numpy"
    )
    shown = run(
        "import keras_igpt, sys;"
        f"print([m for m in {heavy.split()} if m in sys.modules])"
    )
    assert shown.strip() == "[]"


@pytest.mark.slow
def test_classes_register_where_keras_is_loaded():
    shown = run(
        "import keras, keras_igpt;"
        "keras.saving.load_model('saved_models/football/model.keras');"
        "print('loaded')"
    )
    assert shown.strip() == "loaded"


def test_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert keras_igpt.__version__ == version("keras_igpt")


def test_public_names_have_docstrings():
    for name in keras_igpt.__all__:
        if name != "__version__":
            assert getattr(keras_igpt, name).__doc__, name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_folders_tell_what_they_are_for(path):
    if path.name == "__init__.py":
        module = importlib.import_module(
            ".".join(["keras_igpt", *path.parent.relative_to(ROOT).parts])
        )
        assert module.__doc__


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_errors_say_what_was_received(path):
    text = path.read_text("utf-8")
    for found in re.finditer(
        r"raise (ValueError|FileNotFoundError|FileExistsError)\(", text
    ):
        assert "Received" in text[found.start() : found.start() + 800], text[
            found.start() : found.start() + 80
        ]
