"""Tests of what a worker does by itself: tokenizers that are made again."""

import json

import numpy as np
import pytest

import keras_igpt
from keras_igpt.data.shards import work
from keras_igpt.data.shards.fingerprint import tokenizer_fingerprint
from keras_igpt.data.shards.image_source import open_images
from keras_igpt.data.shards.manifest import describe
from keras_igpt.data.shards.worker import load_tokenizer

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), "uint8")

KINDS = {
    "palette": lambda: keras_igpt.PaletteTokenizer((16, 16), 4),
    "vq": lambda: keras_igpt.VQTokenizer((16, 16), 8, hidden_dim=8),
    "fsq": lambda: keras_igpt.VQTokenizer(
        (16, 16), 240, hidden_dim=8, quantizer="fsq"
    ),
    "conv": lambda: keras_igpt.ConvVQTokenizer(
        (16, 16), 8, cell_size=8, hidden_dim=8, multipliers=(1, 1, 1, 1)
    ),
}


def random_tokenizer(kind):
    """A tokenizer whose weights are drawn, which is as good as adapted."""
    tokenizer = KINDS[kind]()
    generator = np.random.default_rng(1)
    tokenizer.set_weights(
        [
            generator.normal(size=weight.shape, scale=0.5)
            for weight in tokenizer.get_weights()
        ]
    )
    tokenizer.adapted = True
    return tokenizer


def begun(tokenizer, out):
    """Writes a plan into a folder; returns what its workers are given."""
    source = open_images("digits", (16, 16, 3), ["test"])
    plan = work.new_plan(describe(tokenizer, data="digits"), source)
    work.begin(out, plan, source, tokenizer.get_weights())
    return (
        type(tokenizer),
        json.dumps(tokenizer.get_config()),
        str(out),
        plan.manifest.tokenizer_fingerprint,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_worker_makes_the_same_tokens(kind, tmp_path):
    tokenizer = random_tokenizer(kind)
    again = load_tokenizer(*begun(tokenizer, tmp_path))
    assert again is not tokenizer
    assert tokenizer_fingerprint(again) == tokenizer_fingerprint(tokenizer)
    np.testing.assert_array_equal(
        again.encode_all(IMAGES), tokenizer.encode_all(IMAGES)
    )


def test_tokenizer_is_loaded_once(tmp_path):
    asked = begun(random_tokenizer("palette"), tmp_path)
    assert load_tokenizer(*asked) is load_tokenizer(*asked)


def test_other_weights_are_refused(tmp_path):
    *asked, _ = begun(random_tokenizer("palette"), tmp_path)
    with pytest.raises(ValueError, match="Every worker must have the token"):
        load_tokenizer(*asked, "sha256:0")


def test_plan_is_read_as_it_was_written(tmp_path):
    tokenizer = random_tokenizer("palette")
    begun(tokenizer, tmp_path)
    plan = work.read_plan(tmp_path)
    assert plan.rows == {"test": 360}
    assert plan.manifest.image_size == (16, 16)
    assert plan.shards == [("test", 0)]
    assert plan.range("test", 0) == (0, 360)
