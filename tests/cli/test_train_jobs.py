"""Tests of training runs."""

import json

import numpy as np
import pytest
from small_models import TRAIN_OPTIONS

from keras_igpt import VQTokenizer, load
from keras_igpt.cli import train_jobs


def test_train_writes_a_run(class_run):
    names = {path.name for path in class_run.iterdir()}
    assert names >= {
        "config.json",
        "last.keras",
        "best.keras",
        "log.csv",
        "state.json",
        "samples",
    }


def test_train_remembers_what_was_asked(class_run, class_folder):
    config = json.loads((class_run / "config.json").read_text())
    assert config["class_names"] == ["ball", "goal"]
    assert config["options"]["size"] == 4
    assert set(config["versions"]) >= {"keras", "tensorflow"}


def test_train_refuses_a_used_folder(class_run, class_folder):
    with pytest.raises(FileExistsError, match="Do add --resume"):
        train_jobs.train(
            {**TRAIN_OPTIONS, "data": str(class_folder)}, class_run
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 1.0}, "Exactly one of `epochs` and `minutes`"),
        ({"epochs": 0}, "budget must be positive"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"edit_share": 2.0}, "`edit_share` must be from 0 to 1"),
        ({"dropout": 1.0}, "`dropout` must be"),
        ({"ema": 1.0}, "`ema` must be"),
        ({"edits": ["paint"]}, "`edits` must be names of"),
        ({"edits": ["restyle"]}, "must be pairs of pictures"),
        ({"data": None}, "`--data` must be given"),
    ],
)
def test_misuse_is_named_before_anything_is_learned(
    class_folder, tmp_path, monkeypatch, options, message
):
    def adapt(*args, **kwargs):
        raise AssertionError("The tokenizer has begun to learn.")

    monkeypatch.setattr(VQTokenizer, "adapt", adapt)
    known = {"data": str(class_folder), "size": 4, "tokenizer": "vq"}
    with pytest.raises(ValueError, match=message):
        train_jobs.train({**TRAIN_OPTIONS, **known, **options}, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="--resume"):
        train_jobs.train(
            {**TRAIN_OPTIONS, "data": "digits"}, tmp_path, resume=True
        )


def test_resume_of_a_finished_run_does_nothing(class_run):
    assert train_jobs.train(TRAIN_OPTIONS, class_run, resume=True) is None


@pytest.mark.slow
def test_resume_goes_on_where_a_run_ended(class_folder, tmp_path):
    options = {
        **TRAIN_OPTIONS,
        "data": str(class_folder),
        "size": 4,
        "epochs": 2,
    }
    train_jobs.train(options, tmp_path / "run")
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    steps = state["step"]
    state.update(spent=0.5, epoch=1)
    (tmp_path / "run" / "state.json").write_text(json.dumps(state))
    row = train_jobs.train(options, tmp_path / "run", resume=True)
    assert row["epoch"] == 2 and row["step"] == steps + steps // 2


def test_resume_goes_on_for_longer(class_folder, tmp_path):
    options = {**TRAIN_OPTIONS, "data": str(class_folder), "size": 4}
    train_jobs.train(options, tmp_path / "run")
    row = train_jobs.train(
        {**options, "data": None, "epochs": 3}, tmp_path / "run", resume=True
    )
    assert row["epoch"] == 3
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["options"]["epochs"] == 3


def test_resume_with_another_unit_is_an_error(class_run):
    with pytest.raises(ValueError, match="in the run's own unit"):
        train_jobs.train(
            {**TRAIN_OPTIONS, "minutes": 3.0}, class_run, resume=True
        )


def test_a_run_with_averages_goes_on(class_folder, tmp_path):
    options = {**TRAIN_OPTIONS, "data": str(class_folder), "size": 4}
    options["ema"] = 0.9
    train_jobs.train(options, tmp_path / "run")
    row = train_jobs.train(
        {**options, "epochs": 2}, tmp_path / "run", resume=True
    )
    last = load(tmp_path / "run" / "last.keras")
    assert row["epoch"] == 2
    assert last.optimizer.use_ema and last.optimizer.ema_momentum == 0.9
    assert int(last.optimizer.iterations) == row["step"]


# === Captions and learned tokens ===


def test_train_reads_captions_as_long_as_the_longest(caption_run):
    model = load(caption_run)
    assert model.text_length == len("a tall goal")
    assert model.num_classes == 0


def test_train_makes_the_tokenizer_that_was_asked_for(caption_run):
    tokenizer = load(caption_run).tokenizer
    assert type(tokenizer).__name__ == "VQTokenizer"
    assert tokenizer.adapted and tokenizer.vocabulary_size == 8


def test_classes_can_be_left_out(class_folder, tmp_path):
    options = {
        **TRAIN_OPTIONS,
        "data": str(class_folder),
        "size": 4,
        "labels": False,
    }
    train_jobs.train(options, tmp_path / "run")
    assert load(tmp_path / "run").num_classes == 0


# === Going on from another model ===


def test_a_run_goes_on_from_a_model(class_run, class_folder, tmp_path):
    options = {
        **TRAIN_OPTIONS,
        "data": str(class_folder),
        "labels": False,
        "init_from": str(class_run),
        "model": "small",
        "tokenizer": "vq",
    }
    train_jobs.train(options, tmp_path / "run")
    old, new = load(class_run), load(tmp_path / "run")
    assert new.config == {**old.config, "num_classes": 0}
    assert new.tokenizer.image_shape == old.tokenizer.image_shape
    np.testing.assert_array_equal(
        new.tokenizer.codebook, old.tokenizer.codebook
    )
    row = train_jobs.train(
        {**options, "epochs": 2}, tmp_path / "run", resume=True
    )
    assert row["epoch"] == 2
