"""Tests of training on several devices and in several processes."""

import functools
import json
import pathlib

import numpy as np
import processes
import pytest
from fit_on_replicas import KINDS

PROGRAM = pathlib.Path(__file__).with_name("fit_on_replicas.py")

ALIKE = ("raster", "edits", "any", "bert", "half")

MIRRORED = {"distribute": "mirrored", "devices": 2}

pytestmark = [pytest.mark.slow, pytest.mark.long]


def start(out, kinds, asked=MIRRORED, **variables):
    out.mkdir()
    asked = {"out": str(out), "kinds": kinds, **asked}
    return processes.start([PROGRAM, json.dumps(asked)], **variables)


@functools.cache
def read(path):
    return dict(np.load(path))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Results on one device."""
    folder = tmp_path_factory.mktemp("alone") / "one"
    processes.finish([start(folder, ALIKE, {})])
    return folder


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """Results on two devices."""
    folder = tmp_path_factory.mktemp("mirrored") / "two"
    processes.finish([start(folder, [*ALIKE, "dropout"])])
    return folder


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Results of two processes, a folder each."""
    folders = [tmp_path_factory.mktemp("workers") / str(i) for i in range(2)]
    processes.finish(
        [
            start(folder, ALIKE, {"distribute": "multiworker"}, TF_CONFIG=each)
            for folder, each in zip(folders, processes.clusters(2))
        ]
    )
    return folders


def assert_close(found, expected, kind):
    whole = kind == "raster"
    assert len(found["losses"]) == (56 if whole else 16)
    assert ("logits" in found) == whole
    for name, values in expected.items():
        # Of an image, nats of 64 tokens are added up.
        tolerance = 1e-3 if name in ("logits", "scores") else 1e-4
        tolerance = 1e-2 if kind == "half" else tolerance
        np.testing.assert_allclose(
            found[name],
            values,
            atol=tolerance,
            rtol=tolerance,
            err_msg=name,
        )


@pytest.mark.parametrize("kind", ALIKE)
def test_two_devices_learn_as_one(kind, mirrored, alone):
    one, two = (read(folder / f"{kind}.npz") for folder in (alone, mirrored))
    assert_close(two, one, kind)


@pytest.mark.parametrize("kind", ALIKE)
def test_two_processes_learn_as_one(kind, workers, alone):
    one, *others = (
        read(folder / f"{kind}.npz") for folder in (alone, *workers)
    )
    for each in others:
        assert_close(each, one, kind)


def test_each_replica_has_dropout_of_its_own(mirrored):
    found = read(mirrored / "dropout.npz")
    assert len(found["seeds"]) == len(set(found["seeds"])) > 2
    assert found["losses"][-1] < found["losses"][0]


@pytest.mark.parametrize(
    ("kind", "fit", "message"),
    [
        ("accumulated", {}, "`gradient_accumulation_steps` must be None"),
        ("overwritten", {}, "`ema_overwrite_frequency` must be None"),
        ("raster", {"batch_size": 15}, "`batch_size` must be a multiple of 2"),
    ],
)
def test_what_replicas_cannot_do_is_refused(kind, fit, message, tmp_path):
    assert kind in KINDS
    process = start(tmp_path / "refused", [kind], {**MIRRORED, **fit})
    said, _ = process.communicate(timeout=200)
    assert process.returncode and f"ValueError: {message}" in said
