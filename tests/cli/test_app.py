"""Tests of the command as a whole: help, and how mistakes end."""

import subprocess
import sys

import pytest
from small_models import invoke


@pytest.mark.parametrize(
    "command",
    [
        "",
        *("quickstart", "train", "generate", "complete"),
        *("edit", "evaluate", "evaluate-edits"),
        *("demo", "export", "pack", "probe", "classify"),
    ],
)
def test_help_says_what_a_command_does(command):
    result = invoke(*command.split(), "--help")
    assert result.exit_code == 0 and "Usage" in result.output


def test_help_loads_nothing_heavy():
    program = (
        "import sys; sys.argv = ['keras-igpt', 'train', '--help']\n"
        "from keras_igpt.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = 'keras tensorflow numpy PIL matplotlib gradio sklearn'\n"
        "print([name for name in heavy.split() if name in sys.modules])"
    )
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert "--resume" in shown and shown.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_mistake_ends_in_one_line(tmp_path):
    words = ("generate", "--model", str(tmp_path / "none.keras"))
    done = subprocess.run(
        [sys.executable, "-m", "keras_igpt.cli", *words],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("keras-igpt: `path` must be a `.keras` file")


def test_wrong_option_is_named():
    result = invoke(
        "train", "--data", "digits", "--out", "x", "--model", "huge"
    )
    assert result.exit_code == 2 and "huge" in result.output
