"""Tests that JAX and PyTorch do what TensorFlow does.

Others have the marker `backends`: `make test` runs them again on each.
"""

import os
import pathlib
import subprocess
import sys
from importlib.util import find_spec

import keras
import moved_files
import numpy as np
import pytest

BACKENDS = ("tensorflow", "jax", "torch")
HERE = pathlib.Path(__file__).parent
GOLDEN = HERE / "golden" / "shipped"

# === Files move ===


def run(backend, folder, *words):
    """Runs `moved_files.py` on a backend."""
    subprocess.run(
        [sys.executable, HERE / "moved_files.py", folder, *words],
        check=True,
        cwd=HERE.parent,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}",
        },
    )


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """What each backend says of a file that each has saved."""
    if not (find_spec("jax") and find_spec("torch")):
        pytest.skip("needs the extras jax and torch")
    folder = tmp_path_factory.mktemp("moved")
    others = [name for name in BACKENDS if name != keras.backend.backend()]
    for name in others:
        run(name, folder, "make")
    moved_files.main(folder, "make")
    for name in others:
        run(name, folder)
    return {
        (path.stem.split("_on_")[0], path.stem.split("_on_")[1]): dict(
            np.load(path)
        )
        for path in folder.glob("*.npz")
    }


def pairs():
    return [(a, b) for a in BACKENDS for b in BACKENDS if a != b]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("saved, loaded", pairs())
def test_file_answers_on_another_backend_as_on_its_own(moved, saved, loaded):
    own, other = moved[saved, saved], moved[saved, loaded]
    np.testing.assert_allclose(other["logits"], own["logits"], 0, 1e-4)
    np.testing.assert_allclose(other["nats"], own["nats"], 1e-5)
    np.testing.assert_array_equal(other["images"], own["images"])
    np.testing.assert_array_equal(other["guided"], own["guided"])


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("saved, loaded", pairs())
def test_training_goes_on_on_another_backend(moved, saved, loaded):
    own, other = moved[saved, saved], moved[saved, loaded]
    np.testing.assert_array_equal(other["optimizer"], own["optimizer"])
    assert other["steps"] == 4


# === Shipped models ===


@pytest.mark.slow
@pytest.mark.backends
@pytest.mark.parametrize("name", moved_files.SHIPPED)
def test_shipped_model_answers_as_on_tensorflow(name):
    given = moved_files.shipped_answers(name)
    with np.load(GOLDEN / f"{name}.npz") as expected:
        np.testing.assert_allclose(given["nats"], expected["nats"], rtol=1e-5)
        # Tokens are the same: of another one many pixels would differ. Their
        # decoder rounds a few to the next level.
        shown = given["images"].astype(int)
        assert abs(shown - expected["images"]).max() <= 1
        assert np.mean(shown != expected["images"]) < 1e-3


# === What needs TensorFlow ===


@pytest.mark.backends
def test_export_says_which_backend_it_needs(tiny_model, tmp_path, monkeypatch):
    if keras.backend.backend() == "tensorflow":
        monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="Received: KERAS_BACKEND=(jax|torch)"):
        tiny_model.export(tmp_path / "1")
    assert not list(tmp_path.iterdir())
