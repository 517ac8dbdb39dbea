"""Tests of distances between sets of images."""

import numpy as np
import pytest

from keras_igpt.evaluation import distances


def test_frechet_distance_of_equal_sets_is_zero():
    features = np.random.default_rng(0).normal(size=(50, 4))
    assert distances.frechet_distance(features, features) < 1e-6


def test_frechet_distance_of_shifted_sets_is_the_shift():
    features = np.random.default_rng(0).normal(size=(50, 4))
    found = distances.frechet_distance(features, features + 3)
    np.testing.assert_allclose(found, 4 * 9)


def test_frechet_distance_of_gaussians_matches_formula():
    # Uncorrelated: the sum of squared differences of deviations.
    features = np.random.default_rng(0).normal(size=(4000, 3))
    features -= features.mean(0)
    features @= np.linalg.inv(np.linalg.cholesky(np.cov(features.T))).T
    found = distances.frechet_distance(features, features * [1, 2, 4])
    np.testing.assert_allclose(found, 0 + 1 + 9, rtol=1e-6)


def test_sets_of_images_are_compared_by_their_features():
    generator = np.random.default_rng(0)
    real = generator.integers(0, 200, (50, 2, 2, 1), dtype="uint8")

    def brightness(images):
        return images.reshape(len(images), -1).astype("float64")

    found = distances.set_distances(real + np.uint8(3), real, brightness)
    assert found == {"frechet": pytest.approx(4 * 9)}


def test_frechet_distance_of_correlated_gaussians_matches_the_formula():
    import scipy.linalg

    generator = np.random.default_rng(0)
    mixes = generator.normal(size=(2, 5, 5))
    first, second = (
        generator.normal(size=(300, 5)) @ mix + i for i, mix in enumerate(mixes)
    )
    one, two = np.cov(first.T), np.cov(second.T)
    root = scipy.linalg.sqrtm(one @ two)
    means = ((first.mean(0) - second.mean(0)) ** 2).sum()
    wanted = means + np.trace(one + two - 2 * root.real)
    found = distances.frechet_distance(first, second)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_frechet_distance_takes_a_single_feature():
    features = np.random.default_rng(0).normal(size=(50, 1))
    found = distances.frechet_distance(features, features + 2)
    np.testing.assert_allclose(found, 4)


def test_frechet_distance_needs_more_images_than_features():
    features = np.zeros((9, 9))
    with pytest.raises(ValueError, match="more images than features"):
        distances.frechet_distance(features, np.zeros((30, 9)))


@pytest.mark.parametrize(
    "figure",
    [
        distances.frechet_distance,
        distances.kernel_distance,
        distances.precision_recall,
        distances.nearest_distance,
    ],
)
def test_features_of_two_networks_are_refused(figure):
    with pytest.raises(ValueError, match="of the same network"):
        figure(np.zeros((30, 4)), np.zeros((30, 5)))


# === Kernel distance ===


def test_kernel_distance_is_that_of_all_pairs():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 6, 3))

    def kernel(x, y):
        return (float(x @ y) / 3 + 1) ** 3

    def mean_of(xs, ys, same):
        pairs = [
            kernel(x, y)
            for i, x in enumerate(xs)
            for j, y in enumerate(ys)
            if not (same and i == j)
        ]
        return sum(pairs) / len(pairs)

    wanted = mean_of(first, first, True) + mean_of(second, second, True)
    wanted -= 2 * mean_of(first, second, False)
    found = distances.kernel_distance(first, second)
    np.testing.assert_allclose(found, wanted)


def test_kernel_distance_of_one_kind_is_zero_on_average():
    generator = np.random.default_rng(0)
    found = [
        distances.kernel_distance(*generator.normal(size=(2, 40, 4)))
        for _ in range(200)
    ]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error


def test_kernel_distance_of_large_sets_is_that_of_subsets(monkeypatch):
    generator = np.random.default_rng(0)
    first = generator.normal(size=(300, 4))
    second = generator.normal(size=(200, 4)) + 1
    whole = distances.kernel_distance(first, second)
    monkeypatch.setattr(distances, "SUBSET", 100)
    found = distances.kernel_distance(first, second)
    np.testing.assert_allclose(found, whole, rtol=0.1)
    assert found != whole


# === Precision and recall ===


def test_equal_sets_are_precise_and_cover_each_other():
    features = np.random.default_rng(0).normal(size=(50, 4))
    found = distances.precision_recall(features, features)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_sets_far_apart_have_no_precision_and_no_recall():
    features = np.random.default_rng(0).normal(size=(50, 4))
    found = distances.precision_recall(features, features + 100)
    assert set(found.values()) == {0}


def test_one_of_two_clouds_is_precise_with_half_the_recall():
    generator = np.random.default_rng(0)
    clouds = generator.normal(size=(2, 100, 2)) + [[[0, 0]], [[50, 50]]]
    found = distances.precision_recall(
        generator.normal(size=(200, 2)), clouds.reshape(-1, 2)
    )
    assert found["precision"] > 0.9
    assert 0.4 < found["recall"] <= 0.5
    assert 0.4 < found["coverage"] <= 0.5


def test_density_of_one_kind_is_about_one():
    generator = np.random.default_rng(0)
    found = distances.precision_recall(*generator.normal(size=(2, 500, 4)))
    assert found["density"] == pytest.approx(1, abs=0.15)


def test_balls_reach_to_the_kth_of_the_others():
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    # Balls around 0, 1, 3, 7 of radius 1, 1, 2, 4.
    made = np.array([[-0.9], [4.9], [10.9], [12.0], [2.5]])
    found = distances.precision_recall(made, real, neighbours=1)
    assert found["precision"] == 4 / 5
    assert found["density"] == (1 + 2 + 1 + 0 + 1) / 5
    assert found["coverage"] == 3 / 4


def test_too_few_images_have_no_neighbours():
    with pytest.raises(ValueError, match="at least 4 images"):
        distances.precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))


# === Copies and bounds ===


def test_copies_are_at_no_distance_from_training_images():
    features = np.random.default_rng(0).normal(size=(50, 4))
    assert distances.nearest_distance(features[:7], features) == 0


def test_nearest_distance_is_a_median():
    found = distances.nearest_distance(
        [[1.0], [12.0], [103.0]], [[0.0], [10.0], [100.0]]
    )
    assert found == 2


def test_bounds_hold_the_mean_as_often_as_they_say():
    generator = np.random.default_rng(0)
    inside = 0
    for seed in range(100):
        low, high = distances.confidence_interval(
            lambda x, y: x.mean() - y.mean(),
            generator.normal(size=(60, 1)),
            generator.normal(size=(60, 1)),
            times=200,
            seed=seed,
        )
        inside += low <= 0 <= high
    assert 86 <= inside <= 100


def test_the_interval_is_around_the_figure():
    generator = np.random.default_rng(0)
    sets = [generator.normal(size=(100, 16)) for _ in range(2)]
    figure = distances.frechet_distance(*sets)
    low, high = distances.confidence_interval(distances.frechet_distance, *sets)
    assert 0 < low < figure < high < 2 * figure
