import numpy as np
import pytest
from keras import ops

from keras_igpt.generation import guidance, sampling

GOLDEN_UNIFORMS = [
    [0.40275639, 0.17951357, 0.72977966],
    [0.75010514, 0.22285098, 0.81516176],
    [0.36287206, 0.14455748, 0.29143155],
]


def draw(logits, uniform, temperature=1.0, top_k=None, top_p=None):
    logits = np.asarray(logits, "float32")
    count, size = logits.shape
    arguments = (
        logits,
        np.full(count, uniform, "float32"),
        np.full(count, temperature, "float32"),
        np.full(count, top_k or size, "int32"),
        np.full(count, top_p or 1.0, "float32"),
    )
    return np.asarray(sampling.sample(*map(ops.convert_to_tensor, arguments)))


def truncate(*arguments):
    return sampling.truncate(*map(ops.convert_to_tensor, arguments))


def truncated(probabilities, top_k=None, top_p=1.0):
    p = np.array([probabilities], "float32")
    top_k = p.shape[1] if top_k is None else top_k
    kept = truncate(p, np.array([top_k], "int32"), np.array([top_p], "float32"))
    return (np.asarray(kept)[0] > 0).tolist()


def test_uniforms_are_uniform():
    numbers = np.sort(np.asarray(sampling.uniforms(np.arange(100), 1000)), 0)
    flat = np.sort(numbers.ravel())
    steps = np.arange(1, len(flat) + 1) / len(flat)
    # Kolmogorov-Smirnov distance: 1.63 / sqrt(n) has a chance of 1 %.
    assert np.abs(flat - steps).max() < 1.63 / np.sqrt(len(flat))


def test_uniforms_of_neighbouring_seeds_are_unrelated():
    numbers = np.asarray(sampling.uniforms(np.arange(50), 2000))
    correlations = np.corrcoef(numbers) - np.eye(50)
    assert np.abs(correlations).max() < 0.1


def test_uniforms_of_neighbouring_cells_are_unrelated():
    numbers = np.asarray(sampling.uniforms(np.arange(2000), 50))
    correlations = np.corrcoef(numbers.T) - np.eye(50)
    assert np.abs(correlations).max() < 0.1


@pytest.mark.backends
def test_uniforms_are_frozen():
    # Written into users' seeds: these numbers must never change.
    numbers = np.asarray(sampling.uniforms(np.array([0, 1, 2**31 - 1]), 3))
    np.testing.assert_allclose(numbers, GOLDEN_UNIFORMS, atol=1e-7)


@pytest.mark.xla
def test_uniforms_do_not_depend_on_the_compiler():
    import tensorflow as tf

    seeds = np.arange(100, dtype="int32")
    plain = np.asarray(sampling.uniforms(seeds, 64))
    jit = tf.function(lambda s: sampling.uniforms(s, 64), jit_compile=True)
    np.testing.assert_array_equal(np.asarray(jit(seeds)), plain)


def test_uniforms_lie_below_one():
    numbers = np.asarray(sampling.uniforms(np.arange(1000), 100))
    assert numbers.min() >= 0 and numbers.max() < 1


@pytest.mark.backends
def test_sample_inverts_the_cumulative_distribution():
    logits = np.log([[0.2, 0.5, 0.3]])
    found = [draw(logits, u)[0] for u in (0.0, 0.19, 0.21, 0.69, 0.71, 0.999)]
    assert found == [0, 0, 1, 1, 2, 2]


@pytest.mark.backends
def test_sample_never_takes_an_impossible_token():
    logits = np.array([[-np.inf, 0.0, -np.inf]])
    assert {draw(logits, u)[0] for u in (0.0, 0.5, 0.9999999)} == {1}


def test_temperature_sharpens():
    logits = np.log([[0.4, 0.6]])
    # 0.4^2 / (0.4^2 + 0.6^2) = 0.307...
    assert draw(logits, 0.31, temperature=0.5)[0] == 1
    assert draw(logits, 0.30, temperature=0.5)[0] == 0


@pytest.mark.backends
def test_temperature_zero_is_greedy():
    logits = np.random.default_rng(0).normal(size=(20, 9))
    found = draw(logits, 0.99, temperature=0.0)
    np.testing.assert_array_equal(found, logits.argmax(axis=1))


@pytest.mark.backends
def test_temperature_zero_takes_the_first_of_equals():
    assert draw([[1.0, 2.0, 2.0]], 0.99, temperature=0.0)[0] == 1


def test_top_k_one_is_greedy():
    logits = np.random.default_rng(0).normal(size=(20, 9))
    found = draw(logits, 0.99, top_k=1)
    np.testing.assert_array_equal(found, logits.argmax(axis=1))


def test_top_k_keeps_the_k_likeliest():
    assert truncated([0.1, 0.4, 0.2, 0.3], top_k=2) == [0, 1, 0, 1]


@pytest.mark.backends
def test_top_p_keeps_the_smallest_nucleus():
    # Descending: 0.4, 0.3, 0.2, 0.1; 0.4 + 0.3 = 0.7 holds 0.6.
    assert truncated([0.1, 0.4, 0.2, 0.3], top_p=0.6) == [0, 1, 0, 1]


def test_top_p_of_almost_nothing_keeps_the_likeliest():
    assert truncated([0.1, 0.4, 0.2, 0.3], top_p=1e-6) == [0, 1, 0, 0]


def test_top_p_applies_to_what_top_k_left():
    # Top 2 leave 0.4 and 0.3: 0.4 is 57 % of that, which holds 55 %.
    assert truncated([0.1, 0.4, 0.2, 0.3], top_k=2, top_p=0.55) == [0, 1, 0, 0]


def test_truncation_off_keeps_all():
    assert truncated([0.1, 0.4, 0.2, 0.3]) == [1, 1, 1, 1]


def test_truncation_may_differ_by_row():
    p = np.array([[0.1, 0.6, 0.3]] * 2, "float32")
    kept = sampling.truncate(
        p, np.array([1, 3], "int32"), np.array([1.0, 1.0], "float32")
    )
    assert (np.asarray(kept) > 0).sum(axis=1).tolist() == [1, 3]


@pytest.mark.backends
def test_truncate_equals_sorting():
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.ones(300) * 0.1, size=50).astype("float32")
    k = generator.integers(1, 300, 50)
    kept = truncate(p, k.astype("int32"), np.ones(50, "float32"))
    least = np.sort(p, axis=1)[np.arange(50), 300 - k]
    np.testing.assert_array_equal(
        np.asarray(kept) > 0, (p >= least[:, None]) & (p > 0)
    )


@pytest.mark.parametrize("size", [1, 17, 32, 33, 1000])
def test_cumulative_sum_equals_cumsum(size):
    x = np.random.default_rng(0).random((3, size), "float32")
    found = sampling._cumulative_sum(ops.convert_to_tensor(x))
    np.testing.assert_allclose(np.asarray(found), x.cumsum(axis=1), rtol=1e-5)


def test_guidance_of_one_is_the_conditional():
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    found = guidance.guide(logits, np.ones(2, "float32"))
    np.testing.assert_allclose(np.asarray(found), logits[:2], atol=1e-6)


def test_guidance_moves_away_from_the_null():
    logits = np.array([[2.0], [1.0]], "float32")
    found = guidance.guide(logits, np.array([3.0], "float32"))
    assert np.asarray(found) == 4.0


@pytest.mark.backends
def test_guidance_makes_nothing_of_what_is_hardly_possible():
    asked, null = [5.0, 4.0, -2.0], [5.0, 4.5, -99.0]
    logits = np.array([asked, null], "float32")
    scale = ops.convert_to_tensor([3.0], "float32")
    found = guidance.guide(ops.convert_to_tensor(logits), scale)
    found = np.asarray(found)
    np.testing.assert_allclose(found[0, :2], [5.0, 3.0], atol=1e-5)
    assert found[0, 2] < -1e6


def test_plain_guidance_keeps_unlikely_tokens():
    logits = np.array([[5.0, 0.0, 1.0], [0.0, 0.0, 4.0]], "float32")
    found = guidance.guide(logits, np.array([3.0], "float32"), plain=True)
    np.testing.assert_allclose(found, [[15.0, 0.0, -5.0]])
