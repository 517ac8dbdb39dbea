"""Tests of `keras_igpt.data`, with files as a new user might have them."""

import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

from keras_igpt import data, image_files

tf = pytest.importorskip("tensorflow")
Image = pytest.importorskip("PIL.Image")

RED = (255, 0, 0)


def save(path, color=RED, size=(8, 6), mode="RGB", **kwargs):
    """Writes a picture of one colour; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **kwargs)
    return path


def decoded(path):
    return image_files.decode(path)


def read(dataset):
    """All examples of a data set, with no warning."""
    return list(dataset.as_numpy_iterator())


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


@pytest.fixture
def folder(tmp_path):
    """Twenty pictures of 8x6 in two classes."""
    for row in range(10):
        save(tmp_path / "cat" / f"{row}.png", (row, 0, 0))
        save(tmp_path / "dog" / f"{row}.png", (row, 1, 0))
    return tmp_path


@pytest.fixture
def damaged(tmp_path):
    """One good picture among an empty, a truncated and a text file."""
    save(tmp_path / "good.png", size=(64, 64))
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    path = tmp_path / "truncated.png"
    Image.fromarray(random_images(64, 64, 3)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return tmp_path


# Import


def test_import_loads_no_heavy_package():
    # A stub of the package, because its `__init__` imports Keras.
    program = f"""if True:
        import sys, types
        package = types.ModuleType("keras_igpt")
        package.__path__ = [{str(pathlib.Path(data.__file__).parent)!r}]
        sys.modules["keras_igpt"] = package
        import keras_igpt.data
        heavy = "tensorflow tensorflow_datasets PIL sklearn matplotlib keras"
        print([name for name in heavy.split() if name in sys.modules])
    """
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert shown.strip() == "[]"


def test_batches_of_arrays_import_no_tensorflow():
    program = f"""if True:
        import sys, types
        package = types.ModuleType("keras_igpt")
        package.__path__ = [{str(pathlib.Path(data.__file__).parent)!r}]
        sys.modules["keras_igpt"] = package
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
    labels = [example["label"] for example in read(data.load("digits", "test"))]
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
        data.load(save(tmp_path / "a.png"))


@pytest.mark.parametrize(
    "typo, name", [("digit", "digits"), ("fashion_mnits", "fashion_mnist")]
)
def test_typo_in_name_gets_suggestion(typo, name):
    with pytest.raises(ValueError, match=f"Did you mean '{name}'"):
        data.load(typo)


# Folders: layouts and splits


def test_folder_takes_classes_from_subfolders(folder):
    dataset = data.load(folder, split="all")
    assert dataset.class_names == ["cat", "dog"]
    for example in read(dataset):
        assert example["label"] == example["image"][0, 0, 1]


def test_folder_accepts_string_path(folder):
    assert data.load(str(folder)).image_shape == (6, 8, 3)


def test_folder_splits_are_disjoint_and_complete(folder):
    names = {"train": set(), "test": set(), "all": set()}
    for split in names:
        for example in read(data.load(folder, split)):
            names[split].add(tuple(example["image"][0, 0]))
    assert names["train"] | names["test"] == names["all"]
    assert not names["train"] & names["test"]
    assert len(names["all"]) == 20


def test_folder_has_same_classes_in_every_split(folder):
    save(folder / "bird" / "0.png")  # In one of the two splits only.
    names = [data.load(folder, s).class_names for s in ("train", "test")]
    assert names == [["bird", "cat", "dog"]] * 2


def test_folder_order_is_fixed_and_mixes_classes(folder):
    labels = [e["label"] for e in read(data.load(folder, "all"))]
    assert labels == [e["label"] for e in read(data.load(folder, "all"))]
    assert labels != sorted(labels)


def test_folder_uses_split_subfolders(tmp_path):
    save(tmp_path / "train" / "cat" / "a.png", (1, 0, 0))
    save(tmp_path / "test" / "dog" / "a.png", (2, 0, 0))
    test = data.load(tmp_path, "test")
    (example,) = read(test)
    assert example["image"][0, 0, 0] == 2
    assert test.class_names == ["cat", "dog"] and example["label"] == 1


def test_folder_of_splits_loads_all(tmp_path):
    for split in ("train", "validation", "test"):
        save(tmp_path / split / "a.png")
    assert len(read(data.load(tmp_path, "all"))) == 3


def test_folder_mixing_splits_and_classes_is_named(tmp_path):
    save(tmp_path / "train" / "a.png")
    save(tmp_path / "plane" / "a.png")
    with pytest.raises(ValueError, match="either splits or classes"):
        data.load(tmp_path)


def test_folder_wrong_split_lists_splits(folder):
    with pytest.raises(ValueError, match="train.*test.*all.*validation"):
        data.load(folder, split="validation")


def test_folder_empty_split_is_named(tmp_path):
    save(tmp_path / "train" / "a.png")
    (tmp_path / "test").mkdir()
    with pytest.raises(ValueError, match="at least one picture.*'test'"):
        data.load(tmp_path, split="test")


def test_folder_without_classes_yields_image_alone(tmp_path):
    save(tmp_path / "a.png")
    dataset = data.load(tmp_path, "all")
    assert set(dataset.element_spec) == {"image"}
    assert dataset.class_names == []


def test_folder_skips_picture_beside_classes(folder):
    save(folder / "loose.png")
    dataset = data.load(folder, "all")
    with pytest.warns(UserWarning, match="not in the folder of a class"):
        assert len(read(dataset)) == 20


def test_folder_ignores_other_and_hidden_files(folder):
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "._1.png", "a.json"):
        (folder / "cat" / name).write_bytes(b"x")
    dataset = data.load(folder, "all")
    assert len(read(dataset)) == 20 and dataset.skipped == []


@pytest.mark.parametrize("name", ["", "notes.txt"])
def test_folder_without_pictures_is_named(tmp_path, name):
    if name:
        (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match="folder with pictures"):
        data.load(tmp_path)


def test_folder_of_several_sizes_needs_image_size(folder):
    save(folder / "cat" / "odd.png", size=(5, 5))
    with pytest.raises(ValueError, match="`image_size` must be given"):
        data.load(folder, "all")


def test_folder_skips_picture_that_changed_its_size(folder):
    dataset = data.load(folder, "all")
    save(folder / "cat" / "3.png", size=(5, 5))
    with pytest.warns(UserWarning, match=r"of shape \(5, 5, 3\)"):
        assert len(read(dataset)) == 19


def test_folder_of_rotated_pictures_has_one_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.jpg", size=(8, 6), exif=exif)
    save(tmp_path / "b.jpg", size=(6, 8))
    assert data.load(tmp_path, "all").image_shape == (8, 6, 3)


def test_folder_follows_links_but_not_in_circles(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    save(other / "a.png")
    (folder / "bird").symlink_to(other)
    (other / "circle").symlink_to(folder)
    dataset = data.load(folder, "all")
    assert dataset.class_names == ["bird", "cat", "dog"]
    assert len(read(dataset)) == 21


def test_folder_of_several_sizes_is_resized(folder):
    save(folder / "cat" / "odd.png", size=(5, 5))
    (batch,) = data.batches(data.load(folder, "all", image_size=4), 32)
    assert batch["image"].shape == (21, 4, 4, 3)


def test_folder_of_one_pixel_picture_is_enlarged(tmp_path):
    save(tmp_path / "a.png", size=(1, 1))
    (example,) = read(data.load(tmp_path, "all", image_size=3))
    assert (example["image"] == RED).all()


def test_folder_turns_grey_with_one_channel(tmp_path):
    save(tmp_path / "a.png")
    (example,) = read(data.load(tmp_path, "all", channels=1))
    assert (example["image"] == 76).all()  # 0.299 * 255


def test_folder_gives_same_pictures_twice(folder):
    dataset = data.load(folder)
    for one, two in zip(read(dataset), read(dataset), strict=True):
        np.testing.assert_array_equal(one["image"], two["image"])


def test_folder_stops_early_without_decoding_the_rest(folder, monkeypatch):
    monkeypatch.setattr(image_files, "LOOK_AHEAD", 3)
    decode, calls = image_files.decode, []
    monkeypatch.setattr(
        image_files, "decode", lambda *a: calls.append(a) or decode(*a)
    )
    pictures = image_files.PictureFolder(folder, "all", None, None)
    calls.clear()
    next(pictures.examples())
    assert len(calls) <= 4


# Folders: damaged files


def test_damaged_files_are_reported_once(damaged):
    dataset = data.load(damaged, "all")
    with pytest.warns(UserWarning, match="Skipped 3 of 4") as caught:
        assert len(read(dataset)) == 1
    assert len(caught) == 1
    read(dataset)  # A second warning would be an error.


def test_damaged_files_are_listed_with_reasons(damaged):
    dataset = data.load(damaged, "all")
    with pytest.warns(UserWarning):
        read(dataset)
    reasons = {pathlib.Path(path).name: why for path, why in dataset.skipped}
    assert reasons["empty.png"] == "empty file"
    assert reasons["text.jpg"] == "not a picture that Pillow can read"
    assert "truncated" in reasons["truncated.png"]


def test_report_names_ten_files(tmp_path):
    save(tmp_path / "good.png")
    for row in range(13):
        (tmp_path / f"{row}.png").touch()
    dataset = data.load(tmp_path, "all")
    with pytest.warns(UserWarning, match="and 3 more") as caught:
        read(dataset)
    assert str(caught[0].message).count("empty file") == 10
    assert len(dataset.skipped) == 13


def test_folder_of_damaged_files_is_named(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match="usable picture.*empty file"):
        data.load(tmp_path, "all", image_size=8)


@pytest.mark.parametrize("limit", [30, 10])  # 48 pixels: warning, error
def test_decompression_bomb_is_skipped(tmp_path, monkeypatch, limit):
    save(tmp_path / "bomb.png")
    save(tmp_path / "good.png", size=(2, 2))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("always", UserWarning)
        assert len(read(data.load(tmp_path, "all"))) == 1
    assert len(caught) == 1
    assert "more pixels than" in str(caught[0].message)


# Folders: kinds of pictures


def test_decode_applies_exif_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", size=(8, 6), exif=exif)
    assert decoded(path).shape == (8, 6, 3)
    assert data.load(tmp_path, "all").image_shape == (8, 6, 3)


@pytest.mark.parametrize(
    "mode, color", [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))]
)
def test_decode_puts_transparency_on_white(tmp_path, mode, color):
    path = save(tmp_path / "a.png", color, mode=mode)
    assert (decoded(path) == 255).all()


def test_decode_blends_half_transparency(tmp_path):
    path = save(tmp_path / "a.png", (255, 0, 0, 128), mode="RGBA")
    np.testing.assert_allclose(decoded(path)[0, 0], (255, 127, 127), atol=1)


def test_decode_puts_palette_transparency_on_white(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "a.png", transparency=1)
    assert (decoded(tmp_path / "a.png") == 255).all()


def test_decode_scales_16_bit_grey(tmp_path):
    values = np.array([[0, 257, 32896, 65535]], "uint16")
    Image.fromarray(values).save(tmp_path / "a.png")
    assert decoded(tmp_path / "a.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_decode_rejects_floats_of_unknown_range(tmp_path):
    save(tmp_path / "a.tiff", 0.5, mode="F")
    with pytest.raises(ValueError, match="usable picture.*unknown range"):
        data.load(tmp_path, "all")


def test_decode_converts_cmyk(tmp_path):
    path = save(tmp_path / "a.jpg", (0, 255, 255, 0), mode="CMYK")
    np.testing.assert_allclose(decoded(path)[0, 0], RED, atol=3)


def test_decode_takes_first_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (decoded(tmp_path / "a.gif") == RED).all()


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_decode_reduces_large_pictures(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(image_files, "LARGE", 1000)
    path = save(tmp_path / f"a.{suffix}", size=(640, 512))
    assert image_files.decode(path, (16, 16)).shape == (64, 80, 3)


def test_folder_resizes_as_resize_does(tmp_path):
    large = random_images(64, 48, 3)
    Image.fromarray(large).save(tmp_path / "a.png")
    (example,) = read(data.load(tmp_path, "all", image_size=8))
    np.testing.assert_array_equal(example["image"], data.resize(large, 8))


# Folders: metadata


def write_csv(folder, text):
    (folder / "metadata.csv").write_text(text, encoding="utf-8")


def test_metadata_csv_gives_captions(tmp_path):
    save(tmp_path / "a.png")
    write_csv(tmp_path, '\ufefffile_name,text\na.png,"rot, grün"\n')
    (example,) = read(data.load(tmp_path, "all"))
    assert example["text"].decode() == "rot, grün"


def test_metadata_jsonl_gives_captions_and_labels(tmp_path):
    save(tmp_path / "a.png")
    row = {"file_name": "a.png", "text": "red", "label": 2}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row) + "\n\n")
    dataset = data.load(tmp_path, "all")
    (example,) = read(dataset)
    assert example["text"] == b"red" and example["label"] == 2
    assert dataset.class_names == ["0", "1", "2"]


def test_metadata_labels_may_be_names(tmp_path):
    for name in "ab":
        save(tmp_path / f"{name}.png")
    write_csv(tmp_path, "file_name,label\na.png,dog\nb.png,cat\n")
    dataset = data.load(tmp_path, "all")
    assert dataset.class_names == ["cat", "dog"]
    assert set(dataset.element_spec) == {"image", "label"}


def test_metadata_is_read_inside_split_folders(tmp_path):
    for split in ("train", "test"):
        save(tmp_path / split / "a.png")
        write_csv(tmp_path / split, f"file_name,text\na.png,{split}\n")
    (example,) = read(data.load(tmp_path, "test"))
    assert example["text"] == b"test"


def test_metadata_naming_missing_file_is_reported(tmp_path):
    save(tmp_path / "a.png")
    write_csv(tmp_path, "file_name,text\na.png,red\nb.png,blue\n")
    with pytest.warns(UserWarning, match="b.png: no such file"):
        assert len(read(data.load(tmp_path, "all"))) == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ("path,text\na.png,red\n", "must have the column `file_name`"),
        ("file_name,words\na.png,red\n", "`text` and `label`"),
        ("file_name,text\na.png,red, green\n", "needs quotes"),
        ("file_name,text\n,red\n", "row 1"),
        ("file_name,text,label\na.png,red,\n", "row 1"),
        ("", "must have the column"),
    ],
)
def test_metadata_csv_mistake_is_named(tmp_path, text, message):
    save(tmp_path / "a.png")
    write_csv(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        data.load(tmp_path, "all")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1]",
        '{"file_name": "a.png"}',
        '{"file_name": 1, "text": "red"}',
        '{"file_name": "a.png", "text": ["red"]}',
        '{"file_name": "a.png", "label": ["red"]}',
    ],
)
def test_metadata_jsonl_mistake_is_named(tmp_path, line):
    save(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text(line)
    with pytest.raises(ValueError, match="`metadata.jsonl` must"):
        data.load(tmp_path, "all")


def test_metadata_in_other_encoding_is_named(tmp_path):
    save(tmp_path / "a.png")
    text = "file_name,text\na.png,grün\n"
    (tmp_path / "metadata.csv").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="UTF-8"):
        data.load(tmp_path, "all")


@pytest.mark.parametrize("labels", [(0, "cat"), (-1, 0), (0, 10**9)])
def test_metadata_labels_of_no_use_are_named(tmp_path, labels):
    with open(tmp_path / "metadata.jsonl", "w") as file:
        for row, label in enumerate(labels):
            save(tmp_path / f"{row}.png")
            name = {"file_name": f"{row}.png", "label": label}
            file.write(json.dumps(name) + "\n")
    with pytest.raises(ValueError, match="`label` must be"):
        data.load(tmp_path, "all")


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
    first = read(data.load(tfds_toy))[0]
    assert first["text"] == b"a cat" and first["label"] == 0


def test_tfds_accepts_version(tfds_toy):
    assert data.load(tfds_toy + ":1.0.0").image_shape == (5, 6, 3)


def test_tfds_accepts_part_of_split(tfds_toy):
    assert len(data.load(tfds_toy, split="train[:30%]")) == 3


def test_tfds_is_resized(tfds_toy):
    dataset = data.load(tfds_toy, image_size=4, channels=1)
    assert read(dataset)[0]["image"].shape == (4, 4, 1)


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
        assert len(read(dataset)) == 3
    assert dataset.image_shape == (28, 28, 1)
    assert len(dataset.class_names) == 10


def test_tfds_takes_text_of_nested_captions():
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=2):
        dataset = data.load("tfds:coco_captions", image_size=8)
        assert isinstance(read(dataset)[0]["text"], bytes)


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
    np.testing.assert_array_equal(read(dataset)[0]["image"], images[0])


def test_arrays_without_channels_are_grey():
    assert data.load(random_images(3, 4, 5)).image_shape == (4, 5, 1)


def test_arrays_of_text_become_strings():
    images = random_images(2, 4, 4)
    dataset = data.load({"image": images, "text": ["rot", b"blau"]})
    assert [example["text"] for example in read(dataset)] == [b"rot", b"blau"]


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


# Resizing


def test_resize_averages_areas():
    image = np.array([[0, 2, 10, 20], [4, 6, 30, 40]], "uint8")[..., None]
    np.testing.assert_array_equal(data.resize(image, (1, 2))[..., 0], [[3, 25]])


def test_resize_crops_the_middle():
    image = np.zeros((4, 8, 1), "uint8")
    image[:, 2:6] = 200
    assert (data.resize(image, 2) == 200).all()


def test_resize_keeps_picture_of_same_size():
    image = random_images(5, 4, 3)
    np.testing.assert_array_equal(data.resize(image, (5, 4)), image)


@pytest.mark.parametrize("size", [3, 9, (2, 11)])
def test_resize_keeps_rank_and_dtype(size):
    images = data.resize(random_images(2, 7, 5, 3), size)
    rows, columns = size if isinstance(size, tuple) else (size, size)
    assert images.shape == (2, rows, columns, 3)
    assert images.dtype == np.uint8


def test_resize_clips_overshoot():
    image = np.zeros((4, 4, 1), "uint8")
    image[:, 2:] = 255
    wide = data.resize(image, 16)[0, :, 0]
    assert (np.diff(wide.astype(int))[4:11] >= 0).all()
    assert wide.min() == 0 and wide.max() == 255


def test_resize_in_dataset_equals_eager():
    images = random_images(3, 9, 7, 3)
    dataset = tf.data.Dataset.from_tensor_slices(images)
    inside = list(dataset.map(lambda x: data.resize(x, 4)).as_numpy_iterator())
    np.testing.assert_array_equal(inside, data.resize(images, 4))


def test_resize_returns_tensor_for_tensor():
    assert tf.is_tensor(data.resize(tf.zeros((4, 4, 1), tf.uint8), 2))


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((4, 4, 3)), "must be uint8"),
        (np.zeros((4, 4), "uint8"), "must have shape"),
    ],
)
def test_resize_mistake_is_named(images, message):
    with pytest.raises(ValueError, match=message):
        data.resize(images, 2)


def test_resize_needs_image_size():
    with pytest.raises(ValueError, match="`image_size` must be"):
        data.resize(np.zeros((4, 4, 1), "uint8"), None)


def test_set_channels_makes_luma():
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], "uint8")
    assert data.set_channels(colors, 1).ravel().tolist() == [76, 150, 29]


def test_set_channels_undoes_repetition():
    grey = np.arange(256, dtype="uint8").reshape(16, 16, 1)
    colors = data.set_channels(grey, 3)
    np.testing.assert_array_equal(data.set_channels(colors, 1), grey)
