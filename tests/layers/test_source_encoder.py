"""Tests of the encoder of sources."""

import keras
import numpy as np
import pytest

from keras_igpt.layers.source_encoder import SourceEncoder


@pytest.fixture
def encoder():
    keras.utils.set_random_seed(0)
    layer = SourceEncoder((2, 3), (4, 4), 3, hidden_dim=16, num_heads=2)
    layer.build()
    kernel = layer.output_projection.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return layer


@pytest.fixture
def source():
    generator = np.random.default_rng(0)
    source = generator.integers(0, 256, (2, 8, 12, 4), dtype="uint8")
    source[..., 3] = 255
    return source


def test_a_source_is_a_vector_per_cell(encoder, source):
    assert encoder(source).shape == (2, 6, 16)


def test_nothing_known_is_zeros(encoder, source):
    source[0, ..., 3] = 0
    vectors = np.asarray(encoder(source))
    assert not vectors[0].any() and vectors[1].any()


def test_unknown_pixels_are_not_seen(encoder, source):
    source[:, :, 4:, 3] = 0
    other = source.copy()
    other[:, :, 4:, :3] = 99
    np.testing.assert_array_equal(encoder(source), encoder(other))


def test_first_cell_sees_the_last(encoder, source):
    other = source.copy()
    other[:, 4:, 8:, :3] //= 2
    first, second = (np.asarray(encoder(x))[:, 0] for x in (source, other))
    assert (abs(first - second) > 1e-4).any(axis=1).all()


def test_images_do_not_see_each_other(encoder, source):
    np.testing.assert_allclose(
        np.asarray(encoder(source))[:1], encoder(source[:1]), atol=1e-5
    )


def test_new_encoder_says_nothing(source):
    layer = SourceEncoder((2, 3), (4, 4), 3, hidden_dim=16, num_heads=2)
    layer.build()
    assert not np.asarray(layer(source)).any()


def test_config_makes_the_same_layer(encoder):
    config = keras.saving.serialize_keras_object(encoder)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == encoder.get_config()
