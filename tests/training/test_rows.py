"""Tests of rows that are read when they are asked for, and their batches."""

import threading

import numpy as np
import pytest
from scipy import stats

from keras_igpt.training.batches import BLOCK, TokenBatches
from keras_igpt.training.permutation import Permutation
from keras_igpt.training.reading_ahead import ReadingAhead
from keras_igpt.training.rows import ArrayRows, StoredRows


def columns(count=50):
    return {"tokens": np.arange(count)[:, None], "label": np.arange(count) % 3}


def stored(count=50, seen=None):
    """Rows that are read from arrays, and say what was read."""
    whole = columns(count)

    def read(numbers):
        if seen is not None:
            seen.extend(numbers.tolist())
        return {name: array[numbers] for name, array in whole.items()}

    return StoredRows(count, read)


def tokens(batches):
    return [batches[i][1].ravel().tolist() for i in range(len(batches))]


# === Rows ===


@pytest.mark.parametrize(
    "chosen", [np.array([3, 1, 1]), slice(2, 9, 3), slice(None)], ids=str
)
def test_parts_are_those_of_arrays(chosen):
    one, two = (x.part(chosen) for x in (ArrayRows(columns()), stored()))
    assert len(one) == len(two)
    for name, array in one.columns.items():
        np.testing.assert_array_equal(two.columns[name], array)


def test_part_of_a_part_is_of_the_whole():
    order = Permutation(50, (1,))
    part = stored().part(order.window(10, 20)).part(np.array([0, 19]))
    expected = order[np.array([10, 29])]
    np.testing.assert_array_equal(part.columns["tokens"].ravel(), expected)


# === Batches of them ===


@pytest.mark.parametrize("shuffle", [True, False])
def test_stored_rows_come_as_those_in_memory_do(shuffle):
    some = [
        TokenBatches(rows, 8, shuffle, seed=3) for rows in (columns(), stored())
    ]
    for epoch in (0, 4):
        for batches in some:
            batches.begin_epoch(epoch)
        assert tokens(some[0]) == tokens(some[1])


def test_a_batch_is_the_same_wherever_one_begins():
    whole, later = (TokenBatches(stored(), 8, seed=3) for _ in range(2))
    whole.begin_epoch(2, step=12)
    later.begin_epoch(2, step=12, first=4)
    assert later.num_batches == 2
    assert later[1][1].tolist() == whole[5][1].tolist()


def test_a_new_epoch_drops_what_was_read_ahead():
    batches = TokenBatches(stored(), 8, seed=3)
    batches[0]
    batches.begin_epoch(1)
    expected = TokenBatches(columns(), 8, seed=3)
    expected.begin_epoch(1)
    assert tokens(batches) == tokens(expected)


def test_only_rows_of_the_next_batches_are_read():
    seen = []
    batches = TokenBatches(stored(1_000, seen), 8)
    batches[0]
    batches._ahead._threads.shutdown()
    assert 8 <= len(seen) <= 4 * 8


def test_split_of_stored_rows_shares_none():
    rest, aside = TokenBatches(stored(), 7).split(15)
    assert (rest.shuffle, aside.shuffle) == (True, False)
    found = [part.inputs["tokens"].ravel() for part in (rest, aside)]
    assert list(map(len, found)) == [35, 15]
    assert sorted(np.concatenate(found)) == list(range(50))


def test_weights_go_with_stored_rows():
    weights = np.arange(50, dtype="float32")
    batches = TokenBatches(stored(), 5, weights=weights)
    for part in batches.split(10):
        _, target, found = part[0]
        np.testing.assert_array_equal(found, target)


# === How well they are mixed ===


@pytest.mark.parametrize("seed", range(3))
def test_batches_of_rows_sorted_by_class_are_mixed(seed):
    """Neighbouring batches have the classes that random draws have."""
    count, classes, size = 8_000, 8, 40
    batches = TokenBatches({"tokens": np.zeros((count, 1))}, size, seed=seed)
    labels = np.arange(count) * classes // count
    table = [
        np.bincount(labels[batches.numbers(i)], minlength=classes)
        for i in range(len(batches))
    ]
    assert 0.001 < chance_of(np.array(table), count) < 0.999
    pairs = np.add(table[:-1:2], table[1::2])
    assert 0.001 < chance_of(pairs, count) < 0.999


def chance_of(table, count):
    """Of a table as even or more, where rows are parted at random."""
    batches, classes = table.shape
    mean = table.mean()
    # Without putting back, the squares are a little larger in the mean.
    squares = ((table - mean) ** 2 / mean).sum() * (count - 1) / count
    return stats.chi2.cdf(squares, (batches - 1) * (classes - 1))


# === Of several workers ===


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_workers_part_each_batch(workers):
    whole = TokenBatches(columns(), 12, seed=1)
    parts = [TokenBatches(stored(), 12, seed=1) for _ in range(workers)]
    for i, part in enumerate(parts):
        part.worker = (i, workers)
    found = [np.concatenate(rows).tolist() for rows in zip(*map(tokens, parts))]
    assert found == tokens(whole)


def test_another_part_is_not_what_was_read_ahead():
    batches = TokenBatches(stored(), 10, shuffle=False)
    batches[0]
    batches.worker = (1, 2)
    assert batches[1][1].ravel().tolist() == [15, 16, 17, 18, 19]


def test_a_worker_reads_its_own_rows_alone():
    seen = [], []
    for i in range(2):
        batches = TokenBatches(stored(seen=seen[i]), 10)
        batches.worker = (i, 2)
        tokens(batches)
    assert sorted(seen[0] + seen[1]) == list(range(50))


@pytest.mark.parametrize("workers", [1, 2, 3, 16])
def test_what_is_drawn_is_the_same_for_any_number_of_workers(workers):
    def draw(inputs, generator):
        drawn = generator.random(len(inputs["tokens"])) * 1e6
        return {**inputs, "drawn": drawn}

    def batches(seen=None):
        return TokenBatches(stored(300, seen), 150, seed=1, draw=draw)

    whole, seen = batches(), [[] for _ in range(workers)]
    parts = [batches(seen[i]) for i in range(workers)]
    for i, part in enumerate(parts):
        part.worker = (i, workers)
    for number in range(2):
        found = [part[number][0]["drawn"] for part in parts]
        expected = whole[number][0]["drawn"]
        assert len(np.unique(expected)) == 150
        np.testing.assert_array_equal(np.concatenate(found), expected)
    most = 150 / workers + 1 + 2 * BLOCK
    assert max(map(len, seen)) <= 2 * min(most, 150)


# === Reading ahead ===


def test_batches_are_read_before_they_are_asked_for():
    begun = threading.Event()

    def read(number):
        if number == 1:
            begun.set()
        return number

    ahead = ReadingAhead(read)
    assert ahead.get(0, end=5) == 0
    assert begun.wait(10)


def test_nothing_behind_the_end_is_read():
    seen = []
    ahead = ReadingAhead(lambda number: seen.append(number))
    for number in range(3):
        ahead.get(number, end=3)
    ahead._threads.shutdown()
    assert sorted(seen) == [0, 1, 2]


def test_errors_of_reading_are_raised_where_the_batch_is_asked_for():
    def read(number):
        if number == 1:
            raise ValueError("damaged")
        return number

    ahead = ReadingAhead(read)
    assert ahead.get(0, end=3) == 0
    with pytest.raises(ValueError, match="damaged"):
        ahead.get(1, end=3)
