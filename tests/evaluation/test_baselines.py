"""Tests of the baselines without a model."""

import numpy as np
import pytest

from keras_igpt.edits.consistency import hidden, known_everywhere
from keras_igpt.evaluation import baselines
from keras_igpt.images import metrics

pytest.importorskip("cv2")


@pytest.fixture(params=[1, 3])
def images(request):
    """Smooth images, grey and in colour."""
    rows, columns = np.mgrid[:16, :16]
    ramp = np.stack([rows * 12, columns * 12, rows + 9 * columns], -1)
    return np.stack([ramp, 200 - ramp])[..., : request.param].astype("uint8")


def test_inpainted_keeps_what_is_known(images):
    masks = np.zeros((2, 16, 16), bool)
    masks[:, 5:9, 5:9] = True
    for filled in baselines.inpainted(images, masks).values():
        np.testing.assert_array_equal(filled[~masks], images[~masks])


def test_inpainted_continues_what_is_smooth(images):
    masks = np.zeros((2, 16, 16), bool)
    masks[:, 5:9, 5:9] = True
    shown = np.where(masks[..., None], 0, images)
    for filled in baselines.inpainted(shown, masks).values():
        assert (metrics.psnr(images, filled) > 30).all()


def test_enlarged_has_the_wanted_size(images):
    found = baselines.enlarged(images, (32, 48))
    assert [x.shape[1:3] for x in found.values()] == [(32, 48)] * 2


def test_denoised_is_nearer_to_the_truth(images):
    noise = np.random.default_rng(0).normal(0, 10, images.shape)
    noisy = np.clip(images + noise, 0, 255).astype("uint8")
    found = baselines.denoised(noisy, 10)
    before = metrics.psnr(images, noisy)
    assert (metrics.psnr(images, found) > before + 1).all()


def test_nearest_finds_the_image_itself():
    generator = np.random.default_rng(0)
    train = generator.integers(0, 256, (2500, 4, 4, 1), dtype="uint8")
    source = np.asarray(known_everywhere(train[[3, 2400]]))
    found = baselines.nearest(source, train)
    np.testing.assert_array_equal(found, train[[3, 2400]])


def test_nearest_looks_at_what_is_known_only():
    train = np.zeros((2, 4, 4, 1), "uint8")
    train[0, :2], train[1, 2:] = 200, 100
    masks = np.zeros((1, 4, 4), bool)
    masks[:, :2] = True
    wanted = np.full((1, 4, 4, 1), 100, "uint8")
    source = np.asarray(hidden(wanted, masks))
    found = baselines.nearest(source, train)
    np.testing.assert_array_equal(found, train[1:])


def test_nearest_looks_at_few_large_images_at_once(monkeypatch):
    seen = []

    def view(images):
        seen.append(len(images))
        return images

    monkeypatch.setattr(baselines, "CHUNK", 2 * 4 * 4 * 3)
    train = np.arange(5, dtype="uint8")[:, None, None, None] * 40
    train = np.broadcast_to(train, (5, 4, 4, 3))
    source = np.asarray(known_everywhere(train[3:4]))
    found = baselines.nearest(source, train, view)
    assert seen == [2, 2, 1]
    np.testing.assert_array_equal(found, train[3:4])


def test_nearest_compares_views():
    train = np.array([10, 200], "uint8").reshape(2, 1, 1, 1)
    source = np.asarray(known_everywhere(train[:1]))
    found = baselines.nearest(source, train, lambda images: 210 - images)
    assert found.item() == 200
