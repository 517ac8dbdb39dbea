"""Tests of OpenMoji's drawings as a data set of TFDS."""

import sys

import pytest

from keras_igpt import data
from keras_igpt.data.openmoji import drawings as openmoji_drawings


def test_load_without_packages_says_what_to_install(monkeypatch, tfds_folder):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ImportError, match="'resvg_py'.*pip install"):
        data.load("openmoji", image_size=11)


@pytest.fixture(scope="module")
def tfds_folder(tmp_path_factory):
    """An empty folder where TFDS puts what it prepares."""
    import tensorflow_datasets as tfds

    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("tfds"))
        patch.setattr(tfds.core.constants, "DATA_DIR", folder)
        yield folder


@pytest.fixture
def prepared(tfds_folder, few):
    """The few drawings, prepared when first loaded."""
    return few


def test_load_has_promised_spec(prepared):
    dataset = data.load("openmoji", "train", image_size=64)
    assert set(dataset.element_spec) == {"image", "label", "text", "group"}
    assert dataset.image_shape == (64, 64, 3)
    assert dataset.class_names == list(openmoji_drawings.GROUPS)


def test_load_of_lines_has_source(prepared):
    lines = {
        example["line"].tobytes(): example["image"].tobytes()
        for example in openmoji_drawings.examples("test")
    }
    for example in data.load("openmoji/line", "test"):
        source = example["source"].numpy().tobytes()
        assert lines[source] == example["image"].numpy().tobytes()


def test_load_rasterises_at_the_size(prepared):
    shown = {
        example["image"].numpy().tobytes()
        for example in data.load("openmoji", "test", image_size=20)
    }
    assert shown == {
        example["image"].tobytes()
        for example in openmoji_drawings.examples("test", 20)
    }


def test_tfds_keeps_every_fact(prepared):
    from keras_igpt.data.openmoji import builder as openmoji_builder

    builder = openmoji_builder.builder(64)
    builder.download_and_prepare()
    group = builder.info.features["group"]
    for example in builder.as_dataset(split="train").as_numpy_iterator():
        drawing = prepared[example["hexcode"].decode()]
        for name in ("annotation", "concept", "subgroup"):
            assert example[name].decode() == drawing[name]
        assert example["tags"].decode() == ", ".join(drawing["tags"])
        assert group.int2str(example["group"]) == drawing["group"]


def test_tfds_names_license(tfds_folder):
    from keras_igpt.data.openmoji import builder as openmoji_builder

    info = openmoji_builder.builder(64).info
    for text in (info.description, info.citation, info.redistribution_info):
        assert "CC BY-SA 4.0" in str(text)
