"""Tests of numbers that no option of a command can mean."""

import typing

import pytest
from small_models import invoke

from keras_igpt.cli.evaluate import evaluate, probe
from keras_igpt.cli.quickstart import quickstart
from keras_igpt.cli.train import classify, train

# Options of which 0 has a meaning.
FREE = (
    *("seed", "dropout", "edit_share", "generative_weight"),
    *("guidance", "temperature"),
)


def numbers():
    """Every number that a command that works long takes, and what it is not."""
    for command in (train, quickstart, classify, probe, evaluate):
        for name, kind in typing.get_type_hints(command).items():
            kinds = typing.get_args(kind) or (kind,)
            if float in kinds:
                wrong = ["-1", "nan", "inf"]
            elif int in kinds:
                wrong = ["-1", "1" + "0" * 30]
            else:
                continue
            for value in wrong if name in FREE else [*wrong, "0"]:
                yield command.__name__, name, value


@pytest.mark.parametrize(("command", "name", "value"), list(numbers()))
def test_numbers_out_of_bounds_are_told_by_name(
    command, name, value, class_folder, class_run, tmp_path, monkeypatch
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
    option = f"--{name.replace('_', '-')}={value}"
    with pytest.raises(ValueError, match=name.replace("_", ".")) as error:
        invoke(command, *words, option)
    assert "Received" in str(error.value)
    assert not (tmp_path / "out").exists()
