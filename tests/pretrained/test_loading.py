"""Tests of models found by name, folder or file."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

import keras_igpt
from keras_igpt.atomic_files import save_model
from keras_igpt.pretrained import loading

ROOT = pathlib.Path(__file__).parents[2]
SAVED = ROOT / "tests" / "golden" / "saved"


@pytest.mark.parametrize("name", ["", "best.keras"])
def test_load_takes_a_file_or_a_folder(tmp_path, tiny_model, name):
    save_model(tiny_model, tmp_path / "best.keras")
    loaded = keras_igpt.load(tmp_path / name)
    np.testing.assert_array_equal(
        loaded.generate(labels=1, seed=0), tiny_model.generate(labels=1, seed=0)
    )


def test_load_prefers_the_best_model(tmp_path, tiny_model, tiny_unconditional):
    save_model(tiny_model, tmp_path / "last.keras")
    save_model(tiny_unconditional, tmp_path / "best.keras")
    assert keras_igpt.load(tmp_path).num_classes == 0


def test_load_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        keras_igpt.load(tmp_path / "none.keras")


def test_load_names_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="that holds one of best.keras"):
        keras_igpt.load(tmp_path)


def test_load_knows_shipped_models_by_name(tmp_path, tiny_model, monkeypatch):
    save_model(tiny_model, tmp_path / "mine" / "model.keras")
    monkeypatch.setattr(loading, "SHIPPED", (tmp_path / "none", tmp_path))
    assert keras_igpt.load("mine").num_classes == tiny_model.num_classes


def test_load_prefers_a_folder_to_a_shipped_model(
    tmp_path, tiny_model, tiny_unconditional, monkeypatch
):
    save_model(tiny_model, tmp_path / "ships" / "mine" / "model.keras")
    save_model(tiny_unconditional, tmp_path / "mine" / "last.keras")
    monkeypatch.setattr(loading, "SHIPPED", (tmp_path / "ships",))
    monkeypatch.chdir(tmp_path)
    assert keras_igpt.load("mine").num_classes == 0


def test_load_names_the_shipped_models(tmp_path, tiny_model, monkeypatch):
    save_model(tiny_model, tmp_path / "mine" / "model.keras")
    monkeypatch.setattr(loading, "SHIPPED", (tmp_path,))
    with pytest.raises(FileNotFoundError, match=r"one of \['mine'\]"):
        keras_igpt.load("mime")


@pytest.mark.slow
def test_load_needs_no_other_import():
    """In a fresh process, in which no class of ours is registered."""
    files = [SAVED / f"{name}.keras" for name in ("classifier", "vq", "bert")]
    program = (
        "import keras_igpt, sys;"
        "models = [keras_igpt.load(path) for path in sys.argv[1:]];"
        "print(*[type(model).__name__ for model in models])"
    )
    shown = subprocess.check_output(
        [sys.executable, "-c", program, "football", *files],
        text=True,
        cwd=ROOT,
    )
    assert shown.split() == [
        "ImageGPT",
        "ImageGPTClassifier",
        "ImageGPT",
        "ImageGPT",
    ]


def test_shipped_model_of_any_order_writes_in_few_steps():
    config = keras_igpt.load("football_any").config
    assert (config["order"], config["steps"]) == ("any", 32)


def test_shipped_models_have_the_same_tokens():
    one, other = map(keras_igpt.load, ("football", "football_any"))
    noise = np.random.default_rng(0).integers(256, size=(1, 64, 64, 3))
    found = [
        x.tokenizer.encode_all(noise.astype("uint8")) for x in (one, other)
    ]
    np.testing.assert_array_equal(*found)
