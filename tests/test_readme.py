"""Tests of the READMEs: their commands and code run, at tiny size."""

import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
import typer.main
from PIL import Image
from typer.testing import CliRunner

from keras_igpt import data
from keras_igpt.cli import app

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ("README.md", "README.zh-CN.md")
SMALL = "num_layers=2, num_heads=2, hidden_dim=32"
# What would take minutes with the shipped model is given one trained before.
LONG_WITH_FOOTBALL = ("export", "evaluate-edits")
# What trains a judge, or never ends, is tested elsewhere.
NOT_RUN = ("judge", "judge-conversions", "demo", "quickstart")


def text_of(name):
    return (ROOT / name).read_text("utf-8")


def blocks(name, language):
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, text_of(name), re.MULTILINE | re.DOTALL)


def commands():
    """Arguments of every `keras-igpt` command."""
    lines = "".join(blocks(ENGLISH, "sh")).replace("\\\n", " ").splitlines()
    split = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in split if words[:1] == ["keras-igpt"]]


def figures(name):
    """All numbers of the tables."""
    rows = [row for row in text_of(name).splitlines() if row.startswith("|")]
    return re.findall(r"\d[\d.,]*\d|\d", "".join(rows))


def write_pictures(folder, names, side=64):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name in names:
        pixels = generator.integers(0, 256, (side, side, 3), "uint8")
        Image.fromarray(pixels).save(folder / name)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A working folder with the files that the READMEs speak of."""
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "given", ["photo.jpg", "picture.jpg", "map.png"])
    for file in (tmp_path / "given").iterdir():
        file.rename(file.name)
    names = [f"{i}.png" for i in range(12)]
    for label in ("cat", "dog"):
        write_pictures(tmp_path / "path" / "to" / "pictures" / label, names)
    # In place of "football", which would take minutes to draw.
    names = [f"{i}.png" for i in range(40)]  # enough for a test split
    write_pictures(tmp_path / "captioned", names)
    rows = [
        f"{name},{name},{'layout twin'.split()[i % 2]},{i} red"
        for i, name in enumerate(names)
    ]
    head = "file_name,source_file_name,style,text"
    (tmp_path / "captioned" / "metadata.csv").write_text(
        "\n".join([head, *rows])
    )
    return tmp_path


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_are_understood(words, files):
    command = typer.main.get_command(app).commands[words[0]]
    assert command.make_context(words[0], words[1:]).params


def test_chinese_has_the_same_commands_and_code():
    for language in ("sh", "python"):
        assert blocks(CHINESE, language) == blocks(ENGLISH, language)


def test_chinese_has_the_same_figures():
    assert figures(CHINESE) == figures(ENGLISH)


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_what_is_linked_exists(name):
    links = re.findall(r"\]\(([^)#:]+)\)", text_of(name))
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_modules_that_are_named_exist(name):
    named = re.findall(r"`(?:keras_igpt/)?(\w+\.py)`", text_of(name))
    assert named
    missing = [n for n in named if not (ROOT / "keras_igpt" / n).exists()]
    assert not missing


@pytest.mark.slow
def test_commands_run(files):
    for words in commands():
        if words[0] not in NOT_RUN:
            result = CliRunner().invoke(app, tiny(words))
            assert result.exit_code == 0, (words, result.output)


def tiny(words):
    """The command with little data, few and small pictures, and no time."""
    words = list(words)
    small = {
        "--minutes": "0.02",
        "--n": "1",
        "--size": "16",
        "--keep-rows": "8",
        "--codes": "8",
        "--limit": "4",
        "--batch-size": "4",
    }
    for i, word in enumerate(words[:-1]):
        words[i + 1] = small.get(word, words[i + 1])
        if word == "--data":
            captioned = words[i + 1].startswith("football")
            words[i + 1] = "captioned" if captioned else "path/to/pictures"
    if words[0] == "train":
        words += ["--model", "tiny", "--colors", "8"]
        words += ["--tokenizer-minutes", "0.02"]
        words += [] if "--codes" in words else ["--codes", "8"]
        if not {"--size", "--init-from"} & set(words):
            words += ["--size", "16"]  # the data's own would be 64
    if words[0] in LONG_WITH_FOOTBALL:
        run = {"football": "runs/football-edits"}
        words = [run.get(word, word) for word in words]
    return words


@pytest.mark.slow
def test_python_runs(files):
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")
    names = {
        "images": images,
        "masks": np.arange(64) < 32 + np.zeros((64, 1)),
        "small": images[:, ::4, ::4],
        "maps": images,
        "captions": ["One red player", "无球"],
    }
    for block in blocks(ENGLISH, "python"):
        if "openai.load" in block:  # Tested with checkpoints of its own.
            continue
        if "Classifier" in block:
            labelled = data.load("path/to/pictures", image_size=64)
            names |= {"train": labelled, "test": labelled}
        keras.utils.set_random_seed(0)
        for usual, less in {
            "epochs=20": "epochs=1",
            "epochs=5": "epochs=1",
            "minutes=10": "epochs=1",
            "ImageGPT(tokenizer, ": f"ImageGPT(tokenizer, {SMALL}, ",
            '"football", image': f'"{files / "captioned"}", image',
        }.items():
            block = block.replace(usual, less)
        exec(block, names)
        names["images"] = images
    assert (files / "digits.keras").exists()
