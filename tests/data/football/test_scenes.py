"""Tests of the drawn football images, their captions and their splits."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from keras_igpt import data
from keras_igpt.data.football import canvas, captions, scenes, stadium
from keras_igpt.data.football import players as football_players
from keras_igpt.images import lettering

pytest.importorskip("PIL")

LABELS = canvas.LABELS
COMBINATION = ("kit", "pattern", "players", "night")


def run(program):
    """What a program prints."""
    return subprocess.check_output([sys.executable, "-c", program], text=True)


def shows(layout, label):
    """Where a map of labels has a label, bool `(height, width)`."""
    return (layout == LABELS[label]).all(-1)


def spread(mask):
    """A mask and the pixels beside it."""
    wide = np.pad(mask, 1)
    near = [wide[i : i + 64, j : j + 64] for i in range(3) for j in range(3)]
    return np.any(near, axis=0)


@pytest.fixture(scope="module")
def examples():
    """Forty images of the training split."""
    return list(scenes.scenes("train", 40))


@pytest.fixture(scope="module")
def undrawn():
    """Many examples of every split, without their images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "draw", lambda *args: {})
        return {
            split: list(scenes.scenes(split, count))
            for split, count in (
                ("train", 2000),
                ("validation", 200),
                ("test", 300),
            )
        }


# Glyphs


def test_glyphs_are_distinct():
    inks = {lettering.glyph(mark).tobytes() for mark in lettering.CHARACTERS}
    assert len(inks) == len(lettering.CHARACTERS) == 37


def test_glyphs_keep_last_row_and_column_free():
    for mark in lettering.CHARACTERS:
        ink = lettering.glyph(mark)
        assert ink.shape == (8, 8) and not ink[7].any() and not ink[:, 7].any()


def test_ink_of_word_is_its_glyphs_in_a_row():
    ink = lettering.ink_of("CUP")
    np.testing.assert_array_equal(ink[:, 8:16], lettering.glyph("U"))


@pytest.mark.parametrize("word", ["", "goal", "A B", "É"])
def test_ink_of_other_characters_is_named(word):
    with pytest.raises(ValueError, match="`word` must be made of"):
        lettering.ink_of(word)


# Images


@pytest.mark.parametrize("image_size", [32, 48, 64, 128])
def test_image_has_promised_arrays(image_size):
    drawn = scenes.draw({}, image_size=image_size, twin_kit="red")
    assert set(drawn) == {"image", "layout", "twin"}
    for image in drawn.values():
        assert image.dtype == np.uint8
        assert image.shape == (image_size, image_size, 3)


def test_image_has_no_twin_unless_asked_for():
    assert "twin" not in scenes.draw({})


def test_image_repeats_with_seed():
    one, two = (scenes.draw({}, seed=3)["image"] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_image_varies_with_seed():
    facts = {"kit": "red", "board": "banner", "word": "GOAL"}
    images = {scenes.draw(facts, s)["image"].tobytes() for s in range(9)}
    assert len(images) == 9


def test_image_is_the_same_at_every_size():
    large, small = (
        scenes.draw({}, image_size=size)["image"] for size in (128, 64)
    )
    means = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(means - small).max() <= 1


def test_word_is_written_in_cells_and_never_covered(examples):
    for example in examples:
        word = example["word"]
        if word:
            ink = shows(example["layout"], "word")
            left, right = 4 * (8 - len(word)), 4 * (8 + len(word))
            rows = (ink[row : row + 8, left:right] for row in (4, 8, 12))
            written = lettering.ink_of(word)
            assert ink.sum() == written.sum()
            assert any(np.array_equal(cells, written) for cells in rows)


def test_letters_have_sharp_edges(examples):
    for example in examples:
        ink = shows(example["layout"], "word")
        colors = np.unique(example["image"][ink], axis=0)
        assert len(colors) == (1 if example["word"] else 0)


def test_word_is_absent_without_board(examples):
    for example in examples:
        has_word = shows(example["layout"], "word").any()
        assert has_word == (example["board"] != "none")
        assert has_word == (example["word"] != "")


def test_ball_is_whole_where_there_is_one(examples):
    for example in examples:
        area = shows(example["layout"], "ball").sum()
        assert 24 <= area <= 46 if example["ball"] else area == 0


def test_ball_is_at_the_feet_of_the_nearest_player():
    for seed in range(30):
        generator = np.random.default_rng(seed)
        team = football_players.line_up(1 + seed % 3, "running", generator)
        x, y = football_players.place_ball(team)
        assert team[0].ground == max(player.ground for player in team)
        assert 0 < y + football_players.BALL_RADIUS - team[0].ground < 9
        assert abs(x - team[0].x) < 17.5 * team[0].scale


def test_ball_looks_the_same_to_patches_of_four_pixels():
    for seed in range(30):
        generator = np.random.default_rng(seed)
        team = football_players.line_up(1 + seed % 3, "running", generator)
        x, y = football_players.place_ball(team)
        assert (x % 4, y % 4) == (0, 0)


def test_ball_is_at_least_five_pixels_wide(examples):
    for example in examples:
        columns = shows(example["layout"], "ball").any(0).sum()
        assert columns >= 5 or not example["ball"]


def test_goal_is_there_when_said(examples):
    for example in examples:
        area = shows(example["layout"], "goal").sum()
        assert area > 100 if example["goal"] else area == 0


def test_sky_is_dark_at_night(examples):
    for example in examples:
        sky = shows(example["layout"], "sky")
        assert (example["image"][sky].mean() < 110) == example["night"]


@pytest.mark.parametrize("kit", captions.VOCABULARY["kit"])
def test_plain_shirts_have_the_color_of_the_kit(kit):
    drawn = scenes.draw({"kit": kit, "pattern": "plain"})
    shirts = np.median(drawn["image"][shows(drawn["layout"], "shirt")], axis=0)
    distances = {
        name: np.abs(shirts - colors[0]).sum()
        for name, colors in canvas.KITS.items()
    }
    assert min(distances, key=distances.get) == kit


@pytest.mark.parametrize("players", captions.VOCABULARY["players"])
def test_players_stand_apart(players):
    generator = np.random.default_rng(0)
    for _ in range(50):
        team = football_players.line_up(players, "running", generator)
        columns = sorted(player.x for player in team)
        assert len(team) == players
        assert all(np.diff(columns) >= 16)


def test_one_player_shoots_and_others_run():
    generator = np.random.default_rng(0)
    first, *others = football_players.line_up(3, "shooting", generator)
    assert first.pose in football_players.POSES["shooting"]
    for player in others:
        assert player.pose in football_players.POSES["running"]


def test_twin_differs_in_kits_alone(examples):
    for example in examples:
        body = [
            shows(example["layout"], label)
            for label in ("shirt", "shorts", "body")
        ]
        changed = (example["image"] != example["twin"]).any(-1)
        assert changed.sum() > 30
        assert not (changed & ~spread(np.any(body, axis=0))).any()


def test_twin_is_the_image_in_the_other_kit():
    facts = {"kit": "red", "board": "banner", "word": "CUP"}
    twin = scenes.draw(facts, 5, twin_kit="blue")["twin"]
    image = scenes.draw({**facts, "kit": "blue"}, 5)["image"]
    np.testing.assert_array_equal(twin, image)


def test_layout_has_flat_label_colors_only(examples):
    colors = {tuple(color) for color in LABELS.values()}
    for example in examples:
        assert set(map(tuple, example["layout"].reshape(-1, 3))) <= colors


def test_every_role_has_a_label():
    labels = np.frombuffer(canvas.label_palette(), "uint8")
    used = labels.reshape(-1, 3)[: canvas.Role.HAIR + 4]
    known = {tuple(color) for color in LABELS.values()}
    assert set(map(tuple, used)) <= known


@pytest.mark.parametrize(
    "facts, message",
    [
        ({"kit": "green"}, "'red', 'blue'.*'green'"),
        ({"players": 4}, r"\[1, 2, 3\].*4"),
        ({"colour": "red"}, "left out"),
        ({"word": "TOOLONG"}, "at most 6 characters.*TOOLONG"),
        ({"word": "goal"}, "at most 6 characters"),
        ({"board": "none", "word": "GOAL"}, "must be '' without a board"),
        ({"board": "banner", "word": ""}, "must be '' without a board"),
    ],
)
@pytest.mark.parametrize("take", [scenes.draw, captions.caption])
def test_facts_mistake_is_named(take, facts, message):
    with pytest.raises(ValueError, match=message):
        take(facts)


def test_image_size_may_be_a_number_of_numpy():
    drawn = scenes.draw({"players": np.int64(1)}, image_size=np.int64(32))
    assert drawn["image"].shape == drawn["layout"].shape == (32, 32, 3)


def test_image_rejects_image_size():
    with pytest.raises(ValueError, match="`image_size` must be"):
        scenes.draw({}, image_size=0)


def test_image_takes_word_without_board():
    layout = scenes.draw({"word": "GOAL"})["layout"]
    assert shows(layout, "word").sum() == lettering.ink_of("GOAL").sum()


# Captions


def all_facts():
    names = (*COMBINATION, "ball", "goal", "pose")
    for values in itertools.product(*map(captions.VOCABULARY.get, names)):
        yield dict(zip(names, values))


@pytest.mark.parametrize("language", captions.VOCABULARY["language"])
def test_captions_fit_eighty_bytes(language):
    generator = np.random.default_rng(0)
    boards = itertools.cycle(
        [("none", ""), ("banner", "STRIKE"), ("scoreboard", "UNITED")]
    )
    for facts, (board, word) in zip(all_facts(), boards):
        facts = {**facts, "board": board, "word": word}
        for chosen in (None, generator):
            text = captions.caption(facts, language, chosen)
            assert len(text.encode()) <= captions.MAX_BYTES


@pytest.mark.parametrize("language", captions.VOCABULARY["language"])
def test_plain_captions_tell_facts_apart(language):
    facts = [facts for facts in all_facts() if facts["pose"] == "standing"]
    texts = {captions.caption(each, language) for each in facts}
    assert len(texts) == len(facts) == 576


def test_plain_captions_read_well():
    facts = {"kit": "red", "pattern": "stripes", "players": 2, "ball": True}
    facts |= {"goal": False, "night": True, "board": "banner", "word": "GOAL"}
    assert captions.caption(facts) == (
        'Two red striped players, ball, no goal, night, banner "GOAL"'
    )
    assert captions.caption(facts, "zh") == (
        '两名红条纹球员，有球，无球门，夜晚，横幅"GOAL"'
    )


def test_caption_is_silent_about_missing_facts():
    facts = {"kit": "red", "players": 1}
    assert captions.caption(facts) == "One red player"
    assert captions.caption(facts, "zh") == "一名红衣球员"


def test_captions_vary_with_generator():
    generator = np.random.default_rng(0)
    facts = {"kit": "pink", "players": 3, "ball": True, "goal": True}
    texts = {captions.caption(facts, "en", generator) for _ in range(50)}
    assert len(texts) > 20


def test_captions_quote_the_word(undrawn):
    for example in undrawn["test"]:
        word, text = example["word"], example["text"]
        assert f'"{word}"' in text if word else '"' not in text


@pytest.mark.parametrize("name", ["ball", "goal", "night"])
def test_captions_of_test_tell_every_fact(undrawn, name):
    for example in undrawn["test"]:
        language, value = example["language"], example[name]
        phrases = captions._PHRASES[language][name][value]
        text = example["text"].lower()
        assert any(phrase in text for phrase in phrases), text


def test_some_captions_of_train_leave_facts_out(undrawn):
    silent = [
        example["word"] != "" and example["word"] not in example["text"]
        for example in undrawn["train"]
    ]
    assert 0.03 < np.mean(silent) < 0.12


def test_half_of_the_captions_are_chinese(undrawn):
    shares = [example["language"] == "zh" for example in undrawn["train"]]
    assert 0.45 < np.mean(shares) < 0.55


# Splits


def test_example_is_a_function_of_split_and_index():
    *_, last = scenes.scenes("test", 5)
    alone = scenes.example("test", 4)
    assert last["text"] == alone["text"]
    np.testing.assert_array_equal(last["image"], alone["image"])


def test_example_is_the_same_in_another_process():
    program = (
        "import zlib; from keras_igpt.data.football import scenes;"
        "e = scenes.example('train', 7);"
        "print(zlib.crc32(e['image'].tobytes()), ascii(e['text']))"
    )
    shown = {run(program), run(program)}  # each with other hashes of str
    assert len(shown) == 1


@pytest.mark.parametrize("split, seed", [("validation", 0), ("train", 1)])
def test_other_splits_and_seeds_have_other_images(split, seed):
    one = scenes.example("train", 0)["image"]
    assert (one != scenes.example(split, 0, seed)["image"]).any()


def test_unknown_split_is_named():
    with pytest.raises(ValueError, match="`split` must be.*'tset'"):
        scenes.example("tset", 0)


@pytest.mark.parametrize("split", scenes.SPLITS)
def test_held_out_combinations_are_in_test_only(undrawn, split):
    for example in undrawn[split]:
        facts = {name: example[name] for name in COMBINATION}
        assert scenes.is_held_out(**facts) == (split == "test")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_twins_keep_held_out_combinations_hidden(undrawn, split):
    for example in undrawn[split]:
        facts = {name: example[name] for name in COMBINATION}
        facts["kit"] = example["twin_kit"]
        assert not scenes.is_held_out(**facts)


@pytest.mark.parametrize("split", scenes.SPLITS)
def test_held_out_words_are_in_test_only(undrawn, split):
    for example in undrawn[split]:
        held_out = scenes.is_held_out_word(example["word"])
        assert example["word"] == "" or held_out == (split == "test")


def test_an_eighth_of_the_combinations_is_held_out():
    values = itertools.product(*map(captions.VOCABULARY.get, COMBINATION))
    assert sum(scenes.is_held_out(*each) for each in values) == 18


def test_every_pair_of_values_is_shown_in_training():
    values = itertools.product(*map(captions.VOCABULARY.get, COMBINATION))
    shown = [each for each in values if not scenes.is_held_out(*each)]
    for one, two in itertools.combinations(range(4), 2):
        pairs = itertools.product(
            captions.VOCABULARY[COMBINATION[one]],
            captions.VOCABULARY[COMBINATION[two]],
        )
        assert set(pairs) == {(each[one], each[two]) for each in shown}


def test_a_tenth_of_the_words_is_held_out():
    words = map("".join, itertools.product("ABCDEFGHIJ", repeat=4))
    share = np.mean([scenes.is_held_out_word(word) for word in words])
    assert 0.09 < share < 0.11


def test_football_words_are_in_both_splits():
    held_out = sum(scenes.is_held_out_word(word) for word in scenes.WORDS)
    assert 5 <= held_out <= len(scenes.WORDS) / 5


def test_vocabulary_matches_what_can_be_drawn():
    vocabulary = captions.VOCABULARY
    assert vocabulary["kit"] == tuple(canvas.KITS)
    assert vocabulary["pose"] == tuple(football_players.POSES)
    assert set(stadium.STANDS) == {"flat", "bowl", "tiers"}


def test_import_needs_neither_tfds_nor_pillow():
    program = (
        "import sys; import keras_igpt.data.football.scenes;"
        "print({'tensorflow_datasets', 'PIL', 'keras'} & set(sys.modules))"
    )
    assert run(program).strip() == "set()"


# TFDS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder of TFDS with a few football images."""
    tfds = pytest.importorskip("tensorflow_datasets")
    counts = {"train": 6, "validation": 2, "test": 4}
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("tfds"))
        patch.setattr(tfds.core.constants, "DATA_DIR", folder)
        patch.setattr(scenes, "SPLITS", counts)
        yield folder


def test_load_has_promised_spec(prepared):
    dataset = data.load("football", split="train", image_size=64)
    assert set(dataset.element_spec) == {"image", "label", "text"}
    assert dataset.image_shape == (64, 64, 3) and len(dataset) == 6
    assert dataset.class_names == list(captions.VOCABULARY["kit"])


@pytest.mark.parametrize("key, image_size", [("layout", None), ("twin", 32)])
def test_load_of_pairs_has_source(prepared, key, image_size):
    dataset = data.load(f"football/{key}", "test", image_size)
    images = {
        example[key].tobytes()
        for example in scenes.scenes("test", 4, image_size=64)
    }
    for example in data.load(f"football/{key}", "test"):
        assert example["source"].numpy().tobytes() in images
    side = image_size or 64
    assert dataset.element_spec["source"].shape == (side, side, 3)


def test_load_draws_large_images(prepared):
    dataset = data.load("football", "validation", image_size=128)
    shown = {example["image"].numpy().tobytes() for example in dataset}
    drawn = scenes.scenes("validation", 2, image_size=128)
    assert shown == {example["image"].tobytes() for example in drawn}


def test_load_wrong_split_lists_splits(prepared):
    with pytest.raises(ValueError, match="`split` must.*'tset'.*'train'"):
        data.load("football", split="tset")


def test_tfds_keeps_every_attribute(prepared):
    from keras_igpt.data.football import builder as football_builder

    builder = football_builder.Football(config="64")
    builder.download_and_prepare()
    features = builder.info.features
    read = {
        example["text"].decode(): example
        for example in builder.as_dataset(split="test").as_numpy_iterator()
    }
    for example in scenes.scenes("test", 4):
        stored = read[example["text"]]
        for name in (*captions.VOCABULARY, "twin_kit"):
            value = stored[name]
            if hasattr(features[name], "names"):
                value = features[name].int2str(value)
            assert value == example[name]
        assert stored["word"].decode() == example["word"]
