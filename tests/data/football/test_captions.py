"""Tests of captions of football images."""

import itertools

import numpy as np
import pytest

from keras_igpt.data.football import canvas, captions, scenes, stadium
from keras_igpt.data.football import players as football_players

COMBINATION = ("kit", "pattern", "players", "night")


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


def test_vocabulary_matches_what_can_be_drawn():
    vocabulary = captions.VOCABULARY
    assert vocabulary["kit"] == tuple(canvas.KITS)
    assert vocabulary["pose"] == tuple(football_players.POSES)
    assert set(stadium.STANDS) == {"flat", "bowl", "tiers"}
