"""Tests of players and ball."""

import numpy as np
import pytest
from small_models import shows

from keras_igpt.data.football import captions
from keras_igpt.data.football import players as football_players


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
