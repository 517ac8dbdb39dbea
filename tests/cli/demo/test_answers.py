"""Tests of functions that gradio calls."""

import pytest

from keras_igpt.cli.demo import answers

# Importing gradio warns of libraries' own affairs.
pytestmark = pytest.mark.filterwarnings("default")


def test_mistakes_become_sentences():
    import gradio as gr

    def fail(count):
        raise ValueError("`count` must be <small>.")

    with pytest.raises(gr.Error) as caught:
        answers.answer(fail, {"count": None})(3)
    assert caught.value.message == "`count` must be &lt;small&gt;."


def test_values_come_by_the_names_of_their_fields():
    asked = answers.answer(lambda **v: v, {"edit": None, "layers": None})
    assert asked("inpaint", {"layers": [1]}) == {
        "edit": "inpaint",
        "layers": [1],
    }
    assert asked("inpaint", None)["layers"] is None
