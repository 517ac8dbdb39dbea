"""Tests of classes by their names."""

import pytest

from keras_igpt.cli.class_names import class_names, label_numbers


@pytest.mark.parametrize("content", ["[1]", "{}", "no JSON"])
def test_config_of_another_program_names_no_classes(
    tiny_model, tmp_path, content
):
    tiny_model.save(tmp_path / "model.keras")
    (tmp_path / "config.json").write_text(content)
    assert class_names(tmp_path) == []


def test_labels_are_names_or_numbers(class_run):
    assert label_numbers(["goal", "0"], class_run) == [1, 0]
    assert label_numbers(None, class_run) is None


def test_unknown_class_names_the_known_ones(class_run):
    with pytest.raises(ValueError, match=r"ball, goal.*--label gaol"):
        label_numbers(["gaol"], class_run)
