"""Tests of the autoencoder's parts; `test_vq.py` trains it."""

import keras
import numpy as np
import pytest

from keras_igpt.tokenizers.autoencoder import (
    CELL_SIZES,
    ImageBatches,
    ReconstructionLoss,
    ResidualBlock,
    decoder,
    encoder,
)


@pytest.mark.parametrize("size", CELL_SIZES)
def test_encoder_makes_a_vector_of_a_cell(size):
    images = np.zeros((2, 2 * size, 3 * size, 3))
    assert encoder(8, 5, size)(images).shape == (2, 2, 3, 5)


def test_vector_depends_on_its_own_cell_alone():
    layer = encoder(8, 5, 4)
    images = np.random.default_rng(0).random((1, 8, 8, 3), "float32")
    before = np.asarray(layer(images))
    images[:, :, 4:] = 0
    after = np.asarray(layer(images))
    np.testing.assert_array_equal(after[:, :, 0], before[:, :, 0])
    assert (after[:, :, 1] != before[:, :, 1]).any()


@pytest.mark.parametrize("size", CELL_SIZES)
def test_decoder_makes_a_cell_of_a_code(size):
    codes = np.zeros((2, 2, 3, 5))
    assert decoder(8, 3, size)(codes).shape == (2, 2 * size, 3 * size, 3)


def test_residual_block_adds_to_its_input():
    block = ResidualBlock(4)
    block.build((None, 3, 3, 4))
    for weight in (block.narrow.kernel, block.narrow.bias):
        weight.assign(np.zeros(weight.shape))
    x = np.random.default_rng(0).normal(size=(1, 3, 3, 4)).astype("float32")
    np.testing.assert_array_equal(block(x), x)


def test_residual_block_config_makes_the_same_layer():
    layer = ResidualBlock(4, kernel_size=1)
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == layer.get_config()


def test_images_come_in_a_new_order_every_epoch():
    images = np.arange(64, dtype="uint8").reshape(64, 1, 1, 1)
    batches = ImageBatches(images, 64, seed=0)
    first, _ = batches[0]
    batches.on_epoch_end()
    second, _ = batches[0]
    assert (first != second).any() and set(first.flat) == set(second.flat)


def test_images_are_input_and_target_from_minus_one_to_one():
    images = np.array([0, 255], "uint8").reshape(2, 1, 1, 1)
    x, y = ImageBatches(images, 2, seed=0)[0]
    assert set(x.flat) == {-1.0, 1.0} and (x == y).all()


def test_loss_is_zero_for_equal_images():
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    assert float(ReconstructionLoss()(x, x)) == 0


def test_loss_sees_a_shifted_edge_more_than_a_shade():
    edge = np.zeros((1, 8, 8, 1), "float32")
    edge[:, :, 4:] = 1
    shifted = np.roll(edge, 1, axis=2)
    shaded = edge + np.abs(edge - shifted).mean()
    loss = ReconstructionLoss()
    assert float(loss(edge, shifted)) > 1.5 * float(loss(edge, shaded))
