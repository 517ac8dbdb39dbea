"""Tests that files of earlier code load and answer as they did."""

import keras
import numpy as np
import pytest
import saved_files
from saved_files import FOLDER, KINDS

import keras_igpt  # noqa: F401  Keras finds the classes by it.


def load(name):
    return keras.saving.load_model(FOLDER / f"{name}.keras")


@pytest.mark.backends
@pytest.mark.slow
@pytest.mark.xla
@pytest.mark.parametrize("name", KINDS)
def test_saved_file_answers_as_it_did(name):
    model = load(name)
    given = saved_files.answers(name, model)
    # Each backend and each kind of processor sums in an order of its own, of
    # which bfloat16 shows much: enough to draw other tokens.
    rough = name == "bfloat16"
    rounding = 0.2 if rough else 1e-4
    with np.load(FOLDER / f"{name}.npz") as expected:
        assert set(given) == set(expected)
        for key, value in expected.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(
                    given[key], value, rounding, rounding, err_msg=key
                )
            elif not rough or key == "tokens":
                np.testing.assert_array_equal(given[key], value, key)


@pytest.mark.slow
@pytest.mark.xla
def test_saved_optimizer_goes_on():
    expected = np.load(FOLDER / "templates_trained.npy")
    given = saved_files.trained_further()
    np.testing.assert_allclose(given, expected, 1e-4, 1e-5)


@pytest.mark.slow
def test_exported_graph_answers_as_it_did(tmp_path):
    names = ["generate", "edit_inpaint"]
    path = load("templates").export(tmp_path / "1", names=names)
    given = saved_files.served(path)
    for part, content in given.items():
        assert content == (FOLDER / f"{part}.png").read_bytes(), part
