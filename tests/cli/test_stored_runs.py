"""Tests of runs on shards, and of runs that nothing could be said to."""

import contextlib
import csv
import dataclasses
import json
import os
import pathlib
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from small_models import invoke, train

import keras_igpt
from keras_igpt import data
from keras_igpt.atomic_files import save_model
from keras_igpt.data.shards.manifest import describe, read_manifest, save
from keras_igpt.data.shards.writer import write_shards

# Of each of four settings, at random moments of training; each takes as long
# as it takes to load TensorFlow.
KILLS = int(os.environ.get("KERAS_IGPT_KILLS", 2))

# Seconds after its begin in which a process is killed.
MOMENTS = (0.0, 4.0)

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 images of 4x4 pixels with a class and a caption."""
    root = tmp_path_factory.mktemp("captioned")
    generator = np.random.default_rng(1)
    rows = [("file_name", "text", "label")]
    for i in range(24):
        label = ("day", "night")[i % 2]
        name = f"{label}-{i}.png"
        pixels = generator.integers(0, 256, (4, 4, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / name)
        rows.append((name, f"sky {i % 3}", label))
    with open(root / "metadata.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    """A file with the tokenizer that the shards are made by."""
    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 4)
    tokenizer.adapt(data.load(folder))
    model = keras_igpt.ImageGPT(tokenizer, 1, 1, 16)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    save_model(model, path)
    return path


@pytest.fixture(scope="module")
def shards(folder, model, tmp_path_factory):
    """The images of the folder in shards, six rows each."""
    out = tmp_path_factory.mktemp("shards")
    write(out, keras_igpt.load(model), folder, held_out=(2, 9))
    return out


def write(out, model, folder, held_out):
    for split in ("train", "test"):
        images = data.load(folder, split)
        rows = data.arrays(images)
        rows["tokens"] = model.tokenizer.encode_all(rows["image"])
        manifest = describe(
            model.tokenizer,
            columns=("tokens", "label", "text", "image"),
            class_names=tuple(images.class_names),
            rows_per_shard=6,
        )
        each = (dict(zip(rows, row)) for row in zip(*rows.values()))
        write_shards(out, split, each, manifest)
    save(dataclasses.replace(read_manifest(out), held_out=held_out), out)


def loaded(run):
    return keras_igpt.load(run / "last.keras")


def assert_same_model(one, two):
    """Weights and all of the optimizer's state, bit for bit."""
    one, two = loaded(one), loaded(two)
    for x, y in zip(
        one.weights + one.optimizer.variables,
        two.weights + two.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y), x.path)


# === Runs on shards ===


@pytest.fixture(scope="module")
def run(smallest, shards, model, tmp_path_factory):
    """A run on shards, with all that there is to learn."""
    out = tmp_path_factory.mktemp("runs") / "run"
    row = train(
        out,
        data=str(shards),
        tokenizer_from=str(model),
        edits=["inpaint", "colorize"],
        batch_size=4,
        epochs=2,
    )
    assert np.isfinite(row["val_bits_per_pixel"])
    return out


def test_run_on_shards_is_as_one_on_images(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {"last.keras", "best.keras", "log.csv", "samples"}
    found = loaded(run)
    assert found.class_names == ("day", "night") and found.text_length == 5
    assert found.edit_set.names == ("inpaint", "colorize")


def test_run_learns_no_rows_that_were_set_aside(run, shards):
    config = json.loads((run / "config.json").read_text())
    count = len(data.load(shards))
    assert config["data"]["images"] == count - 2


@pytest.mark.slow
def test_shards_and_their_images_give_the_same_weights(
    smallest, shards, model, folder, tmp_path
):
    options = {"edits": ["inpaint"], "dropout": 0.1, "batch_size": 4}
    options |= {"tokenizer_from": str(model), "seed": 3}
    whole = write_whole(tmp_path / "shards", model, folder)
    for name, source in (("a", whole), ("b", folder)):
        train(tmp_path / name, data=str(source), **options)
    assert_same_model(tmp_path / "a", tmp_path / "b")


def write_whole(out, model, folder):
    """Shards in which those rows are set aside that a folder's run takes."""
    from keras_igpt.holding_out import shuffled_aside, validation_count

    model = keras_igpt.load(model)
    count = len(data.arrays(data.load(folder))["label"])
    rest, aside = shuffled_aside(count, validation_count(count))
    write(out, model, folder, held_out=tuple(sorted(aside.tolist())))
    return out


def test_other_shards_are_refused_where_a_run_goes_on(
    run, shards, folder, model, tmp_path
):
    other = tmp_path / "shards"
    write(other, keras_igpt.load(model), folder, held_out=(1, 2, 3))
    options = json.loads((run / "config.json").read_text())
    options["options"]["data"] = str(other)
    copied = tmp_path / "run"
    copied.mkdir()
    for path in run.glob("*.keras"):
        (copied / path.name).write_bytes(path.read_bytes())
    (copied / "config.json").write_text(json.dumps(options))
    with pytest.raises(ValueError, match="find the number of images"):
        train(copied, resume=True, epochs=3)


def test_a_new_tokenizer_cannot_be_learned_from_shards(shards, tmp_path):
    with pytest.raises(ValueError, match="must name the model whose"):
        train(tmp_path / "run", data=str(shards))


def test_another_tokenizer_than_that_of_the_shards_is_refused(shards, tmp_path):
    other = tmp_path / "other.keras"
    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 3)
    tokenizer.adapt(np.arange(192, dtype="uint8").reshape(4, 4, 4, 3))
    save_model(keras_igpt.ImageGPT(tokenizer, 1, 1, 16), other)
    with pytest.raises(ValueError, match="made by the model's own tokenizer"):
        train(tmp_path / "run", data=str(shards), tokenizer_from=str(other))


def test_a_tokenizer_comes_from_one_model(model, folder, tmp_path):
    with pytest.raises(ValueError, match="must not come with --init-from"):
        train(
            tmp_path / "run",
            data=str(folder),
            tokenizer_from=str(model),
            init_from=str(model),
        )


def test_a_new_model_takes_the_tokenizer_of_another(
    smallest, folder, model, tmp_path
):
    train(tmp_path / "run", data=str(folder), tokenizer_from=str(model))
    found = loaded(tmp_path / "run").tokenizer
    expected = keras_igpt.load(model).tokenizer
    np.testing.assert_array_equal(
        *(np.asarray(x.weights[0]) for x in (found, expected))
    )


# A classifier asks nothing of what edits look at.
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.slow
def test_commands_take_shards(run, shards, tmp_path):
    asked = ("--model", run, "--data", shards)
    assert "bits per pixel" in invoke("evaluate", *asked).output
    assert "Best layer" in invoke("probe", *asked, "--layer", "0,1").output
    said = invoke("classify", *asked, "--epochs", 1).output
    assert "Test accuracy" in said


# === Killed at any moment ===

ALL = {  # What draws anything at random, or is kept from step to step.
    "epochs": 4,
    "batch_size": 4,
    "dropout": 0.2,
    "ema": 0.5,
    "edits": ["inpaint", "colorize"],
    "checkpoint_minutes": 0.01,
}


@contextlib.contextmanager
def begin(folder, options):
    """A process that trains, once it has begun; none is left behind."""
    paths = [str(ROOT), str(ROOT / "tests")]
    program = pathlib.Path(__file__).with_name("run_to_be_killed.py")
    with subprocess.Popen(
        [sys.executable, program, folder, json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    ) as process:
        try:
            said = process.stdout.readline()
            assert said == "begun\n", process.stderr.read()
            yield process
        finally:
            process.kill()


def end(process):
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("source", ["memory", "shards"])
def test_a_run_killed_at_random_moments_ends_as_an_undisturbed_one(
    source, precision, folder, shards, model, tmp_path
):
    options = {**ALL, "data": str(folder), "precision": precision}
    if source == "shards":
        options |= {"data": str(shards), "tokenizer_from": str(model)}
    else:
        options |= {"size": 4}
    if precision == "mixed_float16":  # The first steps are left out.
        options |= {"scale": 2.0**24}
    moments = random.Random(f"{source} {precision}")
    with begin(tmp_path / "whole", options) as whole:
        for _ in range(KILLS):
            with begin(tmp_path / "run", options) as process:
                time.sleep(moments.uniform(*MOMENTS))
                assert process.poll() is None, process.stderr.read()
                process.kill()
        with begin(tmp_path / "run", options) as process:
            end(process)
        end(whole)
    assert_same_model(tmp_path / "whole", tmp_path / "run")
    one, two = (
        json.loads((tmp_path / name / "state.json").read_text())
        for name in ("whole", "run")
    )
    for name in ("epoch", "batch", "step"):
        assert one[name] == two[name]
    if precision == "mixed_float16":
        assert 0 < one["step"] < 16  # Steps were left out, not all.
