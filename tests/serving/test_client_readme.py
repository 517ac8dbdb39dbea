"""Tests of the text that goes with an exported model."""

import json
import re

import pytest

from keras_igpt.serving import client_readme

SPECS = {
    "serving_default": {"text": "string"},
    "generate": {"text": "string", "seed": "int32", "top_k": "int32"},
}


@pytest.fixture
def text():
    return client_readme.text("football", SPECS)


def test_rest_rows_have_all_inputs(text):
    bodies = [json.loads(body) for body in re.findall("-d '(.*)'", text)]
    rows = [body["instances"][0] for body in bodies]
    assert [set(row) for row in rows] == [
        set(SPECS["serving_default"]),
        set(SPECS["generate"]),
    ]


def test_python_is_python(text):
    (code,) = re.findall("```python\n(.*?)```", text, re.DOTALL)
    compile(code, "client", "exec")
    assert "'Two red players" in code and '"football"' in code


def test_every_signature_is_listed(text):
    assert "- `generate`: `text` string, `seed` int32, `top_k` int32" in text
