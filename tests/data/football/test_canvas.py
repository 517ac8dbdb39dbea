"""Tests of colours, maps of labels and twins."""

import numpy as np
import pytest
from small_models import shows

from keras_igpt.data.football import canvas, captions, scenes

LABELS = canvas.LABELS


def spread(mask):
    """A mask and the pixels beside it."""
    wide = np.pad(mask, 1)
    near = [wide[i : i + 64, j : j + 64] for i in range(3) for j in range(3)]
    return np.any(near, axis=0)


def test_image_is_the_same_at_every_size():
    large, small = (
        scenes.draw({}, image_size=size)["image"] for size in (128, 64)
    )
    means = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(means - small).max() <= 1


@pytest.mark.parametrize("kit", captions.VOCABULARY["kit"])
def test_plain_shirts_have_the_color_of_the_kit(kit):
    drawn = scenes.draw({"kit": kit, "pattern": "plain"})
    shirts = np.median(drawn["image"][shows(drawn["layout"], "shirt")], axis=0)
    distances = {
        name: np.abs(shirts - colors[0]).sum()
        for name, colors in canvas.KITS.items()
    }
    assert min(distances, key=distances.get) == kit


def test_twin_differs_in_kits_alone(examples):
    for example in examples:
        body = [
            shows(example["layout"], label)
            for label in ("shirt", "shorts", "body")
        ]
        changed = (example["image"] != example["twin"]).any(-1)
        assert changed.sum() > 30
        assert not (changed & ~spread(np.any(body, axis=0))).any()


def test_twin_is_the_image_in_the_other_kit():
    facts = {"kit": "red", "board": "banner", "word": "CUP"}
    twin = scenes.draw(facts, 5, twin_kit="blue")["twin"]
    image = scenes.draw({**facts, "kit": "blue"}, 5)["image"]
    np.testing.assert_array_equal(twin, image)


def test_layout_has_flat_label_colors_only(examples):
    colors = {tuple(color) for color in LABELS.values()}
    for example in examples:
        assert set(map(tuple, example["layout"].reshape(-1, 3))) <= colors


def test_every_role_has_a_label():
    labels = np.frombuffer(canvas.label_palette(), "uint8")
    used = labels.reshape(-1, 3)[: canvas.Role.HAIR + 4]
    known = {tuple(color) for color in LABELS.values()}
    assert set(map(tuple, used)) <= known
