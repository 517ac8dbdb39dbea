"""Tests of numbers that no option of a command can mean."""

import typing

import pytest
import typer
from small_models import invoke

from keras_igpt.cli import app

# What a command needs beside the option; all of it is looked at later.
NEEDED = {"data": "digits", "model": "none.keras", "out": "none.png"}

# -1 and 0 of these have a meaning, or are looked at with the model.
FREE = {
    ("train", "dropout"),  # 0
    ("train", "edit_share"),  # 0
    ("classify", "generative_weight"),  # 0
}


def numbers():
    """Every option of the commands that train, with what it cannot be."""
    commands = typer.main.get_command(app).commands
    for command in ("train", "quickstart", "classify", "probe", "evaluate"):
        for option in commands[command].params:
            kinds = typing.get_args(option.type_descriptor.annotation)
            kinds = kinds or (option.type_descriptor.annotation,)
            if float in kinds:
                wrong = ["-1", "nan", "inf"]
            elif int in kinds:
                wrong = ["-1", "1" + "0" * 30]
            else:
                continue
            zero = option.name == "seed" or (command, option.name) in FREE
            for value in wrong if zero else [*wrong, "0"]:
                yield command, option, value


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        pytest.param(*case, id=f"{case[0]} {case[1].opts[-1]}={case[2]}")
        for case in numbers()
    ],
)
def test_numbers_out_of_bounds_are_told_by_name(
    command, option, value, class_folder, class_run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = {
        "train": ["--data", class_folder, "--size", 4, "--tokenizer", "vq"],
        "quickstart": [],
        "classify": ["--data", class_folder, "--model", class_run],
        "probe": ["--data", class_folder, "--model", class_run],
        "evaluate": ["--data", class_folder, "--model", class_run],
    }[command]
    if command in ("train", "quickstart"):
        words += ["--out", tmp_path / "out"]
    name = option.opts[-1].lstrip("-")
    with pytest.raises(ValueError, match=name.replace("-", ".")) as error:
        invoke(command, *words, f"{option.opts[-1]}={value}")
    assert "Received" in str(error.value)
    assert not (tmp_path / "out").exists()
