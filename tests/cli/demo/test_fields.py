"""Tests of the fields of the demo's page, and of what models make of them."""

import pytest
from small_models import ORDERS, make_caption_model, make_model

from keras_igpt.cli.demo import fields

# Importing gradio warns of libraries' own affairs.
pytestmark = pytest.mark.filterwarnings("default")

ASKED = {"text": "a", "negative_text": "b", "label": 1, "steps": 2, "seed": 3}


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (make_caption_model, {"text", "negative_text", "seed"}),
        (make_model, {"label", "seed"}),
        (lambda: make_model(**ORDERS["any"]), {"label", "steps", "seed"}),
    ],
)
def test_only_what_a_model_can_take_is_asked(model, wanted):
    assert set(fields.taken(model(), ASKED)) == wanted


def test_fields_follow_the_model():
    small, large = make_model(), make_caption_model()
    assert fields.properties("left", small)["maximum"] == 3
    assert fields.properties("left", large)["maximum"] == 7
    assert fields.properties("top_k", large)["maximum"] == 5
    assert fields.properties("text", large)["max_length"] == 40
    assert fields.properties("seed", large) == {}


def test_classes_are_called_by_their_names():
    model = make_model(class_names=["cat", "dog", "owl"])
    _, *choices = fields.properties("label", model)["choices"]
    assert choices == [("cat", 0), ("dog", 1), ("owl", 2)]
