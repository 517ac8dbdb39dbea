"""Tests of codebooks."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_igpt.tokenizers.quantizers import (
    SCALAR_LEVELS,
    ScalarQuantizer,
    VectorQuantizer,
    k_means,
    perplexity,
    unit,
)


@pytest.fixture
def vectors():
    """Three far corners, with a little noise."""
    generator = np.random.default_rng(0)
    corners = np.eye(3)[np.arange(60) % 3]
    return (corners + 0.01 * generator.normal(size=(60, 3))).astype("float32")


@pytest.fixture
def learned(vectors):
    keras.utils.set_random_seed(0)
    layer = VectorQuantizer(3, code_dim=3)
    layer.build()
    layer.start(vectors)
    return layer


def test_start_finds_the_clusters(learned, vectors):
    numbers = np.asarray(learned.numbers(vectors))
    assert len(set(numbers[:3])) == 3
    np.testing.assert_array_equal(numbers, np.tile(numbers[:3], 20))


def test_codes_have_length_one(learned):
    lengths = np.linalg.norm(np.asarray(learned.codebook), axis=-1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_codes_of_numbers_of_codes_are_the_codes(learned):
    codes = np.asarray(learned.codes(np.arange(3)))
    np.testing.assert_array_equal(learned.numbers(codes), np.arange(3))


def test_training_moves_codes_towards_their_vectors(learned):
    target = np.array([[1.0, 0.3, 0.0]] * 8, "float32")
    number = int(np.asarray(learned.numbers(target))[0])
    away = np.linalg.norm(
        np.asarray(learned.codebook)[number] - unit(target)[0]
    )
    for _ in range(20):
        learned(target, training=True)
    moved = np.asarray(learned.codebook)[number]
    assert np.linalg.norm(moved - np.asarray(unit(target))[0]) < 0.9 * away


def test_unused_codes_start_anew_from_the_batch(learned):
    one = np.array([[0.0, 1.0, 1.0]] * 8, "float32")
    for _ in range(300):
        learned(one, training=True)
    likeness = np.asarray(learned.codebook) @ np.asarray(unit(one))[0]
    assert np.all(likeness > 0.99)


def test_inference_leaves_the_codes_alone(learned, vectors):
    before = np.asarray(learned.codebook).copy()
    learned(vectors + 0.5, training=False)
    np.testing.assert_array_equal(learned.codebook, before)


def test_training_adds_a_loss(learned, vectors):
    learned(vectors + 0.5, training=True)
    assert float(learned.losses[0]) > 0


@pytest.mark.parametrize("size", SCALAR_LEVELS)
def test_scalar_codes_and_numbers_are_inverse(size):
    layer = ScalarQuantizer(size)
    numbers = np.arange(size)
    codes = np.asarray(layer.codes(ops.convert_to_tensor(numbers, "int32")))
    assert len(np.unique(codes.round(4), axis=0)) == size
    assert codes.min() == -1 and codes.max() == 1
    # Back through the sigmoid that bounds vectors.
    digits = np.rint((codes + 1) / 2 * (layer.levels - 1))
    share = (digits + 0.5) / layer.levels
    vectors = np.log(share / (1 - share)).astype("float32")
    np.testing.assert_array_equal(layer.numbers(vectors), numbers)


def test_scalar_numbers_stay_in_range_at_the_extremes():
    layer = ScalarQuantizer(512)
    extreme = np.array([[1e4] * 3, [-1e4] * 3], "float32")
    assert np.asarray(layer.numbers(extreme)).tolist() == [511, 0]


def test_unknown_scalar_size_names_the_known_ones():
    with pytest.raises(ValueError, match=r"240, 512.*codebook_size=300"):
        ScalarQuantizer(300)


@pytest.mark.parametrize(
    "counts, expected", [([5, 5, 5, 5], 4.0), ([9, 0, 0], 1.0)]
)
def test_perplexity_counts_evenly_used_codes(counts, expected):
    assert perplexity(counts) == pytest.approx(expected)


@pytest.mark.parametrize(
    "layer", [VectorQuantizer(4, 2), ScalarQuantizer(240)], ids=["vq", "fsq"]
)
def test_config_makes_the_same_layer(layer):
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


def test_k_means_finds_the_centres():
    centers = np.array([[0, 0], [5, 5], [-5, 5]], "float32")
    noise = np.random.default_rng(0).normal(scale=0.1, size=(30, 3, 2))
    vectors = (centers + noise).reshape(-1, 2)
    found = k_means(vectors, 3, batch_size=64, seed=np.int64(1))
    assert found.dtype == "float32"
    away = np.abs(found[:, None] - centers).max(axis=-1).min(axis=0)
    assert away.max() < 0.1
