"""Tests of palettes."""

import tracemalloc

import keras
import numpy as np
import pytest

import keras_igpt
from keras_igpt.tokenizers import palette


def colors_of(seed=0, num=6, count=40, size=8):
    """Images of a few colours, and those colours."""
    generator = np.random.default_rng(seed)
    colors = generator.integers(0, 256, (num, 3), dtype="uint8")
    return colors[generator.integers(0, num, (count, size, size))], colors


@pytest.fixture(scope="module")
def adapted():
    """16 colours found among 300, not to be changed by a test; the images."""
    images, _ = colors_of(num=300)
    return keras_igpt.PaletteTokenizer((8, 8), 16).adapt(images, seed=3), images


def test_grey_levels_are_even():
    tokenizer = keras_igpt.PaletteTokenizer((1, 5), 5, channels=1)
    images = np.asarray(tokenizer.decode(np.arange(5)[None]))
    assert images.ravel().tolist() == [0, 64, 128, 191, 255]


def test_grey_encode_takes_the_nearest_level():
    tokenizer = keras_igpt.PaletteTokenizer((1, 4), 2, channels=1)
    images = np.array([0, 100, 130, 255], "uint8").reshape(1, 1, 4, 1)
    assert np.asarray(tokenizer.encode(images)).tolist() == [[0, 0, 1, 1]]


@pytest.mark.backends
def test_decode_then_encode_gives_the_tokens_back(adapted):
    tokenizer, _ = adapted
    tokens = np.arange(64).reshape(1, 64) % 16
    again = tokenizer.encode(np.asarray(tokenizer.decode(tokens)))
    np.testing.assert_array_equal(np.asarray(again), tokens)


@pytest.mark.backends
def test_adapt_finds_the_colors():
    images, colors = colors_of()
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 6).adapt(images)
    restored = np.asarray(tokenizer.decode(tokenizer.encode(images)))
    assert np.abs(restored.astype(int) - images).max() <= 1


def test_adapt_repeats_with_its_seed(adapted):
    first, images = adapted
    second = keras_igpt.PaletteTokenizer((8, 8), 16).adapt(images, seed=3)
    np.testing.assert_array_equal(
        np.asarray(first.codebook), np.asarray(second.codebook)
    )


def test_adapt_samples_a_bounded_number_of_pixels(monkeypatch):
    monkeypatch.setattr(palette, "SAMPLE_PIXELS", 1000)
    images, _ = colors_of(num=300, count=200)
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 4)
    sample = tokenizer._sample_pixels(images, np.random.default_rng(0))
    assert sample.shape == (1000, 3)


@pytest.mark.backends
def test_encode_matches_the_full_distance_table():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, 40, 50, 3), dtype="uint8")
    tokenizer = keras_igpt.PaletteTokenizer((40, 50), 64).adapt(images)
    colors = np.asarray(tokenizer.codebook, "float64")
    pixels = images.reshape(-1, 1, 3) / 127.5 - 1
    expected = ((pixels - colors) ** 2).sum(-1).argmin(-1).reshape(3, -1)
    agree = np.asarray(tokenizer.encode(images)) == expected
    assert agree.mean() > 0.9999  # but for float ties


def test_encode_compares_no_more_than_a_block_at_a_time(monkeypatch):
    seen = []
    nearest = keras_igpt.PaletteTokenizer._nearest

    def spy(self, pixels):
        seen.append(pixels.shape)
        return nearest(self, pixels)

    monkeypatch.setattr(keras_igpt.PaletteTokenizer, "_nearest", spy)
    tokenizer = keras_igpt.PaletteTokenizer((128, 256), 2, channels=1)
    tokenizer.encode(np.zeros((3, 128, 256, 1), "uint8"))
    assert set(seen) == {(palette.BLOCK, 1)}


def test_encode_keeps_memory_bounded():
    tokenizer = keras_igpt.PaletteTokenizer((256, 256), 512, channels=1)
    images = np.zeros((4, 256, 256, 1), "uint8")
    tracemalloc.start()
    tokenizer.encode(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_encode_in_a_graph_equals_eager(tiny_images):
    import tensorflow as tf

    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 5, channels=1)
    compiled = tf.function(tokenizer.encode)
    np.testing.assert_array_equal(
        np.asarray(compiled(tiny_images)),
        np.asarray(tokenizer.encode(tiny_images)),
    )


def test_config_and_weights_make_the_same_tokenizer(adapted):
    tokenizer, images = adapted
    config = keras.saving.serialize_keras_object(tokenizer)
    copy = keras.saving.deserialize_keras_object(config)
    copy.codebook.assign(tokenizer.codebook)
    copy.adapted = True
    np.testing.assert_array_equal(
        np.asarray(copy.encode(images)), np.asarray(tokenizer.encode(images))
    )


def test_codebook_is_not_trainable():
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 16)
    assert not tokenizer.trainable_weights


@pytest.mark.backends
def test_unadapted_rgb_palette_is_named():
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 16)
    with pytest.raises(ValueError, match=r"never adapted.*adapt\(dataset\)"):
        tokenizer.encode(np.zeros((1, 8, 8, 3), "uint8"))


def test_fewer_colors_than_the_palette_has_are_kept_and_told():
    images, _ = colors_of(num=6)
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 512)
    with pytest.warns(UserWarning, match="num_colors=6 would do"):
        tokenizer.adapt(images)
    tokens = np.asarray(tokenizer.encode(images))
    assert len(np.unique(tokens)) == tokens.max() + 1 == 6
    np.testing.assert_array_equal(tokenizer.decode(tokens), images)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"image_size": 8.0}, "`image_size` must be a positive int or a tuple"),
        ({"image_size": (8, 0)}, "`image_size` must be a positive int"),
        ({"image_size": (8, 8), "num_colors": 1}, "`num_colors` must be"),
        ({"image_size": (8, 8), "num_colors": 2.5}, "`num_colors` must be"),
        ({"image_size": (8, 8), "channels": 4}, "`channels` must be 1"),
    ],
)
def test_bad_arguments_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        keras_igpt.PaletteTokenizer(**kwargs)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((1, 5, 4, 1), "uint8"), r"shape `\(batch, 4, 4, 1\)`"),
        (np.zeros((1, 4, 4, 3), "uint8"), r"shape `\(batch, 4, 4, 1\)`"),
        (np.zeros((4, 4), "uint8"), r"images.shape=\(4, 4\)"),
        (np.zeros((1, 4, 4, 1), "float32"), "must be uint8"),
        ("image.png", "must have shape"),
    ],
)
def test_wrong_images_are_named(images, message):
    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 5, channels=1)
    with pytest.raises(ValueError, match=message):
        tokenizer.encode(images)


@pytest.mark.backends
def test_no_images_have_no_tokens():
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 4, channels=1)
    assert tokenizer.encode(np.zeros((0, 8, 8, 1), "uint8")).shape == (0, 64)
