"""Tests of `best_of`: candidates, of which the likeliest is kept."""

import numpy as np
import pytest
from small_models import ORDERS, make_model

from keras_igpt.generation.candidates import candidate_seeds, likeliest


def trained_somewhat(order):
    """An untrained model with an opinion of tokens."""
    model = make_model(image_size=(4, 4), edits=("denoise",), **ORDERS[order])
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


@pytest.fixture(scope="module", params=ORDERS)
def model(request):
    return trained_somewhat(request.param)


def candidates(model, seed, count):
    """Images of the seeds that one image's candidates have."""
    seeds = candidate_seeds(np.array([seed]), count)
    return model.generate(labels=[1] * count, seed=seeds.tolist())


def test_the_first_candidate_has_the_seed_of_the_image():
    seeds = candidate_seeds(np.array([5, 6], "int32"), 3)
    assert seeds[[0, 3]].tolist() == [5, 6]


def test_seeds_of_neighbours_candidates_differ():
    seeds = candidate_seeds(np.arange(1000, dtype="int32"), 64)
    assert len(set(seeds.tolist())) == 64_000 and seeds.min() >= 0


def test_the_least_nats_win_and_of_equals_the_first():
    tokens = np.arange(6)[:, None]
    nats = np.array([3.0, 1.0, 2.0, 4.0, 4.0, 5.0])
    assert likeliest(tokens, nats, 3)[:, 0].tolist() == [1, 3]


@pytest.mark.backends
def test_the_likeliest_candidate_is_kept(model):
    drawn = candidates(model, 7, 4)
    best = model.score(drawn, labels=[1] * 4).argmin()
    kept = model.generate(labels=1, seed=7, best_of=4)
    np.testing.assert_array_equal(kept[0], drawn[best])


def test_one_candidate_changes_nothing(model):
    np.testing.assert_array_equal(
        model.generate(labels=1, seed=7, best_of=1),
        model.generate(labels=1, seed=7),
    )


def test_an_image_does_not_depend_on_those_beside_it(model):
    together = model.generate(labels=1, num_images=5, seed=3, best_of=3)
    alone = model.generate(labels=1, seed=5, best_of=3)
    np.testing.assert_array_equal(together[2:3], alone)


def test_edits_keep_what_is_known(model):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, 4, 4, 1), "uint8")
    masks = np.zeros((4, 4), bool)
    masks[1:3, 1:3] = True
    found = model.edit(images, "inpaint", masks, seed=0, best_of=3)
    np.testing.assert_array_equal(found[:, ~masks], images[:, ~masks])


def test_edits_without_masks_have_candidates_too(model):
    images = np.full((2, 4, 4, 1), 99, "uint8")
    one, many = (
        model.edit(images, "denoise", seed=0, best_of=n) for n in (1, 8)
    )
    assert one.shape == many.shape and (one != many).any()


@pytest.mark.parametrize("best_of", [0, 65, 1.5])
def test_the_number_of_candidates_is_checked(model, best_of):
    with pytest.raises(ValueError, match="`best_of` must be"):
        model.generate(labels=1, best_of=best_of)
