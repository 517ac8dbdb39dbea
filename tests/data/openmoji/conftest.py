"""Fixtures of OpenMoji's drawings."""

import pytest

from keras_igpt.data.openmoji import drawings as openmoji_drawings


@pytest.fixture
def few(monkeypatch):
    """Sixty drawings instead of all, each by its code points."""
    drawings = []
    for split, step in (("train", 90), ("validation", 9), ("test", 23)):
        drawings += [
            each
            for each in openmoji_drawings.catalogue()
            if openmoji_drawings.split_of(each["concept"]) == split
        ][::step]
    monkeypatch.setattr(openmoji_drawings, "catalogue", lambda: drawings)
    return {each["hexcode"]: each for each in drawings}
