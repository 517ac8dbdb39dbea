import pytest

from keras_igpt import generation


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
    assert generation.stretches(first, last, 512) == ends


def test_stretches_end_where_the_last_cell_needs_them_to():
    # A shorter last stretch, 256 to 300, is not visited for cell 199.
    assert generation.stretches(0, 200, 300) == [128, 256]


def test_stretches_of_a_small_grid_are_one():
    assert generation.stretches(0, 49, 49) == [49]
