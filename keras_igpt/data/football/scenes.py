"""Football images with captions, drawn on demand: a data set without files.

An image is a function of the seed, the split and its number alone. Training
never shows some words (`is_held_out_word`) and some combinations of kit,
pattern, players and night (`is_held_out`); the test split shows only those.

    example = scenes.example("train", 0)     # a dictionary, see there
    drawn = scenes.draw({"kit": "red", "word": "GOAL", "board": "banner"})
"""

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_positive
from keras_igpt.data.football import canvas as football_canvas
from keras_igpt.data.football import players as football_players
from keras_igpt.data.football import stadium
from keras_igpt.data.football.captions import VOCABULARY, caption, check_facts

__all__ = [
    "SPLITS",
    "VOCABULARY",
    "WORDS",
    "caption",
    "example",
    "is_held_out",
    "is_held_out_word",
    "draw",
    "scenes",
]

# Number of images of each split in the TFDS data set; there is no limit.
SPLITS = {"train": 20_000, "validation": 500, "test": 1_000}

WORDS = (
    "ACE ARENA ASSIST ATTACK AWAY BACK BALL BENCH BEST BOOT BOOTS BRAVO "
    "CHEER CHIP CLUB COACH CORNER COVER CROSS CROWD CUP DEFEND DERBY DRAW "
    "DREAM DRIVE EXTRA FAIR FAN FANS FIELD FINAL FIRST FLAG FORM FOUL FREE "
    "GAME GLORY GOAL GOALS GRASS GREAT GROUP HAND HEADER HEART HERO HOME "
    "JUMP KEEPER KICK KING KIT LEAGUE LEGEND LINE LION LOB LOVE LUCKY MARK "
    "MATCH MEDAL NET NIGHT PARK PASS PITCH PLAY PLAYER POINT POST POWER "
    "PRESS PRIDE RACE RIVAL ROUND RUN SAVE SCORE SEASON SHIRT SHOOT SHOT "
    "SKILL SONG SPEED SPORT SQUAD STAND STAR STRIKE SUB SUPER TABLE TACKLE "
    "TEAM TICKET TIE TITLE TOP TRAIN TROPHY UNITED VICTOR WALL WIN "
    "WING WINNER WORLD"
).split()

_CONSONANTS, _VOWELS = "BCDFGHJKLMNPQRSTVWXYZ", "AEIOU"

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_BOARD_COLORS = {
    "none": ("light",),
    "banner": ("light", "dark"),
    "scoreboard": ("lamps",),
}

_BOARD_ROWS = {"banner": (8, 12), "scoreboard": (4, 8)}


def is_held_out_word(word: str) -> bool:
    """Whether training never shows a word: one in ten, by its CRC-32."""
    return zlib.crc32(word.encode()) % 10 == 0


def is_held_out(kit: str, pattern: str, players: int, night: bool) -> bool:
    """Whether training never shows a combination: 18 of the 144.

    Args:
        kit, pattern, players, night: as in `VOCABULARY`.

    Returns:
        bool. Every pair of values is still shown.
    """
    kit = VOCABULARY["kit"].index(kit)
    pattern = VOCABULARY["pattern"].index(pattern)
    return (kit + 3 * pattern + players + 4 * night) % 8 == 0


def scenes(
    split: str,
    count: int,
    start: int = 0,
    seed: int = 0,
    image_size: int = football_canvas.SIZE,
) -> Iterator[dict[str, Any]]:
    """Draws images of a split, one after the other.

    Args:
        split, seed, image_size: as `example` takes them.
        count: int. How many.
        start: int. Number of the first one.

    Returns:
        Iterator of dictionaries, see `example`.
    """
    for index in range(start, start + count):
        yield example(split, index, seed, image_size)


def example(
    split: str,
    index: int,
    seed: int = 0,
    image_size: int = football_canvas.SIZE,
) -> dict[str, Any]:
    """Draws one image of a split.

    Args:
        split: "train", "validation" or "test".
        index: int, from 0.
        seed: int. Another one makes another data set.
        image_size: int.

    Returns:
        Dictionary: what `draw` returns, the attributes as in
        `VOCABULARY`, "word" (str, "" if there is none), "text" (str; one in
        seven in training leaves facts out) and "twin_kit" (str).

    Raises:
        ValueError: if there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(
            f"`split` must be one of {list(SPLITS)}. Received: split={split!r}."
        )
    key = (seed, list(SPLITS).index(split), index)
    generator = np.random.default_rng(np.random.SeedSequence(key))
    facts = _draw_facts(split, generator)
    told = _draw_told(split, facts, generator)
    language = _pick(generator, VOCABULARY["language"])
    twin_kit = _draw_twin_kit(split, facts, generator)
    return {
        **facts,
        "language": language,
        "text": caption(told, language, generator),
        "twin_kit": twin_kit,
        **draw(facts, generator, image_size, twin_kit),
    }


def draw(
    facts: dict[str, Any],
    seed: int | np.random.Generator = 0,
    image_size: int = football_canvas.SIZE,
    twin_kit: str | None = None,
) -> dict[str, Array]:
    """Draws an image with given attributes; the rest is chosen by the seed.

    Args:
        facts: dict of attributes as in `VOCABULARY`, and "word".
        seed: int or `numpy.random.Generator`.
        image_size: int. Letters are sharp if it is a multiple of 64.
        twin_kit: str. Kit of the twin image. Default: no twin.

    Returns:
        Dictionary of uint8 arrays `(image_size, image_size, 3)`: "image",
        "layout" (flat colours `canvas.LABELS`), and
        "twin", the same with another kit, if asked for.

    Raises:
        ValueError: if an attribute or its value is unknown, or the word
            cannot be written with 6 letters or fewer.
    """
    check_facts(facts)
    check_positive("image_size", image_size)
    image_size = int(image_size)  # Pillow takes no number of NumPy
    generator = np.random.default_rng(seed)
    facts = _draw_facts("all", generator, facts)
    colors = _pick(generator, _BOARD_COLORS[facts["board"]])
    canvas = _draw(facts, generator)

    def colored(kit):
        palette = football_canvas.palette(kit, facts["night"], colors)
        return canvas.colored(palette, image_size)

    drawn = {
        "image": colored(facts["kit"]),
        "layout": canvas.labels(image_size),
    }
    if twin_kit is not None:
        drawn["twin"] = colored(twin_kit)
    return drawn


def _pick(generator, choices):
    return choices[generator.integers(len(choices))]


def _draw_facts(split, generator, given=()):
    """Attributes and word that a split may show, those given kept."""
    given = dict(given)
    while True:
        facts = {
            name: _pick(generator, VOCABULARY[name])
            for name in ("kit", "players", "ball", "goal", "night", "pose")
        }
        # Half of the kits are plain.
        facts["pattern"] = _pick(generator, ("plain", *VOCABULARY["pattern"]))
        facts |= given
        if _may_show(split, facts):
            break
    if not facts["ball"] and "pose" not in given:
        facts["pose"] = facts["pose"].replace("shooting", "running")
    if "board" not in facts:
        facts["board"] = _draw_board(generator, facts.get("word"))
    if "word" not in facts:
        facts["word"] = _draw_word(split, facts["board"], generator)
    return facts


def _draw_board(generator, word):
    share = generator.random()
    if word == "" or word is None and share < 0.15:
        return "none"
    return "banner" if share < 0.6 else "scoreboard"


def _may_show(split, facts, **changed):
    facts = {**facts, **changed}
    names = ("kit", "pattern", "players", "night")
    held_out = is_held_out(**{name: facts[name] for name in names})
    return split == "all" or held_out == (split == "test")


def _draw_word(split, board, generator):
    if board == "none":
        return ""
    is_score = board == "scoreboard" and generator.random() < 0.4
    while True:
        word = _draw_score(generator) if is_score else _draw_letters(generator)
        if split == "all" or is_held_out_word(word) == (split == "test"):
            return word


def _draw_score(generator):
    return "{}-{}".format(*generator.integers(0, 10, 2))


def _draw_letters(generator):
    """A football word (one in five), a pronounceable or any other word."""
    share = generator.random()
    if share < 0.2:
        return _pick(generator, WORDS)
    length = generator.integers(3, 7)
    kinds = (_LETTERS,) * 2
    if share < 0.6:
        kinds = (_CONSONANTS, _VOWELS)
    first = generator.integers(2)
    letters = (_pick(generator, kinds[(first + i) % 2]) for i in range(length))
    return "".join(letters)


def _draw_told(split, facts, generator):
    """The facts that the caption tells: in training not always all."""
    if split != "train" or generator.random() >= 0.15:
        return facts
    silent = generator.permutation(["ball", "goal", "night", "board"])
    silent = {*silent[: generator.integers(1, 4)]}
    if "board" in silent:
        silent.add("word")
    return {key: facts[key] for key in facts if key not in silent}


def _draw_twin_kit(split, facts, generator):
    while True:
        kit = _pick(generator, VOCABULARY["kit"])
        seen = split == "test" or _may_show(split, facts, kit=kit)
        if kit != facts["kit"] and seen:
            return kit


def _draw(facts, generator):
    """The canvas of an image."""
    places = stadium.HALFWAY_PLACES
    if facts["goal"]:
        places = stadium.GOAL_PLACES
    background = stadium.stadium(
        facts["night"],
        facts["goal"],
        _pick(generator, places),
        _pick(generator, stadium.STANDS),
        int(generator.integers(4)),
    )
    canvas = football_canvas.Canvas(background)
    if facts["board"] != "none":
        row = _pick(generator, _BOARD_ROWS[facts["board"]])
        stadium.draw_board(canvas, facts["board"], facts["word"], row)
    players = football_players.line_up(
        facts["players"], facts["pose"], generator
    )
    ball = None
    if facts["ball"]:
        ball = football_players.place_ball(players)
    football_players.draw_all(canvas, players, facts["pattern"], ball)
    return canvas
