"""Tests of the convolutional tokenizer for photographs."""

import keras
import numpy as np
import pytest

import keras_igpt
from keras_igpt.images.metrics import psnr
from keras_igpt.tokenizers import codebook
from keras_igpt.tokenizers.conv_vq import ConvVQTokenizer
from keras_igpt.tokenizers.convolutional_parts import (
    CellAttention,
    ConvResidualBlock,
    GroupNorm,
    Upsample,
)

SMALL = {
    "codebook_size": 8,
    "cell_size": 8,
    "hidden_dim": 4,
    "multipliers": (1, 1, 1, 1),
    "latent_dim": 8,
    "code_dim": 4,
}


@pytest.fixture(scope="module")
def images():
    """Two flat halves in colours of their own."""
    generator = np.random.default_rng(3)
    halves = generator.integers(0, 256, (24, 2, 1, 1, 3))
    rows = halves.repeat(8, axis=1)[:, :, 0]
    return np.tile(rows, (1, 1, 24, 1)).astype("uint8")


@pytest.fixture(scope="module")
def tokenizer():
    keras.utils.set_random_seed(0)
    made = ConvVQTokenizer((16, 24), **SMALL)
    made.set_codebook(np.random.default_rng(0).normal(size=(8, 4)))
    return made


def same_weights(tokenizer, image_size):
    other = ConvVQTokenizer(image_size, **SMALL)
    other.set_weights(tokenizer.get_weights())
    other.adapted = True
    return other


def test_tokens_are_one_per_cell(tokenizer, images):
    tokens = np.asarray(tokenizer.encode(images[:3]))
    assert tokens.shape == (3, 6) and tokens.dtype == "int32"


def test_decode_gives_images(tokenizer):
    decoded = np.asarray(tokenizer.decode(np.zeros((2, 6), "int32")))
    assert decoded.shape == (2, 16, 24, 3) and decoded.dtype == "uint8"


def test_tokens_depend_on_all_pixels(tokenizer):
    assert tokenizer.reach is None


@pytest.mark.slow
def test_adapt_teaches_more_than_the_mean_colour(images):
    keras.utils.set_random_seed(0)
    made = ConvVQTokenizer((16, 24), **{**SMALL, "hidden_dim": 8})
    made.adapt(images, epochs=20, verbose=False)
    mean = np.full_like(images, images.mean().round())
    assert made.figures(images)["psnr"] > np.mean(psnr(images, mean)) + 0.5


@pytest.mark.parametrize("count", [1, 3])
def test_tokens_do_not_depend_on_the_batch(tokenizer, images, count):
    together = tokenizer.encode_all(images)
    alone = tokenizer.encode_all(images[:count])
    np.testing.assert_array_equal(together[:count], alone)


def test_other_sizes_take_the_same_weights(tokenizer):
    other = same_weights(tokenizer, (8, 40))
    tokens = other.encode_all(np.zeros((1, 8, 40, 3), "uint8"))
    assert other.decode_all(tokens).shape == (1, 8, 40, 3)


def test_saved_in_a_model_it_encodes_the_same(tokenizer, images, tmp_path):
    model = keras_igpt.ImageGPT(
        tokenizer, num_layers=1, num_heads=1, hidden_dim=8
    )
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        loaded.tokenizer.encode(images), tokenizer.encode(images)
    )
    np.testing.assert_array_equal(
        loaded.generate(seed=1), model.generate(seed=1)
    )


@pytest.mark.slow
def test_features_do_not_learn(images, smallest):
    features = keras.Sequential([keras.layers.Conv2D(2, 3)])
    features.build((None, 16, 24, 3))
    before = features.get_weights()
    made = ConvVQTokenizer((16, 24), **SMALL)
    made.adapt(images, epochs=0.3, verbose=False, perceptual=features)
    for old, new in zip(before, features.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
@pytest.mark.backends
def test_discriminator_leaves_no_weights_behind(images, smallest):
    made = ConvVQTokenizer((16, 24), **SMALL)
    count = len(made.weights)
    made.adapt(images, epochs=1, verbose=False, discriminator=True)
    assert len(made.weights) == count
    assert np.isfinite(made.figures(images)["psnr"])


def test_untaught_decoder_gives_grey():
    made = ConvVQTokenizer((16, 24), **SMALL)
    decoded = np.asarray(made.decoder(np.ones((1, 2, 3, 4), "float32")))
    assert not decoded.any()


def test_residual_paths_begin_as_they_are():
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 8)).astype("float32")
    for layer in (ConvResidualBlock(8), CellAttention()):
        np.testing.assert_array_equal(layer(x), x)


def test_channels_are_last_whatever_keras_is_set_to():
    usual = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        made = ConvVQTokenizer((16, 24), **SMALL)
    finally:
        keras.config.set_image_data_format(usual)
    assert made.encoder.layers[0].data_format == "channels_last"


@pytest.mark.parametrize("discriminator", [True, False])
def test_discriminator_begins_late(images, monkeypatch, discriminator):
    seen = []

    def note(trainer, batches, budget, **_):
        seen.append((type(trainer).__name__, budget.epochs, budget.peak))

    monkeypatch.setattr(codebook, "fit_within", note)
    made = ConvVQTokenizer((16, 24), **SMALL)
    made.adapt(images, epochs=5, verbose=False, discriminator=discriminator)
    names = ["Autoencoder", "Autoencoder", "AdversarialAutoencoder"]
    parts = [1, 2, 2] if discriminator else [1, 4]
    rate = 0.05 / SMALL["hidden_dim"]
    assert seen == [(n, p, rate) for n, p in zip(names, parts)]


@pytest.mark.parametrize(
    "argument, value",
    [
        ("cell_size", 4),
        ("multipliers", (1, 2)),
        ("codebook_size", 1),
        ("hidden_dim", 0),
        ("latent_dim", 2.5),
    ],
)
def test_wrong_argument_is_named(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}`.*Received"):
        ConvVQTokenizer((16, 16), **{**SMALL, argument: value})


def test_size_that_cells_do_not_divide():
    with pytest.raises(ValueError, match="multiples of 16"):
        ConvVQTokenizer((256, 250))


def test_codes_of_another_shape():
    made = ConvVQTokenizer((8, 8), **SMALL)
    with pytest.raises(ValueError, match="codes.shape"):
        made.set_codebook(np.zeros((8, 3)))


def test_group_norm_is_that_of_keras():
    x = np.random.default_rng(0).normal(3, 2, (2, 5, 4, 64)).astype("float32")
    theirs = keras.layers.GroupNormalization(32, epsilon=1e-6)(x)
    np.testing.assert_allclose(GroupNorm()(x), theirs, atol=1e-5)


def test_upsampling_repeats_pixels():
    x = np.random.default_rng(0).normal(size=(1, 2, 3, 2)).astype("float32")
    layer = Upsample(2)
    layer.build(x.shape)
    larger = x.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(layer(x), layer.conv(larger), atol=1e-6)
