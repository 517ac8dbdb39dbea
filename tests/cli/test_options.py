"""Tests of what commands share."""

import json

import pytest
from small_models import invoke, make_model

from keras_igpt.cli.options import (
    load_image_gpt,
    numbers,
    print_figures,
    read_labels,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1,2", (1, 2)), (" 3 , -4", (3, -4)), (None, None)],
)
def test_numbers_are_read(value, expected):
    assert numbers("--at", value, 2) == expected


@pytest.mark.parametrize("value", ["1", "1,2,3", "1,b", "1.5,2", ""])
def test_what_is_no_numbers_is_named_or_none(value):
    with pytest.raises(ValueError, match="`--at` must be 2 whole numbers"):
        numbers("--at", value, 2)
    assert numbers("--at", value, 2, optional=True) is None


def test_figures_that_were_not_measured_are_left_out(capsys):
    print_figures({"psnr": 31.256, "codes_used": 0.5})
    shown = capsys.readouterr().out
    assert "31.26" in shown and "50.0%" in shown
    assert "bits per pixel" not in shown


def test_labels_are_names_or_numbers():
    model = make_model(class_names=["cat", "dog", "2"])
    assert read_labels(["dog", "0", "2", "9", "owl"], model) == [
        *("dog", "cat", "2", 9, "owl"),
    ]
    assert read_labels(["dog", "1"], make_model()) == ["dog", 1]
    assert read_labels(None, model) is None


@pytest.mark.parametrize(
    ("names", "typed"),
    [(["3", "7", "9"], "1"), (["1", "2", "3"], "0"), (["0", "2", "4"], "1")],
)
def test_numbers_that_are_no_name_among_numbers_stay(names, typed):
    assert read_labels([typed], make_model(class_names=names)) == [typed]


@pytest.mark.parametrize("typed", ["9" * 5000, "٣" * 20])
def test_labels_of_many_digits_are_names(typed):
    assert read_labels([typed], make_model()) == [typed]


def test_classes_of_an_earlier_run_have_the_names_of_its_folder(
    tiny_model, tmp_path
):
    tiny_model.save(tmp_path / "last.keras")
    names = ["cat", "dog", "owl"]
    config = {"options": {}, "class_names": names}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_image_gpt(tmp_path).class_names == tuple(names)


def test_names_beside_a_model_are_packed(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "best.keras")
    (tmp_path / "config.json").write_text('{"class_names": ["a", "b", "c"]}')
    packed = tmp_path / "new" / "model.keras"
    invoke("pack", "--model", tmp_path, "--out", packed)
    assert load_image_gpt(packed).class_names == ("a", "b", "c")


def test_names_that_are_not_all_different_are_left(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "best.keras")
    (tmp_path / "config.json").write_text('{"class_names": ["a", "b", "a"]}')
    assert load_image_gpt(tmp_path).class_names == ()


def test_config_of_another_model_names_no_classes(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "model.keras")
    (tmp_path / "config.json").write_text('{"class_names": ["cat"]}')
    assert load_image_gpt(tmp_path).class_names == ()
