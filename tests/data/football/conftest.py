"""Fixtures of drawn football images."""

import pytest

from keras_igpt.data.football import scenes


@pytest.fixture(scope="session")
def examples():
    """Forty images of the training split."""
    return list(scenes.scenes("train", 40))


@pytest.fixture(scope="session")
def undrawn():
    """Many examples of every split, without their images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "draw", lambda *args: {})
        return {
            split: list(scenes.scenes(split, count))
            for split, count in (
                ("train", 2000),
                ("validation", 200),
                ("test", 300),
            )
        }
