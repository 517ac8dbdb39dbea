"""Tests of edits' numbers and of drawing them for training."""

import numpy as np
import pytest

from keras_igpt.edits.edit_set import EditSet
from keras_igpt.edits.kinds import EDITS

SHAPE = (8, 8, 3)
NAMES = ("inpaint", "colorize", "restyle/map", "restyle/kit")


@pytest.fixture
def inputs():
    generator = np.random.default_rng(0)
    images = generator.integers(1, 256, (2, 400, *SHAPE), dtype="uint8")
    return {
        "tokens": np.arange(400),
        "image": images[0],
        "other": images[1],
        "pair": np.tile([3, 4], 200),
    }


@pytest.fixture
def drawn(inputs):
    return EditSet(NAMES, SHAPE).draw(inputs, np.random.default_rng(0))


def test_edits_have_numbers_from_one():
    tasks = EditSet(NAMES, SHAPE)
    assert tasks.find("inpaint") == (EDITS["inpaint"], 1)
    assert tasks.find("restyle", "kit") == (EDITS["restyle"], 4)


@pytest.mark.parametrize(
    "wanted", [("upscale",), ("restyle", "x"), ("inpaint", "map")]
)
def test_unknown_edit_names_the_known_ones(wanted):
    with pytest.raises(ValueError, match="inpaint, colorize, restyle/map"):
        EditSet(NAMES, SHAPE).find(*wanted)


def test_one_of_several_styles_must_be_named():
    with pytest.raises(ValueError, match="which edit is meant: map, kit"):
        EditSet(NAMES, SHAPE).find("restyle")


def test_a_single_style_need_not_be_named():
    tasks = EditSet(["inpaint", "restyle/map"], SHAPE)
    assert tasks.find("restyle") == (EDITS["restyle"], 2)


@pytest.mark.parametrize("name", ["outpaint", "replace"])
def test_inpaint_has_other_names(name):
    assert EditSet(NAMES, SHAPE).find(name) == (EDITS["inpaint"], 1)


def test_draw_leaves_the_other_inputs(inputs, drawn):
    assert set(drawn) == {"tokens", "edit", "source"}
    np.testing.assert_array_equal(drawn["tokens"], inputs["tokens"])


def test_every_edit_is_drawn(drawn):
    assert set(drawn["edit"]) == {0, 1, 2, 3, 4}


def test_share_of_generation(drawn):
    assert 0.4 < (drawn["edit"] == 0).mean() < 0.6


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_of_edits(inputs, share):
    generator = np.random.default_rng(0)
    drawn = EditSet(NAMES, SHAPE).draw(inputs, generator, share=share)
    assert abs((drawn["edit"] > 0).mean() - share) < 0.1


def test_nothing_is_known_to_generate(drawn):
    assert not drawn["source"][drawn["edit"] == 0].any()


def test_pairs_show_the_other_image(inputs, drawn):
    paired = drawn["edit"] >= 3
    np.testing.assert_array_equal(
        drawn["source"][paired][..., :3], inputs["other"][paired]
    )
    np.testing.assert_array_equal(drawn["edit"][paired], inputs["pair"][paired])


def test_edits_show_the_image_itself(inputs, drawn):
    edited = drawn["edit"] == 1
    source = drawn["source"][edited]
    known = source[..., 3] == 255
    np.testing.assert_array_equal(
        source[known][:, :3], inputs["image"][edited][known]
    )


# Silence


@pytest.fixture
def said():
    """What is said of each of the 400 images, and what says nothing."""
    said = {"label": np.full(400, 2), "text": np.full((400, 5), 97)}
    nulls = {"label": np.array([9]), "text": np.zeros((1, 5), "int32")}
    return said, nulls


@pytest.fixture
def silenced(inputs, said):
    said, nulls = said
    generator = np.random.default_rng(0)
    return EditSet(NAMES, SHAPE).draw({**inputs, **said}, generator, nulls)


def test_half_of_the_edited_images_come_without_words(silenced):
    edited = np.isin(silenced["edit"], [1, 2])
    silent = silenced["label"][edited] == 9
    assert 0.35 < silent.mean() < 0.65


def test_all_that_is_said_falls_silent_at_once(silenced):
    silent = silenced["label"] == 9
    assert not silenced["text"][silent].any()
    assert (silenced["text"][~silent] == 97).all()


def test_pairs_and_images_to_generate_keep_what_is_said(silenced):
    kept = np.isin(silenced["edit"], [0, 3, 4])
    assert kept.any() and (silenced["label"][kept] == 2).all()
    assert (silenced["text"][kept] == 97).all()


def test_nothing_falls_silent_without_nulls(inputs, drawn, said):
    said, _ = said
    again = EditSet(NAMES, SHAPE).draw(
        {**inputs, **said}, np.random.default_rng(0)
    )
    for name, value in {**drawn, **said}.items():
        np.testing.assert_array_equal(again[name], value)


def test_silence_changes_no_edit_and_no_source(drawn, silenced):
    for name in ("tokens", "edit", "source"):
        np.testing.assert_array_equal(drawn[name], silenced[name])


# Columns and names


def test_columns_of_data_without_pairs_are_an_error():
    tasks = EditSet(("restyle",), SHAPE)
    with pytest.raises(ValueError, match="must be pairs of images"):
        tasks.column("other", {"image": np.zeros((1, *SHAPE))})


def test_column_of_pairs_has_their_numbers():
    tasks = EditSet(NAMES, SHAPE)
    images = np.zeros((2, *SHAPE))
    batch = {"image": images, "source": images, "style": ["kit", "map"]}
    assert tasks.column("pair", batch).tolist() == [4, 3]


def test_no_edits_need_no_columns():
    assert EditSet((), ()).columns == []


@pytest.mark.parametrize(
    ("names", "shape", "rule"),
    [
        (("generate",), SHAPE, "names of inpaint, upscale"),
        (("inpaint/a",), SHAPE, "names of inpaint"),
        (("upscale",), (7, 8, 3), "odd size"),
        (("colorize",), (8, 8, 1), "grey"),
    ],
)
def test_edits_that_do_not_fit_are_errors(names, shape, rule):
    with pytest.raises(ValueError, match=rule):
        EditSet(names, shape)
