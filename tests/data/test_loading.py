"""Tests of `keras_igpt.data`; folders are in `test_image_*.py`."""

import subprocess
import sys

import numpy as np
import pytest
from small_models import read_all, save_picture

from keras_igpt import data
from keras_igpt.edits import consistency
from keras_igpt.images import arrays as images_arrays

tf = pytest.importorskip("tensorflow")


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


# Import


def test_import_loads_no_heavy_package():
    program = """if True:
        import sys
        import keras_igpt.data
        heavy = "tensorflow tensorflow_datasets PIL sklearn matplotlib keras"
        print([name for name in heavy.split() if name in sys.modules])
    """
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert shown.strip() == "[]"


def test_batches_of_arrays_import_no_tensorflow():
    program = """if True:
        import sys
        import numpy, keras_igpt.data
        images = numpy.zeros((3, 4, 4), "uint8")
        list(keras_igpt.data.batches((images, [0, 1, 2]), 2))
        print("tensorflow" in sys.modules)
    """
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert shown.strip() == "False"


# Digits


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


def test_load_keeps_to_image_size_and_channels():
    dataset = data.load("digits", image_size=(12, 16), channels=3)
    assert dataset.image_shape == (12, 16, 3)


# Arguments


@pytest.mark.parametrize("image_size", [0, -1, "64", (1, 2, 3), 1.5, (8, 0)])
def test_load_rejects_image_size(image_size):
    with pytest.raises(ValueError, match="`image_size` must be"):
        data.load("digits", image_size=image_size)


@pytest.mark.parametrize("channels", [0, 2, 4, "rgb"])
def test_load_rejects_channels(channels):
    with pytest.raises(ValueError, match="`channels` must be"):
        data.load("digits", channels=channels)


def test_load_rejects_split_that_is_no_string():
    with pytest.raises(ValueError, match="`split` must be a string"):
        data.load("digits", split=["train", "test"])


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


# TFDS


@pytest.fixture(scope="module")
def tfds_toy(tmp_path_factory):
    """A data set that TFDS has prepared: pictures, classes, captions."""
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


def test_tfds_without_pictures_lists_features():
    with pytest.raises(ValueError, match="uint8 pictures.*text"):
        data.load("tfds:imdb_reviews")


def test_tfds_that_cannot_be_downloaded_gets_hint(monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(self, **kwargs):
        raise OSError("no network")

    builder = type(tfds.builder("mnist"))
    monkeypatch.setattr(builder, "download_and_prepare", fail)
    with pytest.raises(ValueError, match="no network.*TFDS_DATA_DIR"):
        data.load("tfds:mnist")


# Arrays and data sets


def test_arrays_become_examples():
    images = random_images(3, 4, 5, 3)
    dataset = data.load((images, [2, 0, 1]), split="all")
    assert dataset.class_names == ["0", "1", "2"]
    np.testing.assert_array_equal(read_all(dataset)[0]["image"], images[0])


def test_arrays_without_channels_are_grey():
    assert data.load(random_images(3, 4, 5)).image_shape == (4, 5, 1)


def test_arrays_of_text_become_strings():
    images = random_images(2, 4, 4)
    dataset = data.load({"image": images, "text": ["rot", b"blau"]})
    assert [example["text"] for example in read_all(dataset)] == [
        b"rot",
        b"blau",
    ]


def test_arrays_take_keras_labels_of_one_column():
    dataset = data.load((random_images(2, 4, 4), np.array([[1], [0]])))
    assert dataset.element_spec["label"].shape == ()


def test_arrays_fit_source_too():
    images = random_images(2, 4, 4)
    dataset = data.load({"image": images, "source": images}, image_size=2)
    assert dataset.element_spec["source"].shape == (2, 2, 1)


IMAGES = random_images(2, 4, 4)


@pytest.mark.parametrize(
    "arrays, message",
    [
        (IMAGES / 255, "must be uint8.*scale"),
        (IMAGES[:0], "at least 1"),
        (IMAGES[0], "must have shape"),
        (np.zeros((2, 4, 4, 2), "uint8"), "1 or 3 channels"),
        ((IMAGES, [0, 1, 2]), "one length"),
        ((IMAGES, np.eye(2)), "np.argmax"),
        ((IMAGES, [-1, 0]), "from 0"),
        ({"images": IMAGES}, "the key 'image'"),
        ({"image": IMAGES, "labels": [0, 1]}, "no others"),
        ({"image": IMAGES, "text": [1, 2]}, "strings"),
        ({"image": IMAGES, "text": "ab"}, "strings"),
    ],
)
@pytest.mark.parametrize("take", [data.load, lambda x: data.batches(x, 2)])
def test_arrays_mistake_is_named(take, arrays, message):
    with pytest.raises(ValueError, match=message):
        take(arrays)


def test_arrays_reject_split():
    with pytest.raises(ValueError, match="`split` must be 'train' or 'all'"):
        data.load(IMAGES, split="test")


def test_dataset_passes_through():
    dataset = data.load(data.load("digits", "test"), image_size=4)
    assert dataset.image_shape == (4, 4, 1) and len(dataset) == 360
    assert len(dataset.class_names) == 10


def test_dataset_of_batches_is_unbatched():
    assert data.load(data.load("digits").batch(5)).image_shape == (8, 8, 1)


@pytest.mark.parametrize(
    "elements, message",
    [
        ((IMAGES[..., None], [0, 1]), "must yield dictionaries"),
        ({"image": IMAGES[..., None] / 255}, "must be uint8"),
        ({"image": IMAGES}, "must have shape"),
        ({"image": IMAGES[..., None], "label": [0.0, 1.0]}, "integers"),
    ],
)
@pytest.mark.parametrize("take", [data.load, lambda x: data.batches(x, 2)])
def test_dataset_mistake_is_named(take, elements, message):
    with pytest.raises(ValueError, match=message):
        take(tf.data.Dataset.from_tensor_slices(elements))


def test_dataset_of_unknown_rank_is_named():
    spec = {"image": tf.TensorSpec(None, tf.uint8)}
    dataset = tf.data.Dataset.from_generator(list, output_signature=spec)
    with pytest.raises(ValueError, match="must have shape"):
        data.load(dataset)


# Batches


@pytest.mark.parametrize("rebatched", [False, True])
def test_batches_have_batch_size(rebatched):
    dataset = data.load("digits", "test")
    dataset = dataset.batch(7) if rebatched else dataset
    sizes = [len(batch["image"]) for batch in data.batches(dataset, 100)]
    assert sizes == [100, 100, 100, 60]


def test_batches_of_arrays_equal_those_of_dataset():
    arrays = {"image": IMAGES, "label": [0, 1], "text": ["a", "ü"]}
    (ours,) = data.batches(arrays, 2)
    (theirs,) = data.batches(data.load(arrays), 2)
    for key in ("image", "label", "text"):
        assert ours[key].dtype == theirs[key].dtype
        np.testing.assert_array_equal(ours[key], theirs[key])


def test_batches_have_decoded_text():
    (batch,) = data.batches({"image": IMAGES, "text": [b"a", "b"]}, 2)
    assert batch["text"].tolist() == ["a", "b"]


def test_batches_of_empty_dataset_are_named():
    with pytest.raises(ValueError, match="at least one picture"):
        list(data.batches(data.load("digits").take(0), 2))


def test_batches_of_several_sizes_are_named():
    def examples():
        yield {"image": IMAGES[0][..., None]}
        yield {"image": IMAGES[0, :2, :, None]}

    spec = {"image": tf.TensorSpec((None, None, 1), tf.uint8)}
    dataset = tf.data.Dataset.from_generator(examples, output_signature=spec)
    with pytest.raises(ValueError, match="one size.*image_size="):
        list(data.batches(dataset, 2))


@pytest.mark.parametrize("batch_size", [0, -2, 1.5, "2", None, True])
def test_batches_reject_batch_size(batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be"):
        data.batches(IMAGES, batch_size)


def test_arrays_join_batches_of_a_dataset():
    whole = data.arrays(data.load("digits", "train"))
    assert whole["image"].shape == (1437, 8, 8, 1)
    assert whole["label"].shape == (1437,)


@pytest.mark.parametrize("limit", [1, 256, 300, 5_000])
def test_arrays_keep_to_a_limit(limit):
    whole = data.arrays(data.load("digits", "test"), limit=limit)
    assert len(whole["image"]) == len(whole["label"]) == min(limit, 360)


def test_arrays_read_no_more_than_a_limit_needs():
    def examples():
        yield from ({"image": IMAGES[0][..., None]} for _ in range(256))
        raise AssertionError

    spec = {"image": tf.TensorSpec((4, 4, 1), tf.uint8)}
    dataset = tf.data.Dataset.from_generator(examples, output_signature=spec)
    assert len(data.arrays(dataset, limit=256)["image"]) == 256


def test_arrays_convert_batches():
    def convert(batch):
        return {"mean": batch["image"].mean(axis=(1, 2, 3))}

    whole = data.arrays(data.load("digits", "test"), convert, limit=300)
    assert list(whole) == ["mean"] and whole["mean"].shape == (300,)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True])
def test_arrays_reject_limit(limit):
    with pytest.raises(ValueError, match="`limit` must be a positive int"):
        data.arrays(IMAGES, limit=limit)


def test_arrays_do_not_change_with_what_they_were_made_of():
    images = random_images(3, 4, 4)
    whole = data.arrays(images)["image"]
    whole[:] = 0
    assert images.any()


# Resizing


def test_resize_averages_areas():
    image = np.array([[0, 2, 10, 20], [4, 6, 30, 40]], "uint8")[..., None]
    np.testing.assert_array_equal(
        images_arrays.resize(image, (1, 2))[..., 0], [[3, 25]]
    )


def test_resize_crops_the_middle():
    image = np.zeros((4, 8, 1), "uint8")
    image[:, 2:6] = 200
    assert (images_arrays.resize(image, 2) == 200).all()


def test_resize_keeps_picture_of_same_size():
    image = random_images(5, 4, 3)
    np.testing.assert_array_equal(images_arrays.resize(image, (5, 4)), image)


@pytest.mark.parametrize("size", [3, 9, (2, 11)])
def test_resize_keeps_rank_and_dtype(size):
    images = images_arrays.resize(random_images(2, 7, 5, 3), size)
    rows, columns = size if isinstance(size, tuple) else (size, size)
    assert images.shape == (2, rows, columns, 3)
    assert images.dtype == np.uint8


def test_resize_clips_overshoot():
    image = np.zeros((4, 4, 1), "uint8")
    image[:, 2:] = 255
    wide = images_arrays.resize(image, 16)[0, :, 0]
    assert (np.diff(wide.astype(int))[4:11] >= 0).all()
    assert wide.min() == 0 and wide.max() == 255


def test_resize_in_dataset_equals_eager():
    images = random_images(3, 9, 7, 3)
    dataset = tf.data.Dataset.from_tensor_slices(images)
    inside = list(
        dataset.map(lambda x: images_arrays.resize(x, 4)).as_numpy_iterator()
    )
    np.testing.assert_array_equal(inside, images_arrays.resize(images, 4))


def test_resize_returns_tensor_for_tensor():
    assert tf.is_tensor(images_arrays.resize(tf.zeros((4, 4, 1), tf.uint8), 2))


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((4, 4, 3)), "must be uint8"),
        (np.zeros((4, 4), "uint8"), "must have shape"),
    ],
)
def test_resize_mistake_is_named(images, message):
    with pytest.raises(ValueError, match=message):
        images_arrays.resize(images, 2)


def test_resize_needs_image_size():
    with pytest.raises(ValueError, match="`image_size` must be"):
        images_arrays.resize(np.zeros((4, 4, 1), "uint8"), None)


def test_set_channels_makes_luma():
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], "uint8")
    assert images_arrays.set_channels(colors, 1).ravel().tolist() == [
        76,
        150,
        29,
    ]


def test_set_channels_undoes_repetition():
    grey = np.arange(256, dtype="uint8").reshape(16, 16, 1)
    colors = images_arrays.set_channels(grey, 3)
    np.testing.assert_array_equal(images_arrays.set_channels(colors, 1), grey)


def test_slices_cover_an_array():
    assert images_arrays.slices(5, 2) == [
        slice(0, 2),
        slice(2, 4),
        slice(4, 5),
    ]
    assert images_arrays.slices(np.zeros(4), np.int64(4)) == [slice(0, 4)]
    assert images_arrays.slices(0, 2) == []


def test_one_image_becomes_a_batch():
    image = random_images(5, 4, 3)
    assert images_arrays.as_batch(image).shape == (1, 5, 4, 3)
    assert images_arrays.as_batch(image[None]).shape == (1, 5, 4, 3)


def test_floats_and_back_keep_every_level():
    levels = np.arange(256, dtype="uint8")
    floats = images_arrays.to_floats(levels)
    assert floats.dtype == "float32" and floats[[0, -1]].tolist() == [-1, 1]
    np.testing.assert_array_equal(images_arrays.to_pixels(floats), levels)


def test_floats_of_a_tensor_are_those_of_an_array():
    levels = np.arange(256, dtype="uint8")
    floats = images_arrays.to_floats(tf.convert_to_tensor(levels))
    np.testing.assert_array_equal(floats, images_arrays.to_floats(levels))


def test_pixels_are_clipped():
    floats = np.array([-1.5, 0.999, 2.0], "float32")
    assert np.asarray(images_arrays.to_pixels(floats)).tolist() == [0, 255, 255]


def test_grey_is_the_luma_of_an_edit():
    images = random_images(2, 50, 50, 3)
    np.testing.assert_array_equal(
        images_arrays.set_channels(images, 1), consistency.luma(images)
    )


@pytest.mark.parametrize("size", [(9, 7), (7, 9), (3, 40), (40, 3), (8, 4)])
def test_middle_box_is_the_part_that_resize_keeps(size):
    image = random_images(*size, 1)
    top, left, rows, columns = images_arrays.middle_box(size, (2, 1))
    part = image[top : top + rows, left : left + columns]
    np.testing.assert_array_equal(
        images_arrays.resize(image, (2, 1)), images_arrays.resize(part, (2, 1))
    )
