"""Captions of football images, in English and Chinese.

A caption is a few phrases, one for each fact, in one of several orders. It
says what is absent too, and has at most `MAX_BYTES` bytes of UTF-8, of which
a Chinese character takes three.
"""

from typing import Any

import numpy as np

from keras_igpt.images import lettering

MAX_BYTES = 80

# Every attribute of an image, but for its word, and the values it may have.
VOCABULARY = {
    "kit": (
        *("red", "blue", "white", "yellow"),
        *("black", "orange", "purple", "pink"),
    ),
    "pattern": ("plain", "stripes", "hoops"),
    "players": (1, 2, 3),
    "ball": (False, True),
    "goal": (False, True),
    "night": (False, True),
    "pose": ("standing", "running", "shooting", "jumping"),
    "board": ("none", "banner", "scoreboard"),
    "language": ("en", "zh"),
}

# For each fact the phrases to choose from, the plainest first.
_PHRASES = {
    "en": {
        "count": {1: ("one", "1"), 2: ("two", "2"), 3: ("three", "3")},
        "pattern": {
            "plain": ("{}", "plain {}"),
            "stripes": ("{} striped", "{}-striped"),
            "hoops": ("{} hooped", "{}-hooped"),
        },
        "wear": {
            "plain": ("{}", "plain {}", "{} shirts"),
            "stripes": ("{} stripes", "{} striped kit"),
            "hoops": ("{} hoops", "{} hooped kit"),
        },
        "pose": {pose: (pose,) for pose in VOCABULARY["pose"]},
        "ball": {
            True: ("ball", "a ball", "with a ball", "with ball"),
            False: ("no ball", "without a ball", "without ball"),
        },
        "goal": {
            True: ("goal", "a goal", "before a goal", "in front of a goal"),
            False: ("no goal", "without a goal", "without goal"),
        },
        "night": {
            True: ("night", "at night", "by night"),
            False: ("day", "by day", "in daylight", "daytime"),
        },
        "board": {
            "none": ("no sign", "no word", "without a sign"),
            "banner": ('banner "{}"', 'sign "{}"', 'banner says "{}"'),
            "scoreboard": ('scoreboard "{}"', 'sign "{}"', 'board says "{}"'),
            "any": ('sign "{}"', 'word "{}"'),
        },
    },
    "zh": {
        "kit": {
            **{"red": "红", "blue": "蓝", "white": "白", "yellow": "黄"},
            **{"black": "黑", "orange": "橙", "purple": "紫", "pink": "粉"},
        },
        "count": {
            1: ("一名", "一位", "一个", "1名"),
            2: ("两名", "两位", "两个", "2名"),
            3: ("三名", "三位", "三个", "3名"),
        },
        "pattern": {
            "plain": ("{}衣", "{}色", "纯{}", "穿{}衣的"),
            "stripes": ("{}条纹", "{}竖纹", "{}色条纹"),
            "hoops": ("{}横纹", "{}环纹", "{}色横纹"),
        },
        "pose": {
            "standing": ("站立", "站着"),
            "running": ("奔跑", "跑动"),
            "shooting": ("射门", "踢球"),
            "jumping": ("跳起", "跳跃"),
        },
        "ball": {
            True: ("有球", "有足球", "有一个球"),
            False: ("无球", "没有球", "没球"),
        },
        "goal": {
            True: ("有球门", "球门前"),
            False: ("无球门", "没有球门"),
        },
        "night": {
            True: ("夜晚", "夜间", "晚上"),
            False: ("白天", "日间"),
        },
        "board": {
            "none": ("无字", "没有字", "无标语"),
            "banner": ('横幅"{}"', '横幅写着"{}"', '写着"{}"', '标语"{}"'),
            "scoreboard": ('记分牌"{}"', '记分牌写着"{}"', '写着"{}"'),
            "any": ('写着"{}"', '有字"{}"'),
        },
    },
}

_ORDERS = (
    ("who", "ball", "goal", "night", "board"),
    ("night", "who", "ball", "goal", "board"),
    ("board", "who", "ball", "goal", "night"),
    ("who", "night", "goal", "ball", "board"),
    ("night", "board", "who", "goal", "ball"),
    ("board", "night", "who", "goal", "ball"),
)

# English phrases that follow without a comma.
_PREPOSITIONS = ("with", "at ", "by ", "in ", "before ")

_TRIES = 6


def caption(
    facts: dict[str, Any],
    language: str = "en",
    generator: np.random.Generator | None = None,
) -> str:
    """Says in words what an image shows.

    Args:
        facts: dict of attributes as in `VOCABULARY`, and "word". One that
            is missing is not mentioned; "pose" is not in a plain caption.
        language: "en" or "zh".
        generator: `numpy.random.Generator` to choose words and order with.
            Default: always the plainest.

    Returns:
        str of at most `MAX_BYTES` bytes in UTF-8.

    Raises:
        ValueError: if an attribute or its value is unknown, or the word
            cannot be drawn.
    """
    check_facts({**facts, "language": language})
    for _ in range(_TRIES if generator else 0):
        text = _compose(facts, language, generator)
        if len(text.encode()) <= MAX_BYTES:
            return text
    return _compose(facts, language, None)


def check_facts(facts: dict[str, Any]) -> None:
    """Raises unless all attributes and their values are known."""
    for name, value in facts.items():
        known = VOCABULARY.get(name)
        if name != "word" and (known is None or value not in known):
            rule = f"one of {list(known)}" if known else "left out"
            raise ValueError(
                f"`facts[{name!r}]` must be {rule}. "
                f"Received: facts[{name!r}]={value!r}. Choose from "
                "`keras_igpt.data.football.captions.VOCABULARY`."
            )
    _check_word(facts.get("word", ""), facts.get("board"), "word" in facts)


def _check_word(word, board, is_given):
    known = set(lettering.CHARACTERS)
    if not isinstance(word, str) or len(word) > 6 or not set(word) <= known:
        raise ValueError(
            "`facts['word']` must have at most 6 characters of "
            f"{lettering.CHARACTERS!r}. Received: facts['word']={word!r}."
        )
    if is_given and board and (board == "none") != (word == ""):
        raise ValueError(
            "`facts['word']` must be '' without a board, and only then. "
            f"Received: facts['board']={board!r}, facts['word']={word!r}."
        )


def _compose(facts, language, generator):
    phrases = {
        name: _pick(_PHRASES[language][name][facts[name]], generator)
        for name in ("ball", "goal", "night")
        if name in facts
    }
    phrases["board"] = _board_phrase(facts, language, generator)
    who = _english_who if language == "en" else _chinese_who
    phrases["who"] = who(facts, generator)
    order = _pick(_ORDERS, generator)
    chosen = [phrases[name] for name in order if phrases.get(name)]
    if language == "en":
        return _joined(chosen, phrases["who"])
    return "，".join(chosen)


def _board_phrase(facts, language, generator):
    board, word = facts.get("board"), facts.get("word")
    if word:
        board = board or "any"
    elif board != "none" and word is None:
        return ""
    else:
        board = "none"
    phrase = _pick(_PHRASES[language]["board"][board], generator)
    return phrase.format(word)


def _pick(choices, generator):
    if generator is None or len(choices) == 1:
        return choices[0]
    return choices[generator.integers(len(choices))]


def _chance(generator, share):
    return generator is not None and generator.random() < share


def _joined(phrases, who):
    """Commas, but "two players at night with a ball"."""
    text, runs_on = "", False
    for phrase in phrases:
        runs_on = runs_on and phrase.startswith(_PREPOSITIONS)
        text += (" " if runs_on else ", " if text else "") + phrase
        runs_on = runs_on or phrase == who
    return text[:1].upper() + text[1:]


def _english_who(facts, generator):
    words = _PHRASES["en"]
    kit, pattern = facts.get("kit", ""), facts.get("pattern", "plain")
    kinds = {"pattern": pattern, "wear": pattern}
    looks = {
        name: _pick(words[name][kind], generator).format(kit)
        for name, kind in kinds.items()
    }
    if "players" not in facts:
        return f"players in {looks['wear']}" if kit else ""
    count = _pick(words["count"][facts["players"]], generator)
    noun = "player" if facts["players"] == 1 else "players"
    pose = facts["pose"] if "pose" in facts and _chance(generator, 0.5) else ""
    if kit and _chance(generator, 0.4):
        parts = (count, pose, noun, "in", looks["wear"])
    else:
        parts = (count, looks["pattern"] if kit else "", noun, pose)
    return " ".join(part for part in parts if part)


def _chinese_who(facts, generator):
    words = _PHRASES["zh"]
    look = count = pose = ""
    if "kit" in facts:
        look = _pick(words["pattern"][facts.get("pattern", "plain")], generator)
        look = look.format(words["kit"][facts["kit"]])
    if "players" in facts:
        count = _pick(words["count"][facts["players"]], generator)
    if "pose" in facts and _chance(generator, 0.5):
        pose = _pick(words["pose"][facts["pose"]], generator)
    return f"{count}{look}球员{pose}" if look or count else ""
