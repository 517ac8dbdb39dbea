"""Tests of what is built: whole, nothing more, and the same each time."""

import configparser
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

import keras_igpt

ROOT = pathlib.Path(__file__).parents[1]

BUILD = (
    "import sys\nfrom setuptools import build_meta\n"
    "print(build_meta.build_{kind}(sys.argv[1]))"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two builds of the same files: their wheels, then their sources."""
    found = {"wheel": [], "sdist": []}
    for number in range(2):
        place = tmp_path_factory.mktemp(f"build{number}")
        ignored = shutil.ignore_patterns(
            *(".*", "build", "dist", "runs", "*.egg-info", "__pycache__")
        )
        shutil.copytree(ROOT, place / "source", ignore=ignored)
        for kind in found:
            out = place / kind
            out.mkdir()
            subprocess.run(
                [sys.executable, "-c", BUILD.format(kind=kind), str(out)],
                cwd=place / "source",
                env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
                check=True,
                capture_output=True,
            )
            found[kind].extend(out.iterdir())
    return found


def names(path):
    if path.suffix == ".whl":
        return zipfile.ZipFile(path).namelist()
    with tarfile.open(path) as file:
        return [name.partition("/")[2] for name in file.getnames()]


def contents(path):
    with tarfile.open(path) as file:
        return {
            member.name: file.extractfile(member).read()
            for member in file
            if member.isfile()
        }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_nothing_but_the_package_is_built(built, kind):
    found = names(built[kind][0])
    assert not [
        name
        for name in found
        if name.startswith(("tests", "runs", "benchmarks", "notebooks", "docs"))
        or "__pycache__" in name
    ]


@pytest.mark.slow
def test_a_wheel_has_all_of_the_package(built):
    found = set(names(built["wheel"][0]))
    package = ROOT / "keras_igpt"
    wanted = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*.py*")
        if "__pycache__" not in path.parts
    }
    models = {
        f"keras_igpt/saved_models/{name}/model.keras"
        for name in ("football", "football_any")
    }
    assert wanted | models | {"keras_igpt/py.typed"} <= found


@pytest.mark.slow
def test_two_wheels_are_the_same(built):
    one, two = (path.read_bytes() for path in built["wheel"])
    assert one == two


@pytest.mark.slow
def test_two_archives_of_sources_hold_the_same(built):
    """Their times differ, which `make dist` mends."""
    one, two = map(contents, built["sdist"])
    assert one == two


@pytest.mark.slow
def test_a_wheel_works_without_its_sources(built, tmp_path):
    with zipfile.ZipFile(built["wheel"][0]) as wheel:
        wheel.extractall(tmp_path)
    program = (
        "import keras_igpt\nprint(keras_igpt.__file__)\n"
        "print(keras_igpt.load('football').num_cells)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [
        str(tmp_path / "keras_igpt" / "__init__.py"),
        "256",
    ]


def test_the_version_is_the_same_everywhere():
    version = keras_igpt.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_extras_are_in_one_table():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = set(config["options.extras_require"])
    page = (ROOT / "docs" / "index.md").read_text("utf-8")
    table = page.partition("| `pip install")[2].partition("\n\n")[0]
    listed = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in line.split("|")[1].replace("`", "").split(", ")
    }
    listed = {name.strip() for name in listed}
    assert listed == extras
