"""Tests of where images come from; folders have tests of their own."""

import numpy as np
import pytest
import tensorflow as tf
from small_models import random_images, read_all, save_picture

from keras_igpt import data
from keras_igpt.data import sources


def test_digits_have_promised_spec():
    dataset = data.load("digits")
    assert dataset.element_spec["image"] == tf.TensorSpec((8, 8, 1), "uint8")
    assert dataset.element_spec["label"] == tf.TensorSpec((), "int32")
    assert dataset.image_shape == (8, 8, 1)
    assert dataset.class_names == [str(digit) for digit in range(10)]


@pytest.mark.parametrize(
    "split, count", [("train", 1437), ("test", 360), ("all", 1797)]
)
def test_digits_split_has_count(split, count):
    assert len(data.load("digits", split)) == count


def test_digits_splits_are_stratified():
    labels = [
        example["label"] for example in read_all(data.load("digits", "test"))
    ]
    assert set(np.bincount(labels)) <= {35, 36, 37}


def test_digits_use_full_range():
    (batch,) = data.batches(data.load("digits", "test"), 360)
    assert batch["image"].min() == 0 and batch["image"].max() == 255


def test_digits_wrong_split_lists_splits():
    with pytest.raises(ValueError, match="train.*test.*all"):
        data.load("digits", split="validation")


@pytest.mark.parametrize("source", [None, 3, [[1, 2]]])
def test_load_rejects_source_of_other_type(source):
    with pytest.raises(ValueError, match="`source` must be"):
        data.load(source)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="existing folder.*nowhere"):
        data.load(tmp_path / "nowhere")


def test_file_instead_of_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="existing folder"):
        data.load(save_picture(tmp_path / "a.png"))


@pytest.mark.parametrize(
    "typo, name", [("digit", "digits"), ("fashion_mnits", "fashion_mnist")]
)
def test_typo_in_name_gets_suggestion(typo, name):
    with pytest.raises(ValueError, match=f"Did you mean '{name}'"):
        data.load(typo)


@pytest.fixture(scope="module")
def tfds_toy(tmp_path_factory):
    """A data set that TFDS has prepared: images, classes, captions."""
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = str(tmp_path_factory.mktemp("tfds"))
    features = {
        "image": tfds.features.Image(shape=(5, 6, 3)),
        "label": tfds.features.ClassLabel(names=["cat", "dog"]),
        "caption": tfds.features.Sequence(tfds.features.Text()),
        "file": tfds.features.Text(),
    }
    examples = tf.data.Dataset.from_tensor_slices(
        {
            "image": random_images(10, 5, 6, 3),
            "label": np.arange(10) % 2,
            "caption": [["a cat", "felis"], ["a dog", "canis"]] * 5,
            "file": ["x"] * 10,
        }
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="igpt_toy",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": examples},
        data_dir=folder,
        disable_shuffling=True,
    )
    tfds.core.add_data_dir(folder)
    return "tfds:igpt_toy"


def test_tfds_has_promised_spec(tfds_toy):
    dataset = data.load(tfds_toy)
    assert set(dataset.element_spec) == {"image", "label", "text"}
    assert dataset.element_spec["label"].dtype == tf.int32
    assert dataset.image_shape == (5, 6, 3)
    assert dataset.class_names == ["cat", "dog"]


def test_tfds_takes_first_caption(tfds_toy):
    first = read_all(data.load(tfds_toy))[0]
    assert first["text"] == b"a cat" and first["label"] == 0


def test_tfds_accepts_version(tfds_toy):
    assert data.load(tfds_toy + ":1.0.0").image_shape == (5, 6, 3)


def test_tfds_accepts_part_of_split(tfds_toy):
    assert len(data.load(tfds_toy, split="train[:30%]")) == 3


def test_tfds_is_resized(tfds_toy):
    dataset = data.load(tfds_toy, image_size=4, channels=1)
    assert read_all(dataset)[0]["image"].shape == (4, 4, 1)


def test_tfds_wrong_split_lists_splits(tfds_toy):
    with pytest.raises(ValueError, match="`split` must.*'tset'.*'train'"):
        data.load(tfds_toy, split="tset")


def test_tfds_typo_gets_suggestion():
    with pytest.raises(ValueError, match="Did you mean 'cifar10'"):
        data.load("tfds:cifra10")


@pytest.mark.parametrize("source", ["mnist", "tfds:fashion_mnist"])
def test_tfds_loads_catalogue_names(source):
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=3):
        dataset = data.load(source, split="test")
        assert len(read_all(dataset)) == 3
    assert dataset.image_shape == (28, 28, 1)
    assert len(dataset.class_names) == 10


def test_tfds_takes_text_of_nested_captions():
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=2):
        dataset = data.load("tfds:coco_captions", image_size=8)
        assert isinstance(read_all(dataset)[0]["text"], bytes)


def test_tfds_without_images_lists_features():
    with pytest.raises(ValueError, match="uint8 images.*text"):
        data.load("tfds:imdb_reviews")


def test_tfds_that_cannot_be_downloaded_gets_hint(monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(self, **kwargs):
        raise OSError("no network")

    builder = type(tfds.builder("mnist"))
    monkeypatch.setattr(builder, "download_and_prepare", fail)
    with pytest.raises(ValueError, match="no network.*TFDS_DATA_DIR"):
        data.load("tfds:mnist")


def test_arrays_become_examples():
    images = random_images(3, 4, 5, 3)
    dataset = data.load((images, [2, 0, 1]), split="all")
    assert dataset.class_names == ["0", "1", "2"]
    np.testing.assert_array_equal(read_all(dataset)[0]["image"], images[0])


IMAGES = random_images(2, 4, 4)


def test_arrays_reject_split():
    with pytest.raises(ValueError, match="`split` must be 'train' or 'all'"):
        data.load(IMAGES, split="test")


def test_dataset_passes_through():
    dataset = data.load(data.load("digits", "test"), image_size=4)
    assert dataset.image_shape == (4, 4, 1) and len(dataset) == 360
    assert len(dataset.class_names) == 10


def test_dataset_of_batches_is_unbatched():
    assert data.load(data.load("digits").batch(5)).image_shape == (8, 8, 1)


@pytest.mark.parametrize("name", ["digits", "football/layout"])
def test_folder_of_a_built_in_name_is_warned_of(tmp_path, monkeypatch, name):
    save_picture(tmp_path / name / "a.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "_open_football", lambda *args: "football")
    with pytest.warns(UserWarning, match=f"Give './{name}' for the folder"):
        sources.open_source(name, "all", None, None)


def test_folder_of_a_built_in_name_loads_by_its_path(tmp_path, monkeypatch):
    save_picture(tmp_path / "digits" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert data.load("./digits", "all").image_shape == (6, 8, 3)
    assert data.load(tmp_path / "digits", "all").image_shape == (6, 8, 3)
