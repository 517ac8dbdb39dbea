"""Commands are tested with the smallest of models."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def _smallest(smallest):
    return smallest
