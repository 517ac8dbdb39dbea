"""Tests of what a run that goes on may change."""

import dataclasses
import json

import numpy as np
import pytest
from small_models import TRAIN_OPTIONS

from keras_igpt.training import run_options
from keras_igpt.training.run_options import check_same_data, describe_data


@pytest.mark.parametrize("content", ["[1]", "{}", "no JSON"])
def test_config_of_another_program_names_no_classes(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    assert run_options.class_names(tmp_path) == []


def test_options_of_other_versions_are_read(tmp_path):
    """An option less in `config.json`, and one more."""
    known = {**dataclasses.asdict(TRAIN_OPTIONS), "batch_size": 5, "new": 1}
    del known["ema"]
    (tmp_path / "last.keras").touch()
    (tmp_path / "config.json").write_text(json.dumps({"options": known}))
    asked = dataclasses.replace(TRAIN_OPTIONS, ema=0.9, batch_size=7)
    options, _ = run_options.resumed(asked, tmp_path)
    assert options == dataclasses.replace(asked, batch_size=5)


@pytest.fixture
def known(tmp_path):
    """A run's folder, as far as its options go."""
    (tmp_path / "last.keras").touch()
    options = {**dataclasses.asdict(TRAIN_OPTIONS), "data": "digits"}
    (tmp_path / "config.json").write_text(json.dumps({"options": options}))
    return tmp_path


@pytest.mark.parametrize(
    "other",
    [
        {"batch_size": 5},
        {"ema": 0.9},
        {"optimizer": "muon"},
        {"data": "elsewhere"},
        {"precision": "mixed_float16"},
        {"edits": ["inpaint"]},
    ],
    ids=str,
)
def test_a_run_that_goes_on_keeps_its_options(known, other):
    asked = dataclasses.replace(TRAIN_OPTIONS, **other)
    (name,) = other
    with pytest.raises(ValueError, match=f"`{name}` must be the run's own"):
        run_options.resumed(asked, known, given=[name])


def test_the_same_value_may_be_given_again(known):
    asked = dataclasses.replace(TRAIN_OPTIONS, data="digits")
    options, changed = run_options.resumed(
        asked, known, given=["data", "edits"]
    )
    assert options == asked and changed == {}


def test_another_rate_is_told(known):
    asked = dataclasses.replace(TRAIN_OPTIONS, learning_rate=5e-4)
    options, changed = run_options.resumed(asked, known, ["learning_rate"])
    assert options.learning_rate == 5e-4
    assert changed == {"learning_rate": TRAIN_OPTIONS.learning_rate}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "has no `options`"),
        ('{"options": {}}', "options lack 'data'"),
        ("{", "which fails with"),
        ("[" * 100_000, "which fails with"),
        (b"\xff\xfe{", "which fails with"),
    ],
    ids=["list", "empty", "cut", "deep", "bytes"],
)
def test_damaged_config_is_named(known, content, message):
    content = content if isinstance(content, bytes) else content.encode()
    (known / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        run_options.read_config(known)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", "5"),
        ("batch_size", 8.5),
        ("edits", "inpaint"),
        ("edits", [3]),
        ("size", [1, 2, 3]),
        ("labels", 1),
        ("seed", True),
        ("precision", None),
    ],
)
def test_options_of_the_wrong_kind_are_named(known, name, value):
    config = json.loads((known / "config.json").read_text())
    config["options"][name] = value
    (known / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=f"where '{name}' is"):
        run_options.read_config(known)


def test_a_pair_of_sides_is_of_the_right_kind(known):
    config = json.loads((known / "config.json").read_text())
    config["options"].update(size=[4, 6], minutes=3, epochs=None)
    (known / "config.json").write_text(json.dumps(config))
    assert run_options.read_config(known) == config


# === The same data ===


def inputs(count=40, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "tokens": generator.integers(0, 8, (count, 16)),
        "label": np.arange(count) % 2,
    }


def test_the_same_data_are_the_same():
    found = describe_data(inputs(), ["cat", "dog"])
    check_same_data(found, json.loads(json.dumps(found)))


def test_earlier_runs_do_not_say_what_their_data_were():
    check_same_data(describe_data(inputs(), []), None)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (describe_data(inputs(), ["dog", "cat"]), "classes"),
        (describe_data(inputs(38), ["cat", "dog"]), "number of images"),
        (
            describe_data(
                {**inputs(), "label": np.zeros(40, int)}, ["cat", "dog"]
            ),
            "of each class",
        ),
        (describe_data(inputs(seed=1), ["cat", "dog"]), "images that the run"),
    ],
    ids=["names", "fewer", "labels", "others"],
)
def test_other_data_are_told(other, message):
    known = describe_data(inputs(), ["cat", "dog"])
    with pytest.raises(ValueError, match=message):
        check_same_data(other, known)


def test_a_token_may_differ_between_machines():
    some = inputs()
    known = describe_data(some, [])
    some["tokens"] = some["tokens"].copy()
    some["tokens"][:, 0] += np.arange(40) % 4 == 0
    check_same_data(describe_data(some, []), known)
