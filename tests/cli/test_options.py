"""Tests of what commands share."""

import pytest

from keras_igpt.cli.options import numbers, print_figures


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1,2", (1, 2)), (" 3 , -4", (3, -4)), (None, None)],
)
def test_numbers_are_read(value, expected):
    assert numbers("--at", value, 2) == expected


@pytest.mark.parametrize("value", ["1", "1,2,3", "1,b", "1.5,2", ""])
def test_what_is_no_numbers_is_named_or_none(value):
    with pytest.raises(ValueError, match="`--at` must be 2 whole numbers"):
        numbers("--at", value, 2)
    assert numbers("--at", value, 2, optional=True) is None


def test_figures_that_were_not_measured_are_left_out(capsys):
    print_figures({"psnr": 31.256, "codes_used": 0.5})
    shown = capsys.readouterr().out
    assert "31.26" in shown and "50.0%" in shown
    assert "bits per pixel" not in shown
