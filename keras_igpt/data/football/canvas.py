"""The paper of football images: a canvas of roles, and colours for roles.

An image is drawn once, as numbers that say what is there (`Role`). Colours
come last, from a palette: so day and night, a kit and its twin, and the map
of labels are the same drawing, pixel for pixel.

Coordinates are those of an image of 64x64, x to the right and y down; the
canvas has `SCALE` times as many pixels, for smooth edges after averaging.
"""

import enum
import functools
from collections.abc import Iterable

import numpy as np

from keras_igpt.annotations import Array

# Where something is: x and y.
Point = tuple[float, float]

SIZE = 64

SCALE = 4

NUM_SKIES, NUM_CROWDS, NUM_SKINS, NUM_HAIRS = 8, 6, 4, 4


class Role(enum.IntEnum):
    """What a pixel of the canvas shows; some have several shades."""

    SKY = 0  # and the next ones, from the top down
    CLOUD = 8
    GLOW = 9
    HALO = 10
    LAMP = 11
    PYLON = 12
    ROOF = 13
    STAND = 14
    AISLE = 15
    CROWD = 16  # and the next ones
    HEAD = 22
    RAIL = 23
    WALL = 24
    GRASS = 25
    MOWN = 26
    SHADOW = 27
    LINE = 28
    NET_BACK = 29
    NET = 30
    POST = 31
    BOARD = 32
    FRAME = 33
    LETTER = 34
    OUTLINE = 35
    BOOT = 36
    SHIRT = 37
    TRIM = 38
    SHORTS = 39
    SOCKS = 40
    BALL = 41
    SPOT = 42
    RIM = 43
    SKIN = 44  # and the next ones
    HAIR = 48  # and the next ones


# Shirt and socks, second colour of stripes and hoops, shorts.
KITS = {
    "red": ((214, 30, 44), (250, 250, 250), (250, 250, 250)),
    "blue": ((28, 78, 216), (250, 250, 250), (250, 250, 250)),
    "white": ((250, 250, 250), (20, 140, 90), (40, 60, 110)),
    "yellow": ((255, 221, 30), (40, 44, 60), (30, 90, 190)),
    "black": ((42, 44, 54), (240, 240, 244), (250, 250, 250)),
    "orange": ((255, 128, 14), (250, 250, 250), (40, 44, 60)),
    "purple": ((122, 40, 168), (250, 250, 250), (250, 250, 250)),
    "pink": ((255, 142, 196), (130, 20, 84), (40, 44, 60)),
}

# Letters, board and frame.
BOARD_COLORS = {
    "light": ((18, 26, 70), (250, 250, 244), (18, 26, 70)),
    "dark": ((255, 255, 255), (22, 40, 110), (235, 238, 245)),
    "lamps": ((255, 226, 90), (16, 18, 24), (120, 126, 140)),
}

_DAY = {
    Role.CLOUD: (250, 252, 255),
    Role.GLOW: (176, 218, 246),
    Role.HALO: (220, 238, 250),
    Role.LAMP: (232, 238, 244),
    Role.PYLON: (104, 112, 128),
    Role.ROOF: (66, 76, 100),
    Role.STAND: (122, 130, 150),
    Role.AISLE: (160, 166, 182),
    Role.HEAD: (228, 184, 150),
    Role.RAIL: (238, 240, 244),
    Role.WALL: (52, 78, 140),
    Role.GRASS: (98, 186, 82),
    Role.MOWN: (80, 168, 70),
    Role.SHADOW: (54, 128, 54),
    Role.LINE: (250, 253, 250),
    Role.NET_BACK: (92, 124, 128),
}

_NIGHT = {
    Role.CLOUD: (38, 46, 86),
    Role.GLOW: (60, 72, 122),
    Role.HALO: (150, 162, 204),
    Role.LAMP: (255, 252, 224),
    Role.PYLON: (72, 80, 104),
    Role.ROOF: (24, 28, 48),
    Role.STAND: (44, 50, 78),
    Role.AISLE: (64, 70, 100),
    Role.HEAD: (134, 110, 112),
    Role.RAIL: (150, 158, 182),
    Role.WALL: (26, 38, 84),
    Role.GRASS: (48, 136, 74),
    Role.MOWN: (38, 118, 66),
    Role.SHADOW: (20, 80, 50),
    Role.LINE: (222, 238, 228),
    Role.NET_BACK: (40, 66, 82),
}

_ALWAYS = {
    Role.NET: (236, 242, 244),
    Role.POST: (255, 255, 255),
    Role.OUTLINE: (22, 26, 36),
    Role.BOOT: (26, 26, 32),
    Role.BALL: (255, 255, 255),
    Role.SPOT: (30, 32, 40),
    Role.RIM: (22, 26, 36),
}

_CROWD = np.array(
    [
        (206, 84, 78),
        (240, 206, 112),
        (84, 122, 190),
        (240, 242, 244),
        (66, 72, 96),
        (226, 150, 92),
    ]
)

_SKINS = [(250, 210, 172), (232, 178, 132), (176, 118, 76), (112, 72, 48)]

_HAIRS = [(48, 34, 26), (24, 22, 26), (120, 74, 32), (226, 182, 88)]

_SKIES = {  # top and bottom
    False: ((84, 164, 236), (204, 234, 250)),
    True: ((8, 12, 34), (38, 50, 100)),
}

# The map of labels: one flat colour for each kind of thing.
LABELS = {
    "sky": (135, 206, 235),
    "stands": (128, 128, 128),
    "pitch": (0, 128, 0),
    "line": (255, 255, 255),
    "goal": (0, 255, 255),
    "board": (0, 0, 128),
    "word": (255, 255, 0),
    "shirt": (255, 0, 0),
    "shorts": (255, 128, 0),
    "body": (255, 192, 203),
    "ball": (255, 0, 255),
}

_ROLES_OF_LABEL = {
    "sky": ["CLOUD", "GLOW", "HALO", "LAMP", "PYLON"],
    "stands": ["ROOF", "STAND", "AISLE", "HEAD", "RAIL", "WALL"],
    "pitch": ["GRASS", "MOWN", "SHADOW"],
    "line": ["LINE"],
    "goal": ["NET_BACK", "NET", "POST"],
    "board": ["BOARD", "FRAME"],
    "word": ["LETTER"],
    "shirt": ["SHIRT", "TRIM"],
    "shorts": ["SHORTS"],
    "body": ["OUTLINE", "BOOT", "SOCKS"],
    "ball": ["BALL", "SPOT", "RIM"],
}


@functools.cache
def palette(kit: str, night: bool, board: str) -> bytes:
    """Colours of all roles, as `Canvas.colored` takes them.

    Args:
        kit: str, one of `KITS`.
        night: bool.
        board: str, one of `BOARD_COLORS`.

    Returns:
        bytes, red, green and blue of the roles in their order.
    """
    colors = np.zeros((256, 3), int)
    for role, color in {**_ALWAYS, **(_NIGHT if night else _DAY)}.items():
        colors[role] = color
    colors[Role.SKY : Role.SKY + NUM_SKIES] = np.linspace(
        *_SKIES[night], NUM_SKIES
    )
    # At night the crowd is dim and bluish.
    crowd = _CROWD * (0.42, 0.42, 0.55) if night else _CROWD
    colors[Role.CROWD : Role.CROWD + NUM_CROWDS] = crowd
    colors[Role.SKIN : Role.SKIN + NUM_SKINS] = _SKINS
    colors[Role.HAIR : Role.HAIR + NUM_HAIRS] = _HAIRS
    shirt, trim, shorts = KITS[kit]
    colors[[Role.SHIRT, Role.SOCKS]] = shirt
    colors[Role.TRIM], colors[Role.SHORTS] = trim, shorts
    colors[[Role.LETTER, Role.BOARD, Role.FRAME]] = BOARD_COLORS[board]
    return colors.astype("uint8").tobytes()


@functools.cache
def label_palette() -> bytes:
    """Colours of the map of labels, as `Canvas.labels` takes them."""
    colors = np.zeros((256, 3), "uint8")
    for label, names in _ROLES_OF_LABEL.items():
        colors[[Role[name] for name in names]] = LABELS[label]
    colors[Role.SKY : Role.SKY + NUM_SKIES] = LABELS["sky"]
    colors[Role.CROWD : Role.CROWD + NUM_CROWDS] = LABELS["stands"]
    colors[Role.SKIN : Role.SKIN + NUM_SKINS] = LABELS["body"]
    colors[Role.HAIR : Role.HAIR + NUM_HAIRS] = LABELS["body"]
    return colors.tobytes()


class Canvas:
    """A drawing of roles.

    Args:
        copied: Canvas to start from. Default: an empty one.
    """

    def __init__(self, copied: "Canvas | None" = None):
        from PIL import Image, ImageDraw

        side = SIZE * SCALE
        self.image = copied.image.copy() if copied else None
        self.image = self.image or Image.new("L", (side, side))
        self._draw = ImageDraw.Draw(self.image)

    def box(
        self, left: float, top: float, right: float, bottom: float, role: int
    ) -> None:
        """Fills a rectangle; `right` and `bottom` are just outside."""
        left, top, right, bottom = (
            round(SCALE * side) for side in (left, top, right, bottom)
        )
        if right > left and bottom > top:
            self._draw.rectangle((left, top, right - 1, bottom - 1), int(role))

    def polygon(self, points: Iterable[Point], role: int) -> None:
        """Fills the shape between points `(x, y)`."""
        self._draw.polygon([(SCALE * x, SCALE * y) for x, y in points], role)

    def disc(
        self,
        x: float,
        y: float,
        radius: float,
        role: int,
        height: float | None = None,
    ) -> None:
        """Fills a circle, or an ellipse of half the `height`."""
        x, y, wide = SCALE * x, SCALE * y, SCALE * radius
        high = wide if height is None else SCALE * height
        self._draw.ellipse((x - wide, y - high, x + wide, y + high), int(role))

    def ring(
        self,
        x: float,
        y: float,
        radius: float,
        height: float,
        role: int,
        width: float,
    ) -> None:
        """Draws an ellipse as a line of `width`."""
        x, y, wide, high = (SCALE * v for v in (x, y, radius, height))
        box = (x - wide, y - high, x + wide, y + high)
        self._draw.ellipse(box, outline=int(role), width=round(SCALE * width))

    def line(self, points: Iterable[Point], role: int, width: float) -> None:
        """Draws straight lines from point to point."""
        points = [(SCALE * x, SCALE * y) for x, y in points]
        self._draw.line(points, int(role), max(1, round(SCALE * width)))

    def limb(self, start: Point, end: Point, role: int, width: float) -> None:
        """Draws a line with round ends."""
        self.line((start, end), role, width)
        for x, y in (start, end):
            self.disc(x, y, width / 2 - 0.1, role)

    def ink(self, marks: Array, left: int, top: int, role: int) -> None:
        """Fills pixels of the image.

        Args:
            marks: bool array of shape `(height, width)`.
            left, top: int. Where the array's corner goes.
            role: Role.
        """
        from PIL import Image

        marks = np.uint8(marks * 255).repeat(SCALE, 0).repeat(SCALE, 1)
        corner = (left * SCALE, top * SCALE)
        self.image.paste(int(role), corner, Image.fromarray(marks))

    def colored(self, colors: bytes, image_size: int = SIZE) -> Array:
        """The image, smooth.

        Args:
            colors: bytes, from `palette`.
            image_size: int.

        Returns:
            uint8 array of shape `(image_size, image_size, 3)`.
        """
        image = self.image.copy()
        image.putpalette(colors)
        return _resized(image.convert("RGB"), image_size)

    def labels(self, image_size: int = SIZE) -> Array:
        """The map of labels, with hard edges; as `colored`."""
        from PIL import Image

        side = (image_size, image_size)
        image = self.image.resize(side, Image.Resampling.NEAREST)
        image.putpalette(label_palette())
        return np.asarray(image.convert("RGB"))


def _resized(image, image_size):
    from PIL import Image

    if image.width % image_size == 0:
        return np.asarray(image.reduce(image.width // image_size))
    side = (image_size, image_size)
    return np.asarray(image.resize(side, Image.Resampling.BOX))
