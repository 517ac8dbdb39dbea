"""Tests of `make versions`, which CI runs; here nothing is installed."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PROGRAM = ROOT / ".ci" / "versions.py"


@pytest.fixture(scope="module")
def versions():
    spec = importlib.util.spec_from_file_location("versions", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lowest_versions_are_those_of_setup_cfg(versions):
    text = (ROOT / "setup.cfg").read_text("utf-8")
    for pin in versions.lowest():
        assert f"\n    {pin.replace('==', '>=')}\n" in text
    names = {pin.partition("==")[0] for pin in versions.lowest()}
    assert {"keras", "tensorflow", "numpy"} <= names


def test_pythons_are_those_that_setup_cfg_names(versions):
    text = (ROOT / "setup.cfg").read_text("utf-8")
    assert f"python_requires = >={versions.PYTHONS[0]}\n" in text
    for version in versions.PYTHONS:
        assert f"Programming Language :: Python :: {version}\n" in text


def test_a_python_that_is_not_there_is_skipped(versions):
    assert versions.check("9.9", "lowest") == "skipped: no such Python here"


def test_what_to_test_must_be_known():
    found = subprocess.run(
        [sys.executable, str(PROGRAM), "2.7"], capture_output=True, text=True
    )
    assert found.returncode and "Choose among 3.11-lowest" in found.stderr
