import pathlib
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from keras_igpt import load
from keras_igpt.cli import commands, edit_jobs, jobs, quickstart, train_jobs
from keras_igpt.cli.demo import server


def invoke(*args):
    return CliRunner().invoke(commands.app, list(args))


@pytest.mark.parametrize(
    "command",
    [
        "",
        *("quickstart", "train", "generate", "complete"),
        *("edit", "evaluate", "evaluate-edits"),
        *("judge", "judge-conversions", "demo", "export", "pack"),
        *("probe", "classify"),
    ],
)
def test_help_says_what_a_command_does(command):
    result = invoke(*command.split(), "--help")
    assert result.exit_code == 0 and "Usage" in result.output


@pytest.mark.slow
def test_help_does_not_load_tensorflow():
    program = (
        "import sys; sys.argv = ['keras-igpt', '--help']\n"
        "from keras_igpt.cli import app\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "print('tensorflow_datasets' in sys.modules)"
    )
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert shown.splitlines()[-1] == "False"


def test_train_passes_its_options_on(monkeypatch, tmp_path):
    seen = {}

    def train(options, folder, resume, console):
        seen.update(options, folder=folder, resume=resume)
        return {"step": 1, "val_bits_per_pixel": 2.0}

    monkeypatch.setattr(train_jobs, "train", train)
    result = invoke(
        *f"train --data digits --out {tmp_path} --minutes 2 --model small "
        "--colors 17 --precision mixed_bfloat16 --tokenizer vq --codes 64 "
        "--no-labels --resume".split()
    )
    assert result.exit_code == 0, result.output
    assert seen["minutes"] == 2.0 and seen["epochs"] is None
    assert seen["model"] == "small" and seen["colors"] == 17
    assert seen["precision"] == "mixed_bfloat16" and seen["resume"]
    assert seen["tokenizer"] == "vq" and seen["codes"] == 64
    assert seen["captions"] and not seen["labels"]


def test_train_without_a_budget_takes_15_minutes(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(train_jobs, "train", lambda o, *args: seen.update(o))
    invoke("train", "--data", "digits", "--out", str(tmp_path))
    assert seen["minutes"] == 15.0


def test_evaluate_edits_names_a_sheet(monkeypatch):
    seen = []
    monkeypatch.setattr(edit_jobs, "evaluate", lambda *args: seen.append(args))
    options = "--model m.keras --data digits --n 5 --out sheet.png"
    result = invoke("evaluate-edits", *options.split())
    assert result.exit_code == 0, result.output
    out = pathlib.Path("sheet.png")
    assert seen == [("m.keras", "digits", 5, "test", 0, out)]


def test_judge_conversions_takes_a_number(monkeypatch):
    seen = []
    monkeypatch.setattr(
        jobs, "judge_conversions", lambda *args: seen.append(args)
    )
    result = invoke("judge-conversions", "--model", "m.keras", "--n", "5")
    assert result.exit_code == 0, result.output
    assert seen == [("m.keras", 5, "test", 0)]


def test_judge_compares_without_and_with_guidance(monkeypatch):
    seen = []
    monkeypatch.setattr(jobs, "judge", lambda *args: seen.append(args))
    result = invoke("judge", "--model", "m.keras", "--n", "5")
    assert result.exit_code == 0, result.output
    assert seen == [("m.keras", 5, (1.0, 3.0), "test", 0)]


def test_demo_serves_this_machine_alone_by_default(monkeypatch):
    seen = []
    monkeypatch.setattr(server, "launch", lambda *args: seen.append(args))
    result = invoke("demo", "--model", "m.keras")
    assert result.exit_code == 0, result.output
    assert seen == [("m.keras", "127.0.0.1", 7860, False)]


def test_pack_writes_a_model_that_loads(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "a.keras")
    result = invoke(
        *("pack", "--model", str(tmp_path / "a.keras")),
        *("--out", str(tmp_path / "b.keras")),
    )
    assert result.exit_code == 0, result.output
    assert load(tmp_path / "b.keras").count_params()


def test_quickstart_prints_its_figures(monkeypatch, tmp_path):
    figures = {
        "nats_per_picture": 71.23,
        "bits_per_pixel": 1.606,
        "histogram_bits_per_pixel": 2.5,
        "class_histogram_bits_per_pixel": 2.0,
        "recognised_generated": 0.964,
        "recognised_real": 0.989,
    }
    monkeypatch.setattr(quickstart, "run", lambda *args: figures)
    result = invoke("quickstart", "--out", str(tmp_path))
    assert result.exit_code == 0
    for shown in ("71.23", "1.606", "2.500", "2.000", "96.4%", "98.9%"):
        assert shown in result.output


def run_main(*args):
    return subprocess.run(
        [sys.executable, "-m", "keras_igpt.cli", *args],
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_mistake_ends_in_one_line(tmp_path):
    done = run_main("generate", "--model", str(tmp_path / "none.keras"))
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("keras-igpt: `path` must be a `.keras` file")
    assert "Traceback" not in done.stderr


def test_wrong_option_is_named():
    result = invoke(
        "train", "--data", "digits", "--out", "x", "--model", "huge"
    )
    assert result.exit_code == 2 and "huge" in result.output
