"""Tests of `keras-igpt train --distribute`, in processes of their own."""

import csv
import json
import os
import pathlib
import shutil
import signal
import time

import numpy as np
import processes
import pytest
from PIL import Image
from small_models import invoke, train

import keras_igpt

PROGRAM = pathlib.Path(__file__).with_name("train_small.py")

STEPS = ("--size", 8, "--colors", 8, "--batch-size", 8, "--epochs", 4)

# What draws at random, or is kept from step to step.
ALL = ("--edit", "inpaint", "--dropout", 0.1, "--ema", 0.5)


@pytest.fixture(scope="module")
def captioned(tmp_path_factory):
    """40 images of 8x8 pixels with a class and a caption."""
    root = tmp_path_factory.mktemp("captioned")
    generator = np.random.default_rng(1)
    rows = [("file_name", "text", "label")]
    for i in range(40):
        label = ("day", "night")[i % 2]
        name = f"{label}/{i}.png"
        (root / name).parent.mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (8, 8, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / name)
        rows.append((name, f"sky {i % 3}", label))
    with open(root / "metadata.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def command(*words):
    return [PROGRAM, "train", *words]


def start_workers(*words, count=2):
    words = command("--distribute", "multiworker", *words)
    return [
        processes.start(words, TF_CONFIG=config)
        for config in processes.clusters(count)
    ]


@pytest.fixture(scope="module")
def whole(captioned, tmp_path_factory):
    """A run of two workers that nothing disturbed."""
    run = tmp_path_factory.mktemp("whole") / "run"
    said = processes.finish(
        start_workers("--data", captioned, *STEPS, *ALL, "--out", run)
    )
    assert "Saved in" in said[0] and "first worker has saved" in said[1]
    return run


def assert_same_run(found, expected):
    for name in ("last.keras", "best.keras"):
        ours, theirs = (
            keras_igpt.load(run / name) for run in (found, expected)
        )
        for ours, theirs in zip(ours.weights, theirs.weights, strict=True):
            np.testing.assert_allclose(
                ours.numpy(), theirs.numpy(), atol=1e-4, err_msg=ours.path
            )
    ours, theirs = (figures(run) for run in (found, expected))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def figures(run):
    with open(run / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("epoch", "step", "loss", "bits_per_pixel", "val_bits_per_pixel")
    return [[float(row[name]) for name in names] for row in rows]


@pytest.mark.slow
def test_chief_alone_writes_files(whole):
    assert {path.name for path in whole.iterdir()} >= {
        *("config.json", "last.keras", "best.keras", "log.csv", "state.json"),
        "samples",
    }
    assert len(figures(whole)) == 4
    assert len(list((whole / "samples").iterdir())) == 4
    assert not list(whole.glob(".*"))


@pytest.mark.slow
def test_two_workers_make_the_run_of_one(captioned, tmp_path):
    """But for dropout, of which each worker has its own."""
    words = ["--data", captioned, *STEPS, *ALL, "--dropout", 0, "--out"]
    processes.finish(start_workers(*words, tmp_path / "two"))
    processes.finish([processes.start(command(*words, tmp_path / "one"))])
    # Adam makes steps of rounding errors: weights are compared where sums are
    # added up alike.
    one, two = (figures(tmp_path / name) for name in ("one", "two"))
    np.testing.assert_allclose(two, one, atol=1e-4)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1], ids=["chief", "other"])
def test_a_lost_worker_ends_the_others_and_the_run_goes_on(
    lost, whole, captioned, tmp_path
):
    run = tmp_path / "run"
    workers = start_workers("--data", captioned, *STEPS, *ALL, "--out", run)
    try:
        wait_for(run / "state.json")
        workers[lost].send_signal(signal.SIGKILL)
        killed = time.monotonic()
        said, _ = workers[1 - lost].communicate(timeout=300)
        # It takes half as long where processors have nothing else to do.
        assert time.monotonic() - killed < 100
    finally:
        for each in workers:
            each.kill()
            each.communicate()  # closes what it wrote to
    assert workers[1 - lost].returncode == 1
    assert "another one has ended or cannot be reached" in " ".join(
        said.split()
    )
    assert json.loads((run / "state.json").read_text())["spent"] < 1
    processes.finish(start_workers("--resume", "--out", run))
    assert_same_run(run, whole)


def wait_for(path, seconds=500):
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert path.exists()


@pytest.mark.long
@pytest.mark.slow
def test_workers_share_a_tokenizer_that_one_of_them_learned(
    captioned, tmp_path
):
    words = ("--tokenizer", "vq", "--codes", 8, "--tokenizer-minutes", 0.02)
    run = tmp_path / "run"
    processes.finish(
        start_workers("--data", captioned, *STEPS, *words, "--out", run)
    )
    assert keras_igpt.load(run).tokenizer.adapted


@pytest.mark.long
@pytest.mark.slow
def test_another_number_of_workers_goes_on(whole, tmp_path):
    """One, in this process: rows, edits and figures are the same."""
    run = shutil.copytree(whole, tmp_path / "run")
    row = train(run, resume=True, epochs=5)
    assert row["epoch"] == 5 and np.isfinite(row["val_bits_per_pixel"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--distribute", "multiworker", "--epochs", 1], "TF_CONFIG must"),
        (["--distribute", "multiworker"], "--epochs.*--minutes 15"),
        (["--distribute", "mirrored"], "two devices at least"),
        (["--distribute", "jax"], "KERAS_BACKEND=jax"),
        (["--model-devices", 2], "come with --distribute jax"),
    ],
    ids=["no cluster", "minutes", "one device", "backend", "model devices"],
)
def test_wrong_combinations_are_refused(words, message, captioned, tmp_path):
    assert "TF_CONFIG" not in os.environ
    with pytest.raises(ValueError, match=message):
        invoke("train", "--data", captioned, "--out", tmp_path / "run", *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_batch_that_two_workers_cannot_divide_is_refused(captioned, tmp_path):
    run = tmp_path / "run"
    workers = start_workers(
        *("--data", captioned, *STEPS, "--batch-size", 7, "--out", run)
    )
    for each in workers:
        said, _ = each.communicate(timeout=120)
        assert each.returncode == 1
        assert "must be a multiple of 2" in said
    assert not run.exists()


@pytest.mark.long
@pytest.mark.slow
def test_a_model_divided_on_jax_goes_on(captioned, tmp_path):
    """Four devices, two for the weights and two for the batch."""
    pytest.importorskip("jax")
    run = tmp_path / "run"
    jax = {
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
    }
    for words in (
        ["--data", captioned, *STEPS, *ALL, "--epochs", 1],
        ["--resume", "--epochs", 2],
    ):
        words = ["--distribute", "jax", "--model-devices", 2, *words]
        started = processes.start(command(*words, "--out", run), **jax)
        processes.finish([started])
    assert [row[:2] for row in figures(run)] == [[1, 4], [2, 8]]
