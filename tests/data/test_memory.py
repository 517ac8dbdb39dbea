"""Tests of what memory can hold."""

import pytest

from keras_igpt.data import memory


@pytest.fixture
def four_gib(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2**32)


def test_memory_of_this_machine_is_known():
    assert 2**28 < memory.memory_bytes() < 2**50


def test_the_smaller_limit_of_a_container_counts(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1048576\n")
    monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max",))
    assert memory.memory_bytes() == 2**20


def test_no_limit_of_a_container_is_none(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max",))
    assert memory.memory_bytes() > 2**20


def test_more_than_half_of_the_memory_is_refused(four_gib):
    memory.check_memory(1_000_000, 2_000)
    with pytest.raises(ValueError, match="2.0 GiB. Received: 1000000 images"):
        memory.check_memory(1_000_000, 3_000)


def test_an_unknown_number_is_not_refused(four_gib):
    memory.check_memory(None, 2**40)
