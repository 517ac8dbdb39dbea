"""Tests of the decoding loop."""

import numpy as np
import pytest

from keras_igpt.generation import loop
from keras_igpt.generation.settings import check_settings


@pytest.mark.parametrize(
    "first, last, ends",
    [
        (0, 512, [128, 256, 384, 512]),
        (128, 512, [256, 384, 512]),
        (100, 130, [128, 256]),
        (0, 0, []),
        (511, 512, [512]),
    ],
)
def test_stretches_lead_from_first_to_last(first, last, ends):
    assert loop.stretches(first, last, 512) == ends


def test_stretches_end_where_the_last_cell_needs_them_to():
    # A shorter last stretch, 256 to 300, is not visited for cell 199.
    assert loop.stretches(0, 200, 300) == [128, 256]


def test_stretches_of_a_small_grid_are_one():
    assert loop.stretches(0, 49, 49) == [49]


def test_stretches_of_few_rows_are_longer():
    assert loop.stretches(0, 256, 256, rows=16) == [256]
    assert loop.stretches(0, 256, 256, rows=17) == [128, 256]


@pytest.mark.parametrize("length, found", [(3, True), (4, False)])
def test_a_run_is_known_to_all_images(length, found):
    known = np.ones((2, 9), bool)
    known[0, 3] = known[1, 5] = False
    assert loop.has_run(known, length) == found


@pytest.mark.backends
@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_reading_runs_at_once_changes_no_token(
    tiny_model, guidance_scale, monkeypatch
):
    known = np.zeros((2, tiny_model.num_cells), bool)
    known[:, 2:9] = known[:, 11:15] = known[0, 9] = True
    tokens = np.random.default_rng(0).integers(0, 5, known.shape, "int32")
    generated, reads = [], []
    for run in (1, 4):
        monkeypatch.setattr(loop, "RUN", run)
        write = loop.next_logits
        monkeypatch.setattr(
            loop,
            "next_logits",
            lambda *args: reads.append(args[5:]) or write(*args),
        )
        conditions = tiny_model.null_conditions(2)
        settings = check_settings(
            2, tiny_model.vocabulary_size, guidance_scale=guidance_scale, seed=3
        )
        decoder = loop.Decoder(tiny_model, guidance_scale != 1, True)
        found = decoder(conditions, tokens, known, tokens[:, :0], 16, settings)
        generated.append(np.asarray(found))
        monkeypatch.undo()
    assert (4,) in reads
    np.testing.assert_array_equal(*generated)
    np.testing.assert_array_equal(generated[0][known], tokens[known])
