"""Tests of the words of the demo's page."""

import pathlib
import re

import pytest

from keras_igpt.cli import demo
from keras_igpt.cli.demo import texts
from keras_igpt.edits.edit_set import EDITS

# Importing gradio warns of libraries' own affairs.
pytestmark = pytest.mark.filterwarnings("default")


def test_languages_say_the_same():
    english = texts.TEXTS["en"]
    for language, table in texts.TEXTS.items():
        assert table.keys() == english.keys(), language
        assert all(words.strip() for words in table.values()), language


def test_translated_words_are_translated():
    chinese = texts.TEXTS["zh-CN"]
    same = {
        key for key, said in texts.TEXTS["en"].items() if said == chinese[key]
    }
    assert same == {"top_k", "top_p"}


def test_all_words_are_used():
    folder = pathlib.Path(demo.__file__).parent
    code = "".join(
        path.read_text("utf-8")
        for path in folder.glob("*.py")
        if path.name != "texts.py"
    )
    said = {*re.findall(r"\w+", code), *EDITS}
    parts = ("caption_", "class_", "_info")
    unused = {
        key
        for key in texts.TEXTS["en"]
        if key not in said and not any(part in key for part in parts)
    }
    assert not unused


def test_strange_words_are_named():
    with pytest.raises(ValueError, match="`key` must be one of"):
        texts.text("nothing")
