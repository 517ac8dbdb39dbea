"""Tests of the figures about generated football images."""

import keras
import numpy as np
import pytest
from rich.console import Console

import keras_igpt
from keras_igpt.evaluation.football import report
from keras_igpt.evaluation.football.judge import ATTRIBUTES

pytest.importorskip("PIL")

NAMES = {*ATTRIBUTES, "word"}


def knowing(examples):
    """A judge whose answers are the facts of examples, whatever it sees."""

    def answer(images):
        return {
            name: np.array([example[name] for example in examples])
            for name in NAMES
        }

    return answer


@pytest.mark.parametrize(
    ("word", "wanted", "distance"),
    [
        ("GOAL", "GOAL", 0),
        ("", "GOAL", 4),
        ("GOALS", "GOAL", 1),
        ("GAL", "GOAL", 1),
        ("KITTEN", "SITTING", 3),
        ("AB", "BA", 2),
    ],
)
def test_edit_distance_matches_count_by_hand(word, wanted, distance):
    assert report.edit_distance(word, wanted) == distance
    assert report.edit_distance(wanted, word) == distance


def test_character_accuracy_is_floored():
    assert report.character_accuracy("ZZZZZZ", "CUP") == 0
    assert report.character_accuracy("CAP", "CUP") == pytest.approx(2 / 3)


def test_evaluate_marks_right_answers_as_right(scene_images, scenes):
    figures = report.evaluate(knowing(scenes), scene_images, scenes)
    assert set(figures) == {"all", "en", "zh"}
    for shares in figures.values():
        counted = shares.pop("pictures")
        assert counted > 0 and set(shares.values()) == {1.0}
    assert set(figures["all"]) == {
        *ATTRIBUTES,
        "characters",
        "words",
        "scores",
        "no_word",
    }


def test_evaluate_counts_by_hand():
    asked = [
        {"kit": "red", "word": "GOAL", "language": "en"},
        {"kit": "blue", "word": "CUP", "language": "zh"},
        {"word": "2-1", "language": "zh"},
        {"kit": "pink", "word": "", "language": "zh"},
    ]
    found = {name: np.zeros(4) for name in NAMES} | {
        "kit": np.array(["red", "red", "red", "pink"]),
        "word": np.array(["GOLD", "CUP", "2-7", ""]),
    }
    images = np.zeros((4, 64, 64, 3), "uint8")
    figures = report.evaluate(lambda images: found, images, asked)
    assert figures == {
        "all": {
            "pictures": 4,
            "kit": pytest.approx(2 / 3),
            "characters": 0.75,
            "words": 0.5,
            "scores": 0.0,
            "no_word": 1.0,
        },
        "en": {"pictures": 1, "kit": 1.0, "characters": 0.5, "words": 0.0},
        "zh": {
            "pictures": 3,
            "kit": 0.5,
            "characters": 1.0,
            "words": 1.0,
            "scores": 0.0,
            "no_word": 1.0,
        },
    }


def test_evaluate_names_wrong_number_of_examples(scene_images, scenes):
    with pytest.raises(ValueError, match="`examples` must be one per image"):
        report.evaluate(knowing(scenes), scene_images, scenes[:-1])


@pytest.fixture(scope="module")
def model():
    """A small model of football images that has learned nothing."""
    keras.utils.set_random_seed(0)
    tokenizer = keras_igpt.VQTokenizer((64, 64), 16, hidden_dim=8)
    # Codes at random, as if it were adapted.
    tokenizer.quantizer.start(np.random.default_rng(0).normal(size=(50, 8)))
    tokenizer.adapted = True
    return keras_igpt.ImageGPT(
        tokenizer,
        num_layers=1,
        num_heads=1,
        hidden_dim=16,
        text_length=80,
        edits=("restyle/layout",),
    )


@pytest.mark.slow
def test_report_and_table_have_all_figures(model, scenes):
    figures = report.report(
        model,
        knowing(scenes[:6]),
        count=6,
        guidance_scales=(1.0, 2.0),
        seed=3,
    )
    assert figures["count"] == 6 and set(figures["generated"]) == {1.0, 2.0}
    for kind in (
        figures["generated"][2.0],
        figures["decoded"],
        figures["real"],
    ):
        assert kind["all"]["pictures"] == 6
        assert 0 <= kind["all"]["kit"] <= 1
    assert figures["nats_per_picture"] > 0
    assert figures["unconditional_nats_per_picture"] > 0
    console = Console(record=True, width=80, quiet=True)
    console.print(report.table(figures))
    assert "…" not in console.export_text()


def test_report_of_a_model_without_captions_is_an_error(tiny_model):
    with pytest.raises(ValueError, match="`model` must take captions"):
        report.report(tiny_model, count=2)


@pytest.mark.slow
def test_conversions_have_figures_of_each_style(model, scenes):
    judge = knowing(scenes[:6])
    figures = report.conversions(model, judge, count=6)
    assert set(figures) == {"decoded", "layout, 1.0", "layout, 0.0"}
    assert figures["layout, 1.0"]["kit"] == 1.0
    assert figures["decoded"]["changed"] > 0
    console = Console(record=True, width=120, quiet=True)
    console.print(report.conversion_table(figures))


def test_conversions_need_a_model_that_has_learned_one(tiny_model):
    with pytest.raises(ValueError, match="restyle/layout"):
        report.conversions(tiny_model, count=2)
