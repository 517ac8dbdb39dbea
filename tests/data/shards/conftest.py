"""Fixtures of shards: small rows, and a tokenizer that makes such."""

import numpy as np
import pytest

import keras_igpt
from keras_igpt.data.shards.manifest import describe
from keras_igpt.data.shards.writer import write_shards

NUM_ROWS = 23


@pytest.fixture(scope="session")
def tokenizer():
    """Grey pictures of 4x4 pixels, 300 levels: two bytes a token."""
    return keras_igpt.PaletteTokenizer((4, 4), 300, channels=1)


@pytest.fixture(scope="session")
def manifest(tokenizer):
    """Of five rows a shard, with all kinds of columns."""
    return describe(
        tokenizer,
        columns=("tokens", "label", "text", "group", "image"),
        class_names=("cat", "dog", "owl"),
        rows_per_shard=5,
    )


@pytest.fixture(scope="session")
def rows(tokenizer):
    """Dictionaries of what `manifest` names."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (NUM_ROWS, 4, 4, 1), dtype="uint8")
    tokens = tokenizer.encode_all(images)
    return [
        {
            "tokens": tokens[i],
            "label": i % 3,
            "text": f"{i} 只",
            "group": str(i // 4),
            "image": images[i],
        }
        for i in range(NUM_ROWS)
    ]


@pytest.fixture(scope="session")
def written(rows, manifest, tmp_path_factory):
    """A folder with these rows, not to be changed by a test."""
    folder = tmp_path_factory.mktemp("shards")
    write_shards(folder, "train", rows, manifest)
    return folder
