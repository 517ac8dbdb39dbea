"""Tests of what all tokenizers share."""

import keras
import numpy as np
import pytest

import keras_igpt
from keras_igpt.tokenizers import base


@pytest.fixture(scope="module", params=["palette", "vq"])
def tokenizer(request):
    """Of grey images of 8x8, not to be changed by a test."""
    if request.param == "palette":
        return keras_igpt.PaletteTokenizer((8, 8), 5, channels=1)
    keras.utils.set_random_seed(0)
    made = keras_igpt.VQTokenizer(8, 16, channels=1, hidden_dim=8)
    made.quantizer.start(np.random.default_rng(0).normal(size=(50, 8)))
    made.adapted = True
    return made


def images_of(count, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 8, 8, 1), dtype="uint8")


def test_a_tokenizer_is_of_the_base_class(tokenizer):
    assert isinstance(tokenizer, base.ImageTokenizer)
    assert tokenizer.image_shape == (8, 8, 1)
    assert tokenizer.reach == 0


def test_many_images_have_the_tokens_of_each(tokenizer):
    images = images_of(7)
    together = tokenizer.encode_all(images)
    assert together.dtype == "uint16"
    np.testing.assert_array_equal(together, tokenizer.encode(images))


def test_many_tokens_are_the_images_of_each(tokenizer):
    tokens = tokenizer.encode_all(images_of(7))
    together = tokenizer.decode_all(tokens)
    assert isinstance(together, np.ndarray) and together.dtype == "uint8"
    np.testing.assert_array_equal(together, tokenizer.decode(tokens))


def test_batches_are_of_bounded_size(tokenizer, monkeypatch):
    images = images_of(7)
    whole = (
        tokenizer.encode_all(images),
        tokenizer.decode_all(tokenizer.encode_all(images)),
    )
    monkeypatch.setattr(base, "PIXELS", 3 * 64)
    assert len(tokenizer._batches(images)) == 3
    tokens = tokenizer.encode_all(images)
    np.testing.assert_array_equal(tokens, whole[0])
    np.testing.assert_array_equal(tokenizer.decode_all(tokens), whole[1])


def test_an_image_larger_than_a_batch_is_a_batch(tokenizer, monkeypatch):
    monkeypatch.setattr(base, "PIXELS", 1)
    assert len(tokenizer.encode_all(images_of(2))) == 2


def test_no_images_have_no_tokens(tokenizer):
    tokens = tokenizer.encode_all(images_of(0))
    assert tokens.shape == (0, np.prod(tokenizer.grid_size))
    assert tokenizer.decode_all(tokens).shape == (0, 8, 8, 1)


def test_token_depends_on_its_own_cell_only(tokenizer):
    images = images_of(1)
    other = images.copy()
    rows, columns = tokenizer.grid_size
    size = 8 // rows
    other[:, size:] = images_of(1, seed=1)[:, size:]
    before = tokenizer.encode_all(images).reshape(rows, columns)
    after = tokenizer.encode_all(other).reshape(rows, columns)
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[1:] != after[1:]).any()


def test_large_vocabularies_have_larger_numbers(monkeypatch):
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 5, channels=1)
    monkeypatch.setattr(keras_igpt.PaletteTokenizer, "vocabulary_size", 2**16)
    assert tokenizer.encode_all(images_of(1)).dtype == "int32"


def test_new_weights_are_seen_by_compiled_functions():
    tokenizer = keras_igpt.PaletteTokenizer((1, 1), 2)
    tokenizer.set_palette([[-1, -1, -1], [1, 1, 1]])
    image = np.full((1, 1, 1, 3), 200, "uint8")
    assert tokenizer.encode_all(image).tolist() == [[1]]
    tokenizer.set_palette([[1, 1, 1], [-1, -1, -1]])
    assert tokenizer.encode_all(image).tolist() == [[0]]


@pytest.mark.parametrize("encode", ["encode", "encode_all"])
@pytest.mark.parametrize("kind", ["PaletteTokenizer", "VQTokenizer"])
def test_encode_before_adapt_is_an_error(kind, encode):
    made = getattr(keras_igpt, kind)(8, 8)
    images = np.zeros((1, 8, 8, 3), "uint8")
    message = rf"a {kind} that was never adapted. Call `.*adapt\(dataset\)`"
    with pytest.raises(ValueError, match=message):
        getattr(made, encode)(images)


def test_wrong_images_are_named(tokenizer):
    with pytest.raises(ValueError, match=r"shape `\(batch, 8, 8, 1\)`"):
        tokenizer.encode_all(np.zeros((1, 5, 8, 1), "uint8"))


def test_sizes_may_be_numbers_of_numpy():
    made = keras_igpt.PaletteTokenizer(np.int64(4), np.int32(5), np.uint8(1))
    config = made.get_config()
    assert config["image_size"] == (4, 4)
    assert type(config["num_colors"]) is int
    assert type(config["channels"]) is int
