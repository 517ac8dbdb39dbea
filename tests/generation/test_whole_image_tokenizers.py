"""Tests of edits with a tokenizer whose tokens depend on all of an image."""

import numpy as np
import pytest

import keras_igpt
from keras_igpt.tokenizers.conv_vq import ConvVQTokenizer

SIZE = (32, 48)


@pytest.fixture(scope="module")
def model():
    """Random weights; its tokenizer too."""
    import keras

    keras.utils.set_random_seed(0)
    tokenizer = ConvVQTokenizer(SIZE, 32, 8, hidden_dim=32, latent_dim=32)
    tokenizer.adapted = True
    model = keras_igpt.ImageGPT(
        tokenizer, 1, 1, 16, num_classes=3, edits=("upscale",)
    )
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


def pairs(masks, size=SIZE):
    """Images, and others that differ from them where they are hidden."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, *size, 3), "uint8")
    others = images.copy()
    others[:, masks] = random.integers(0, 256, others[:, masks].shape)
    return images, others


def box(scale=1):
    masks = np.zeros((SIZE[0] * scale, SIZE[1] * scale), bool)
    masks[10 * scale : 20 * scale, 12 * scale : 30 * scale] = True
    return masks


def inpaint(model, images, masks, **options):
    return model.edit(
        images, "inpaint", masks, 1, seed=0, jit_compile=False, **options
    )


def test_hidden_pixels_change_nothing(model):
    images, others = pairs(box())
    np.testing.assert_array_equal(
        inpaint(model, images, box()), inpaint(model, others, box())
    )


def test_hidden_pixels_of_larger_images_change_nothing(model):
    images, others = pairs(box(3), (96, 144))
    np.testing.assert_array_equal(
        inpaint(model, images, box(3), paste_back=True),
        inpaint(model, others, box(3), paste_back=True),
    )


def test_kept_pixels_come_back_bit_by_bit(model):
    images, _ = pairs(box())
    found = inpaint(model, images, box())
    np.testing.assert_array_equal(found[:, ~box()], images[:, ~box()])


def test_rows_that_are_completed_change_nothing(model):
    masks = np.zeros(SIZE, bool)
    masks[13:] = True
    images, others = pairs(masks)
    found = [
        model.complete(x, 13, labels=1, seed=0, jit_compile=False)
        for x in (images, others)
    ]
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(found[0][:, :13], images[:, :13])


def test_everything_may_be_hidden(model):
    masks = np.ones(SIZE, bool)
    images, others = pairs(masks)
    np.testing.assert_array_equal(
        inpaint(model, images, masks), inpaint(model, others, masks)
    )
