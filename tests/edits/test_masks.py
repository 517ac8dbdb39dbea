"""Tests of masks as users give them and as training draws them."""

import numpy as np
import pytest

from keras_igpt.edits import masks
from keras_igpt.edits.masks import checked_masks, random_mask

IMAGES = np.zeros((2, 4, 6, 3), "uint8")


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_masks_hide_some_but_not_all(generator):
    shares = [random_mask((32, 32), generator).mean() for _ in range(400)]
    assert 0.1 < np.mean(shares) < 0.6 and max(shares) < 1


@pytest.mark.parametrize(
    "make", [masks._boxes, masks._strokes, masks._border, masks._half]
)
def test_every_kind_of_mask_hides(make, generator):
    assert any(make((16, 16), generator).any() for _ in range(5))


@pytest.mark.parametrize(
    "given",
    [
        np.eye(4, 6, dtype=bool),
        np.eye(4, 6),
        255 * np.eye(4, 6, dtype="uint8"),
        np.eye(4, 6)[None].repeat(2, axis=0),
        np.eye(4, 6, dtype=int)[..., None],
    ],
    ids=["bool", "float", "bytes", "one each", "channel"],
)
def test_masks_of_all_kinds_are_the_same(given):
    made = checked_masks(given, IMAGES, taken=True, needed=True)
    assert made.dtype == bool and made.shape == (2, 4, 6)
    np.testing.assert_array_equal(made, np.eye(4, 6, dtype=bool)[None] | made)
    assert made.sum() == 8


def test_half_grey_is_rounded():
    given = np.full((4, 6), 128, "uint8")
    given[0, 0] = 127
    assert checked_masks(given, IMAGES, taken=True, needed=True).sum() == 2 * 23


def test_mask_of_another_size_is_an_error():
    with pytest.raises(ValueError, match=r"the images' shape \(4, 6\)"):
        checked_masks(np.ones((6, 4)), IMAGES, taken=True, needed=True)


def test_mask_with_other_levels_is_an_error():
    with pytest.raises(ValueError, match="from 0 to 1 or 255"):
        checked_masks(-np.ones((4, 6)), IMAGES, taken=True, needed=True)


def test_missing_masks_are_errors():
    with pytest.raises(ValueError, match="`masks` must be given"):
        checked_masks(None, IMAGES, taken=True, needed=True)


def test_superfluous_masks_are_errors():
    with pytest.raises(ValueError, match="`masks` must be None"):
        checked_masks(np.ones((4, 6)), IMAGES, taken=False, needed=False)


def test_masks_may_be_left_out():
    assert checked_masks(None, IMAGES, taken=True, needed=False) is None


def test_empty_mask_is_a_warning():
    with pytest.warns(UserWarning, match="`masks` is empty"):
        checked_masks(np.zeros((4, 6)), IMAGES, taken=True, needed=True)
