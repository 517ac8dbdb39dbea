"""Tests of the football images as a data set of TFDS."""

import pytest

from keras_igpt import data
from keras_igpt.data.football import captions, scenes


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder of TFDS with a few football images."""
    tfds = pytest.importorskip("tensorflow_datasets")
    counts = {"train": 6, "validation": 2, "test": 4}
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("tfds"))
        patch.setattr(tfds.core.constants, "DATA_DIR", folder)
        patch.setattr(scenes, "SPLITS", counts)
        yield folder


def test_load_has_promised_spec(prepared):
    dataset = data.load("football", split="train", image_size=64)
    assert set(dataset.element_spec) == {"image", "label", "text"}
    assert dataset.image_shape == (64, 64, 3) and len(dataset) == 6
    assert dataset.class_names == list(captions.VOCABULARY["kit"])


@pytest.mark.parametrize("key, image_size", [("layout", None), ("twin", 32)])
def test_load_of_pairs_has_source(prepared, key, image_size):
    dataset = data.load(f"football/{key}", "test", image_size)
    images = {
        example[key].tobytes()
        for example in scenes.scenes("test", 4, image_size=64)
    }
    for example in data.load(f"football/{key}", "test"):
        assert example["source"].numpy().tobytes() in images
    side = image_size or 64
    assert dataset.element_spec["source"].shape == (side, side, 3)


def test_rows_of_one_scene_are_a_group(prepared):
    rows = data.arrays(data.load("football/layout+twin", "train"))
    scenes_of = {}
    for group, image in zip(rows["group"], rows["image"], strict=True):
        scenes_of.setdefault(int(group), []).append(image.tobytes())
    assert len(scenes_of) == 6
    assert all(len(x) == 2 and x[0] == x[1] for x in scenes_of.values())


def test_load_draws_large_images(prepared):
    dataset = data.load("football", "validation", image_size=128)
    shown = {example["image"].numpy().tobytes() for example in dataset}
    drawn = scenes.scenes("validation", 2, image_size=128)
    assert shown == {example["image"].tobytes() for example in drawn}


def test_load_wrong_split_lists_splits(prepared):
    with pytest.raises(ValueError, match="`split` must.*'tset'.*'train'"):
        data.load("football", split="tset")


def test_tfds_keeps_every_attribute(prepared):
    from keras_igpt.data.football import builder as football_builder

    builder = football_builder.Football(config="64")
    builder.download_and_prepare()
    features = builder.info.features
    read = {
        example["text"].decode(): example
        for example in builder.as_dataset(split="test").as_numpy_iterator()
    }
    for example in scenes.scenes("test", 4):
        stored = read[example["text"]]
        for name in (*captions.VOCABULARY, "twin_kit"):
            value = stored[name]
            if hasattr(features[name], "names"):
                value = features[name].int2str(value)
            assert value == example[name]
        assert stored["word"].decode() == example["word"]
