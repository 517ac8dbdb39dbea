"""Tests of the command as a whole: help, and how mistakes end."""

import subprocess
import sys

import pytest
from small_models import invoke

from keras_igpt import cli


@pytest.mark.parametrize(
    "command",
    [
        "",
        *("quickstart", "train", "generate", "complete"),
        *("edit", "evaluate", "evaluate-edits", "grid", "show", "again"),
        *("demo", "export", "pack", "probe", "classify"),
        *("card", "upload"),
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


def run(monkeypatch, capsys, error):
    """What is said of an error in a command, and the exit code."""

    def fail():
        raise error

    monkeypatch.setattr(cli, "app", fail)
    for name in ("silence_tensorflow", "look_for_garbage_less"):
        monkeypatch.setattr(cli, name, lambda: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    return capsys.readouterr().err, end.value.code


@pytest.mark.parametrize(
    "error", [ValueError, OSError, ImportError, MemoryError], ids=str
)
def test_expected_errors_end_in_one_line(monkeypatch, capsys, error):
    said, code = run(monkeypatch, capsys, error("It must be\nanother."))
    assert said.startswith("keras-igpt: ") and said.count("\n") == 1
    assert "It must be another." in said and code == 1


def test_other_errors_keep_their_trace(monkeypatch, capsys):
    with pytest.raises(KeyError):
        run(monkeypatch, capsys, KeyError("a mistake of ours"))


def test_commands_look_for_garbage_less_and_not_at_the_end():
    code = (
        "import atexit, gc\n"
        "from keras_igpt.cli import look_for_garbage_less\n"
        "before = gc.get_threshold()[0]\n"
        "look_for_garbage_less()\n"
        "atexit._run_exitfuncs()\n"
        "print(gc.get_threshold()[0] > before, gc.get_freeze_count() > 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True"]


@pytest.mark.parametrize("port", [-1, 65536])
def test_port_that_is_none_is_named(port):
    with pytest.raises(ValueError, match="`port` must be from 0"):
        invoke("demo", "--model", "none.keras", f"--port={port}")
