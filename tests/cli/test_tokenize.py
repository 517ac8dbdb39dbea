"""Tests of `keras-igpt tokenize`."""

import os
import subprocess
import sys

import pytest
from small_models import invoke

from keras_igpt.data.shards.manifest import read_manifest
from keras_igpt.data.shards.reader import ShardReader


@pytest.fixture(scope="module")
def made(class_folder, class_run, tmp_path_factory):
    """The command's output, and the folder that it has written."""
    out = tmp_path_factory.mktemp("tokenized") / "shards"
    return run(class_folder, class_run, out), out


def run(data, model, out, *words):
    return invoke(
        *("tokenize", "--data", data, "--tokenizer", model, "--out", out),
        *("--workers", 1, "--rows", 5, *words),
    )


def test_command_writes_shards(made):
    result, out = made
    assert result.exit_code == 0
    assert f"Wrote {out}: " in result.output
    manifest = read_manifest(out)
    assert sum(s.num_rows for s in manifest.splits.values()) == 20
    assert "image" in manifest.columns
    assert manifest.image_size == (4, 4)


def test_second_call_says_that_nothing_is_to_do(made, class_folder, class_run):
    result = run(class_folder, class_run, made[1])
    assert result.output.startswith(f"Nothing to do: {made[1]} is complete")


def test_splits_and_images_may_be_left_out(class_folder, class_run, tmp_path):
    run(class_folder, class_run, tmp_path, "--no-images", "--split", "train")
    manifest = read_manifest(tmp_path)
    assert list(manifest.splits) == ["train"]
    assert set(ShardReader(tmp_path).manifest.columns) == {"tokens", "label"}


def test_options_of_beam_are_passed_on(class_folder, class_run, tmp_path):
    result = run(
        *(class_folder, class_run, tmp_path),
        *("--runner", "DirectRunner", "--direct_num_workers=1"),
    )
    assert result.exit_code == 0


def test_unknown_option_is_named(class_folder, class_run, tmp_path):
    with pytest.raises(ValueError, match="Received: --soup=3"):
        run(class_folder, class_run, tmp_path, "--soup=3")


def test_size_must_be_that_of_the_model(class_folder, class_run, tmp_path):
    with pytest.raises(ValueError, match="`--size` must be left out"):
        run(class_folder, class_run, tmp_path, "--size", 64)


@pytest.mark.slow
def test_processes_write_nothing_to_the_terminal(
    class_folder, class_run, tmp_path
):
    words = ["--data", class_folder, "--tokenizer", class_run]
    words += ["--out", tmp_path / "out", "--rows", 5, "--workers", 2]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "keras_igpt.cli", "tokenize"),
            *map(str, words),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0
    # But for the progress bar's line, on a machine that is very slow.
    lines = [x for x in done.stderr.splitlines() if "tokenizing" not in x]
    assert lines == []
