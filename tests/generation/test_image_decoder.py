"""Tests of what guidance leads away from."""

import numpy as np
import pytest
from small_models import ORDERS, make_model


@pytest.fixture(scope="module", params=ORDERS)
def model(request):
    """An untrained model with an opinion of captions."""
    model = make_model(
        image_size=(4, 4),
        num_classes=0,
        text_length=8,
        plain_guidance=True,
        **ORDERS[request.param],
    )
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


@pytest.mark.backends
def test_away_from_what_is_asked_is_no_guidance(model):
    asked = {"text": ["ball", "goal"], "seed": 3}
    np.testing.assert_array_equal(
        model.generate(
            negative_text=["ball", "goal"], guidance_scale=3.0, **asked
        ),
        model.generate(**asked),
    )


def test_away_from_no_caption_is_plain_guidance(model):
    asked = {"text": "ball", "seed": 3, "num_images": 2, "guidance_scale": 3.0}
    np.testing.assert_array_equal(
        model.generate(negative_text="", **asked), model.generate(**asked)
    )


def test_edits_lead_away_too(model):
    images = np.full((2, 4, 4, 1), 99, "uint8")
    masks = np.ones((4, 4), bool)
    asked = {"text": "ball", "seed": 3, "guidance_scale": 3.0}
    one, two = (
        model.edit(images, "inpaint", masks, negative_text=text, **asked)
        for text in ("", "goal")
    )
    assert (one != two).any()


def test_candidates_are_judged_by_what_is_asked(model):
    asked = {"text": "ball", "seed": 3, "guidance_scale": 3.0, "best_of": 3}
    found = model.generate(negative_text="goal", **asked)
    assert found.shape == (1, 4, 4, 1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"negative_text": "a"}, "must come with a `guidance_scale`"),
        ({"negative_text": 7}, "`negative_text` must be"),
        ({"negative_text": "too long a text"}, "`negative_text` must have"),
        (
            {"negative_text": ["a", "b"], "text": list("abc")},
            "3 captions, 2 neg",
        ),
    ],
)
def test_what_cannot_be_avoided_is_refused(model, asked, message):
    with pytest.raises(ValueError, match=message):
        model.generate(**asked)


def test_a_model_without_captions_avoids_none():
    with pytest.raises(ValueError, match="`negative_text` must be None"):
        make_model().generate(negative_text="a", guidance_scale=2.0)
