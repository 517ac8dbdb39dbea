"""Tests of who does which part."""

import numpy as np
import processes
import pytest

from keras_igpt.training.batches import TokenBatches
from keras_igpt.training.distributed import workers


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_parts_are_the_whole(count):
    rows = np.arange(11)
    parts = [workers.part_of(rows, index, count) for index in range(count)]
    np.testing.assert_array_equal(np.concatenate(parts), rows)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_one_process_is_the_chief():
    assert workers.is_chief(None)
    assert workers.data_part(None) == (0, 1)
    assert workers.num_replicas(None) == 1


def test_one_process_has_the_chiefs_values():
    assert workers.from_chief(None, 3) == 3
    workers.wait_for_all(None)


def draw(inputs, generator):
    return {
        **inputs,
        "noise": generator.integers(9, size=len(inputs["tokens"])),
    }


@pytest.mark.parametrize("draws", [None, draw], ids=["plain", "drawn"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_workers_have_disjoint_parts_of_the_same_batch(count, draws):
    inputs = {"tokens": np.arange(24)[:, None]}
    whole = TokenBatches(inputs, 8, draw=draws)
    parts = []
    for index in range(count):
        batches = TokenBatches(inputs, 8, draw=draws)
        batches.worker = (index, count)
        batches.begin_epoch(3)
        parts.append(batches[1])
    whole.begin_epoch(3)
    expected, _ = whole[1]
    for name, rows in expected.items():
        found = np.concatenate([part[0][name] for part in parts])
        np.testing.assert_array_equal(found, rows)


def test_sizes_of_batches():
    inputs = {"tokens": np.zeros((10, 1))}
    assert TokenBatches(inputs, 4).sizes == {4}
    assert TokenBatches(inputs, 4, shuffle=False).sizes == {4, 2}
    assert TokenBatches(inputs, 16).sizes == {10}


SHARED = """
import keras, numpy as np
from keras_igpt.training.distributed import strategies, workers

strategy = strategies.new_strategy("multiworker")
index = workers.worker_index(strategy)
assert workers.data_part(strategy) == (index, 2)
weights = [
    keras.Variable(np.full((2, 3), 7 + index), dtype=dtype)
    for dtype in ("float32", "int32")
]
workers.share_weights(strategy, weights)
for weight in weights:
    assert np.all(weight.numpy() == 7), (index, weight)
workers.wait_for_all(strategy)
print("chief" if workers.is_chief(strategy) else "other")
"""


@pytest.mark.slow
def test_workers_get_the_chiefs_values():
    started = [
        processes.start(["-c", SHARED], TF_CONFIG=config)
        for config in processes.clusters(2)
    ]
    first, second = processes.finish(started)
    assert first.endswith("chief\n") and second.endswith("other\n")
