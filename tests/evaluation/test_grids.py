"""Tests of images over two arguments."""

import numpy as np
import pytest
from small_models import make_model

import keras_igpt
from keras_igpt.evaluation import grids
from keras_igpt.images.labelled_sheet import BESIDE, GAP


@pytest.fixture(scope="module")
def model(smallest):
    model = make_model(image_size=(4, 4), text_length=8)
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


def cells(sheet, rows, columns, side):
    """The images of a sheet, from its right lower corner."""
    return [
        [
            sheet[
                -(rows - i) * (side + GAP) :, -(columns - j) * (side + GAP) :
            ][:side, :side]
            for j in range(columns)
        ]
        for i in range(rows)
    ]


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (("labels", [0, 1, 2]), ("guidance_scale", [1, 3])),
        (("text", ["a", "b", None]), ("seed", [4, 5])),
        (("temperature", [0, 0.5, 1]), ("best_of", [1, 3])),
        (("top_k", [None, 1, 2]), ("jit_compile", [True, False])),
    ],
)
def test_each_image_is_that_of_its_row_and_column(model, rows, columns):
    asked = {"labels": 1} if rows[0] != "labels" else {}
    sheet = keras_igpt.grid(model, rows, columns, height=4, **asked)
    found = cells(sheet, 3, 2, 4)
    for i, row in enumerate(rows[1]):
        for j, column in enumerate(columns[1]):
            given = {"seed": 0, **asked, rows[0]: row, columns[0]: column}
            (wanted,) = model.generate(**given)
            np.testing.assert_array_equal(found[i][j], wanted.repeat(3, -1))


def test_as_few_batches_as_can_be(model, monkeypatch):
    batches = []

    def generate(**asked):
        batches.append(asked)
        return np.zeros((len(asked["seed"]), 4, 4, 1), "uint8")

    monkeypatch.setattr(
        type(model), "generate", lambda self, **a: generate(**a)
    )
    axes = ("labels", [0, 1]), ("guidance_scale", [1, 2, 3])
    keras_igpt.grid(model, *axes)
    assert len(batches) == 1 and len(batches[0]["labels"]) == 6
    keras_igpt.grid(model, axes[0], ("best_of", [1, 2]))
    assert len(batches) == 3


def test_models_are_an_axis(model):
    sheet = keras_igpt.grid(
        None, ("model", {"one": model, "two": model}), ("seed", [0, 1])
    )
    one, two = cells(sheet, 2, 2, 64)
    np.testing.assert_array_equal(one, two)


def test_labels_are_written_beside_and_above(model):
    sheet = keras_igpt.grid(model, ("labels", [0]), ("seed", [0, 1]))
    assert (sheet[:, :BESIDE] < 100).any() and (sheet[:16] < 100).any()


@pytest.mark.parametrize(
    ("rows", "columns", "asked"),
    [
        (("seed", []), ("labels", [0]), {}),
        (("text", "abc"), ("labels", [0]), {}),
        (("seed", [0]), ("seed", [1]), {}),
        (("seed", [0]), ("labels", [1]), {"labels": 2}),
    ],
)
def test_axes_are_checked(model, rows, columns, asked):
    with pytest.raises(ValueError, match="must (be a name|differ)"):
        grids.grid(model, rows, columns, **asked)
