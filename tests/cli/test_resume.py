"""Tests of runs that are killed, interrupted and gone on with."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from small_models import train

import keras_igpt
from keras_igpt.atomic_files import save_model
from keras_igpt.cli.training import training_run
from keras_igpt.training import checkpoints
from keras_igpt.training.interruptions import Interruption

pytestmark = pytest.mark.usefixtures("smallest")


class Killed(BaseException):
    """In place of a signal that nothing survives."""


@pytest.fixture(scope="module")
def captioned(tmp_path_factory):
    """20 images of 8x8 pixels with a class and a caption."""
    root = tmp_path_factory.mktemp("captioned")
    generator = np.random.default_rng(1)
    rows = [("file_name", "text", "label")]
    for i in range(20):
        label = ("day", "night")[i % 2]
        name = f"{label}/{i}.png"
        (root / name).parent.mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (8, 8, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / name)
        rows.append((name, f"sky {i % 3}", label))
    with open(root / "metadata.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


ALL = {  # What draws anything at random, or is kept from step to step.
    "size": 8,
    "epochs": 3,
    "batch_size": 4,
    "dropout": 0.2,
    "ema": 0.5,
    "edits": ["inpaint", "colorize"],
}


@pytest.fixture(scope="module")
def whole(smallest, captioned, tmp_path_factory):
    """An undisturbed run, and what was asked for."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    options = {**ALL, "data": str(captioned)}
    train(folder, **options)
    return folder, options


def kill_at_step(monkeypatch, wanted):
    """Checkpoints after each step, and the end of the process in one."""

    def after(self, batch, logs=None):
        end(self, batch, logs)
        if checkpoints.steps_done(self.model) == wanted:
            raise Killed
        if not self._epoch_is_over():
            self.save()

    end = checkpoints.Checkpoints.on_train_batch_end
    monkeypatch.setattr(checkpoints.Checkpoints, "on_train_batch_end", after)


def assert_same_run(a, b):
    for name in ("last.keras", "best.keras"):
        one, two = (keras_igpt.load(folder / name) for folder in (a, b))
        for x, y in zip(one.weights, two.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(x), np.asarray(y), name)
        for x, y in zip(
            one.optimizer.variables, two.optimizer.variables, strict=True
        ):
            np.testing.assert_array_equal(np.asarray(x), np.asarray(y), x.path)
    some, other = (
        [(row["epoch"], row["step"], row["val_bits_per_pixel"]) for row in rows]
        for rows in map(log, (a, b))
    )
    assert some == other


def log(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_killed_run_ends_as_an_undisturbed_one(whole, tmp_path, monkeypatch):
    folder, options = whole
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at_step(patch, 7)
        train(tmp_path / "run", **options)
    train(tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", folder)


@pytest.mark.slow
def test_a_killed_run_of_half_precision_does_so_too(
    captioned, tmp_path, monkeypatch
):
    options = {**ALL, "data": str(captioned), "precision": "mixed_float16"}
    train(tmp_path / "whole", **options)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at_step(patch, 3)
        train(tmp_path / "run", **options)
    train(tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "before"),
    [("best.keras", False), ("last.keras", True), ("last.keras", False)],
)
def test_a_kill_between_two_files_changes_nothing(
    whole, tmp_path, monkeypatch, name, before
):
    folder, options = whole

    def killing(save):
        def wrapped(*args):
            path = args[1]
            mine = path.name == name and checkpoint["count"] >= 2
            if mine and before:
                raise Killed
            save(*args)
            if mine:
                raise Killed

        return wrapped

    def counting(self, logs):
        checkpoint["count"] += 1
        measure(self, logs)

    checkpoint = {"count": 0}
    measure = checkpoints.Checkpoints.checkpoint
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(checkpoints, "save_model", killing(save_model))
        patch.setattr(checkpoints.Checkpoints, "checkpoint", counting)
        train(tmp_path / "run", **options)
    train(tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", folder)


def test_an_interrupted_run_ends_as_an_undisturbed_one(
    whole, tmp_path, monkeypatch
):
    folder, options = whole

    def after(self, batch, logs=None):
        if checkpoints.steps_done(self.model) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        note(self, batch, logs)

    note = Interruption.on_train_batch_end
    with monkeypatch.context() as patch:
        patch.setattr(Interruption, "on_train_batch_end", after)
        with pytest.raises(training_run.Interrupted) as end:
            train(tmp_path / "run", **options)
    assert end.value.number == signal.SIGTERM and end.value.step == 6
    train(tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", folder)


def test_a_run_without_a_model_begins(class_folder, tmp_path):
    """The process was killed when it had just said what was asked."""
    run = tmp_path / "run"
    train(run, data=str(class_folder), size=4)
    config = (run / "config.json").read_text()
    shutil.rmtree(run)
    run.mkdir()
    (run / "config.json").write_text(config)
    assert train(run, resume=True)["epoch"] == 1


def test_classes_must_be_the_runs(captioned, tmp_path):
    data = shutil.copytree(captioned, tmp_path / "data")
    (data / "metadata.csv").unlink()
    train(tmp_path / "run", data=str(data), size=8, epochs=2)
    (data / "day").rename(data / "zenith")
    with pytest.raises(ValueError, match="find the classes.*'day'"):
        train(tmp_path / "run", resume=True, epochs=4)


def test_run_of_an_earlier_version_goes_on(class_folder, tmp_path):
    """It had a state of its own, and did not note its data."""
    run = tmp_path / "run"
    train(run, data=str(class_folder), size=4, epochs=2)
    state = json.loads((run / "state.json").read_text())
    del state["batch"], state["budget"]
    model = keras_igpt.load(run / "last.keras")
    model.save(run / "last.keras")
    state.update(spent=0.5, epoch=1)
    (run / "state.json").write_text(json.dumps(state))
    config = json.loads((run / "config.json").read_text())
    del config["data"]
    (run / "config.json").write_text(json.dumps(config))
    row = train(run, resume=True)
    assert row["epoch"] == 2
    assert row["step"] == state["step"] + state["step"] // 2
    assert "data" in json.loads((run / "config.json").read_text())


def test_other_rate_is_recorded(class_folder, tmp_path):
    run = tmp_path / "run"
    train(run, data=str(class_folder), size=4)
    asked = {"epochs": 2, "learning_rate": 5e-4}
    train(run, resume=True, given=["learning_rate"], **asked)
    options = json.loads((run / "config.json").read_text())["options"]
    assert options["learning_rate"] == 5e-4 and options["epochs"] == 2


def test_one_image_is_learned_by_heart(tmp_path):
    (tmp_path / "data").mkdir()
    pixels = np.arange(192, dtype="uint8").reshape(8, 8, 3)
    Image.fromarray(pixels).save(tmp_path / "data" / "a.png")
    row = train(tmp_path / "run", data=str(tmp_path / "data"), size=8)
    assert np.isfinite(row["val_bits_per_pixel"])


@pytest.mark.slow
def test_signal_saves_and_says_how_to_go_on(class_folder, tmp_path):
    run = tmp_path / "my run"
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_igpt.cli", "train"]
        + ["--data", class_folder, "--size", "4", "--colors", "4"]
        + ["--epochs", "100000", "--out", run],
        stdout=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 120
    while not (run / "state.json").exists() and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert f"keras-igpt train --resume --out '{run}'" in said
