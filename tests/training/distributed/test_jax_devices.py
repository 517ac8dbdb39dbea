"""Tests of several devices on JAX, in processes of their own."""

import json
import pathlib

import numpy as np
import processes
import pytest

pytest.importorskip("jax")

PROGRAM = pathlib.Path(__file__).with_name("fit_on_replicas.py")

pytestmark = pytest.mark.slow


def fit(folder, kinds=("raster",), **asked):
    asked = {"out": str(folder), "kinds": kinds, **asked}
    words = [PROGRAM, json.dumps(asked)]
    processes.finish([processes.start(words, KERAS_BACKEND="jax")])
    return [dict(np.load(folder / f"{kind}.npz")) for kind in kinds]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("alone"))[0]


@pytest.mark.parametrize("model_devices", [1, 2, 8])
def test_eight_devices_learn_as_one(model_devices, alone, tmp_path):
    (found,) = fit(
        tmp_path, distribute="jax", devices=8, model_devices=model_devices
    )
    assert len(found["losses"]) == 56
    for name in ("losses", "bits", "kernel", "scores"):
        np.testing.assert_allclose(
            found[name], alone[name], atol=1e-4, rtol=1e-4, err_msg=name
        )
    # Of the weights and of what the optimizer keeps of them.
    for shares in (found["shares"], found["kept"]):
        assert set(shares) == {1, 1 / model_devices}


def test_all_kinds_of_models_can_be_divided(tmp_path):
    kinds = ("any", "edits")
    for found in fit(
        tmp_path, kinds, distribute="jax", devices=4, model_devices=2
    ):
        assert found["losses"][-1] < found["losses"][0]


def test_devices_must_be_a_multiple():
    room = "keras_igpt.training.distributed.strategies"
    words = f"from {room} import new_strategy as new"
    process = processes.start(
        ["-c", f"{words}\nnew('jax', 3)"],
        KERAS_BACKEND="jax",
        XLA_FLAGS="--xla_force_host_platform_device_count=4",
    )
    said, _ = process.communicate(timeout=120)
    assert "must divide the number of devices" in said
    assert "--model-devices 3, for 4 devices" in said
