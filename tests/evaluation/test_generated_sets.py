"""Tests of large sets of generated images."""

import numpy as np
import pytest
from small_models import make_model

from keras_igpt.evaluation import generated_sets
from keras_igpt.evaluation.generated_sets import generate_set

LABELS = {"label": np.array([1, 0, 1])}


@pytest.fixture(scope="module")
def model():
    return make_model(image_size=(4, 4), num_classes=2)


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(generated_sets, "PART", 4)


def test_an_image_is_that_of_its_condition_and_seed(model, small_parts):
    found = generate_set(model, LABELS, 7, seed=3)
    assert found["label"].tolist() == [1, 0, 1, 1, 0, 1, 1]
    alone = model.generate(0, seed=3 + 4)
    np.testing.assert_array_equal(found["image"][4], alone[0])


def test_a_model_without_classes_needs_no_conditions(small_parts):
    model = make_model(image_size=(4, 4), num_classes=0)
    found = generate_set(model, LABELS, 5, seed=1)
    assert set(found) == {"image"}
    np.testing.assert_array_equal(
        found["image"], model.generate(num_images=5, seed=1)
    )


def test_captions_are_asked_for(small_parts):
    model = make_model(image_size=(4, 4), num_classes=0, text_length=4)
    found = generate_set(model, {"text": ["ab", "c"]}, 3)
    np.testing.assert_array_equal(
        found["image"], model.generate(text=["ab", "c", "ab"], seed=0)
    )


def test_sampling_is_passed_on(model):
    found = generate_set(model, LABELS, 3, temperature=0.0)
    np.testing.assert_array_equal(
        found["image"], model.generate([1, 0, 1], temperature=0.0, seed=0)
    )


def test_a_file_holds_images_and_labels_as_others_read_them(model, tmp_path):
    found = generate_set(model, LABELS, 3, path=tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as file:
        assert file["arr_0"].dtype == np.uint8
        np.testing.assert_array_equal(file["arr_0"], found["image"])
        assert file["arr_1"].tolist() == [1, 0, 1]


def test_parts_of_an_interrupted_call_are_kept(
    model, tmp_path, small_parts, monkeypatch
):
    path = tmp_path / "out.npz"
    whole = generate_set(model, LABELS, 11)
    generate, asked = generated_sets._generate, []

    def interrupted(*args):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(args)
        return generate(*args)

    monkeypatch.setattr(generated_sets, "_generate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate_set(model, LABELS, 11, path=path)
    assert not path.exists()
    again = []
    monkeypatch.setattr(
        generated_sets,
        "_generate",
        lambda *args: again.append(args) or generate(*args),
    )
    found = generate_set(model, LABELS, 11, path=path)
    np.testing.assert_array_equal(found["image"], whole["image"])
    assert len(again) == 1
    assert [x.name for x in tmp_path.iterdir()] == ["out.npz"]


def test_a_whole_file_is_read(model, tmp_path, monkeypatch):
    path = tmp_path / "out.npz"
    first = generate_set(model, LABELS, 3, path=path)
    monkeypatch.setattr(generated_sets, "_generate", None)
    second = generate_set(model, LABELS, 3, path=path)
    np.testing.assert_array_equal(first["image"], second["image"])


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"count": 4}, {"temperature": 0.5}]
)
def test_a_file_of_another_request_is_refused(model, tmp_path, other):
    path = tmp_path / "out.npz"
    generate_set(model, LABELS, 3, path=path)
    with pytest.raises(ValueError, match="file of other images"):
        generate_set(model, LABELS, **{"count": 3, "path": path, **other})


def test_parts_of_another_model_are_refused(model, tmp_path):
    folder = tmp_path / "out.npz.parts"
    folder.mkdir()
    (folder / "request.json").write_text('"another"')
    with pytest.raises(ValueError, match="parts of another model"):
        generate_set(model, LABELS, 3, path=tmp_path / "out.npz")
