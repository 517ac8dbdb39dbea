"""Tests of models that are given shards in place of images."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest
from small_models import make_model

import keras_igpt
from keras_igpt import data
from keras_igpt.data import memory
from keras_igpt.data.shards.manifest import describe, read_manifest, save
from keras_igpt.data.shards.writer import write_shards
from keras_igpt.evaluation import likelihood, probing

COUNT = 40

COLUMNS = ("tokens", "label", "text", "image", "source", "style")


def images(seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (COUNT, 4, 4, 1), dtype="uint8")


ARRAYS = {
    "image": images(),
    "source": images(1),
    "label": np.arange(COUNT) % 3,
    "text": [f"n° {i}" for i in range(COUNT)],
    "style": ["one", "two"] * (COUNT // 2),
}


def write(folder, model, columns=COLUMNS, **others):
    """Shards of `ARRAYS`, seven rows each."""
    others = {"class_names": ("a", "b", "c"), **others}
    manifest = describe(
        model.tokenizer, columns=columns, rows_per_shard=7, **others
    )
    columns = {
        **ARRAYS,
        "tokens": model.tokenizer.encode_all(ARRAYS["image"]),
    }
    rows = [
        {name: columns[name][i] for name in manifest.columns}
        for i in range(COUNT)
    ]
    write_shards(folder, "train", rows, manifest)
    write_shards(folder, "test", rows[::2], manifest)
    return folder


def new_model(**kwargs):
    return make_model(**{"text_length": 8, "class_names": "abc", **kwargs})


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write(tmp_path_factory.mktemp("shards"), new_model())


def assert_same(one, two):
    keras.tree.map_structure(np.testing.assert_array_equal, one, two)


# === The same as in memory ===


@pytest.mark.parametrize(
    "edits", [(), ("inpaint", "denoise"), ("restyle/one", "restyle/two")]
)
@pytest.mark.parametrize("order", ["raster", "any"])
def test_batches_are_those_of_images_in_memory(shards, edits, order):
    model = new_model(edits=edits, order=order)
    if not edits or "restyle/one" not in edits:
        arrays = {k: ARRAYS[k] for k in ("image", "label", "text")}
    else:
        arrays = ARRAYS
    some = model.prepare(arrays, batch_size=16, seed=5)
    stored = model.prepare(shards, batch_size=16, seed=5)
    assert len(some) == len(stored) == 2
    for epoch in (0, 3):
        for batches in (some, stored):
            batches.begin_epoch(epoch)
        for i in range(2):
            assert_same(some[i], stored[i])


def test_hidden_cells_are_drawn_for_stored_rows(shards):
    model = new_model(objective="bert")
    some, stored = (
        model.prepare(x, batch_size=16)
        for x in ({k: ARRAYS[k] for k in ("image", "label", "text")}, shards)
    )
    assert_same(some[1], stored[1])


@pytest.mark.slow
def test_fit_ends_as_with_images_in_memory(shards):
    weights = []
    for source in ({k: ARRAYS[k] for k in ("image", "label", "text")}, shards):
        model = new_model(dropout=0.2, edits=("inpaint",))
        model.compile(keras.optimizers.AdamW(1e-2), jit_compile=False)
        model.fit(model.prepare(source, batch_size=16), epochs=3, verbose=0)
        weights.append(model.get_weights())
    assert_same(*weights)


def test_other_splits_are_read(shards):
    batches = new_model().prepare(shards, split="test", shuffle=False)
    assert batches.num_images == COUNT // 2
    found = batches.inputs["label"]
    np.testing.assert_array_equal(found, ARRAYS["label"][::2])


def test_evaluate_takes_every_row_once(shards):
    model = new_model()
    model.compile(jit_compile=False)
    arrays = {k: ARRAYS[k] for k in ("image", "label", "text")}
    expected, found = (
        model.evaluate(
            model.prepare(x, batch_size=12), verbose=0, return_dict=True
        )
        for x in (arrays, shards)
    )
    assert found == pytest.approx(expected)


# === Others that are given data ===


@pytest.mark.slow
def test_figures_are_those_of_images(shards):
    model = new_model(text_length=0)
    arrays = {k: ARRAYS[k] for k in ("image", "label")}
    expected = likelihood.report(model, arrays, arrays)
    stored = data.load(shards)
    assert likelihood.report(model, stored, stored) == expected


def test_probes_are_those_of_images(shards):
    model = new_model(text_length=0)
    arrays = {k: ARRAYS[k] for k in ("image", "label")}
    stored = data.load(shards)
    expected, found = (
        probing.probe(model, x, x, layers=[1], report=lambda line: None)
        for x in (arrays, stored)
    )
    assert found == expected


@pytest.mark.slow
def test_classifier_is_given_shards(shards):
    stored = data.load(shards)
    arrays = {k: ARRAYS[k] for k in ("image", "label")}
    found = []
    for source in (stored, arrays):
        classifier = keras_igpt.ImageGPTClassifier.from_model(new_model(), 3)
        accuracy = classifier.fit_head(source)
        batches = classifier.prepare(source, batch_size=10)
        found.append((accuracy, *classifier.head.get_weights(), batches[1]))
    assert_same(*found)


# === What is refused ===


def test_shards_of_another_tokenizer_are_refused(shards):
    with pytest.raises(ValueError, match="made by the model's own tokenizer"):
        new_model(num_colors=6).prepare(shards)


def test_shards_of_another_image_size_are_refused(shards):
    with pytest.raises(ValueError, match="images that were tokenised"):
        new_model(image_size=(8, 8)).prepare(shards)


@pytest.mark.parametrize(
    ("column", "changes", "message"),
    [
        ("image", {"edits": ("inpaint",)}, "without --no-images"),
        ("source", {"edits": ("restyle",)}, "without \\['source'\\]"),
        ("label", {}, "must come with labels"),
        ("text", {}, "must come with captions"),
    ],
)
def test_a_missing_column_is_named(tmp_path, column, changes, message):
    model = new_model(**changes)
    kept = tuple(name for name in COLUMNS if name != column)
    write(tmp_path, model, kept)
    with pytest.raises(ValueError, match=message):
        model.prepare(tmp_path)


def test_probes_need_images(tmp_path):
    model = new_model()
    write(tmp_path, model, ("tokens", "label"))
    stored = data.load(tmp_path)
    with pytest.raises(ValueError, match="without --no-images"):
        probing.probe(model, stored, stored)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("b", "a", "c"), "the classes of the model, a, b, c"),
        (("a", "b", "c", "d"), "the classes of the model"),
    ],
)
def test_other_classes_are_refused(shards, tmp_path, names, message):
    folder = shutil.copytree(shards, tmp_path / "shards")
    manifest = read_manifest(folder)
    save(dataclasses.replace(manifest, class_names=names), folder)
    with pytest.raises(ValueError, match=message):
        new_model().prepare(folder)
    model = new_model(class_names=(), num_classes=2)
    with pytest.raises(ValueError, match="at most 2 classes"):
        model.prepare(folder)


def test_a_damaged_shard_is_named_where_it_is_read(shards, tmp_path):
    folder = shutil.copytree(shards, tmp_path / "shards")
    model = new_model()
    for path in sorted(folder.glob("*-train*"))[1:]:
        path.write_bytes(path.read_bytes()[:-70_000])
    batches = model.prepare(folder, batch_size=16)
    with pytest.raises(ValueError, match="whole ArrayRecord files"):
        batches[0]


# === Too much for memory ===


def test_too_much_for_memory_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2_000)
    with pytest.raises(ValueError, match="`keras-igpt tokenize`"):
        new_model().prepare({k: ARRAYS[k] for k in ("image", "label", "text")})


def test_shards_need_no_memory(shards, monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 0)
    assert new_model().prepare(shards).num_images == COUNT


@pytest.mark.slow
def test_a_cache_is_written_once_and_read_from_there(class_folder, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    model = make_model(num_classes=2)
    cache = tmp_path / "cache"
    first = model.prepare(class_folder, batch_size=4, cache=cache)
    written = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    again = model.prepare(class_folder, batch_size=4, cache=cache)
    assert {p: p.stat().st_mtime_ns for p in cache.iterdir()} == written
    whole = model.prepare(class_folder, batch_size=4)
    for some in (first, again):
        assert not some.rows.in_memory
        assert_same(some[0], whole[0])
