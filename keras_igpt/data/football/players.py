"""Players and ball: a few poses as joints, drawn as limbs, shirts and heads.

A pose is measured in pixels of an image of 64x64 for a player of height 27,
seen facing right: x forward and y up from the ground between the feet.
"""

import math
import typing

import numpy as np

from keras_igpt.data.football.canvas import (
    NUM_HAIRS,
    NUM_SKINS,
    SIZE,
    Canvas,
    Point,
    Role,
)
from keras_igpt.data.football.stadium import HORIZON

HEIGHT = 27

BALL_RADIUS = 3.25

BALL_GRID = 4

OUTLINE = 0.6

# Columns of one, two and three players, and how far they may be from there.
_COLUMNS = {1: ((32,), 11), 2: ((19, 45), 4), 3: ((11, 32, 53), 2)}


class Pose(typing.NamedTuple):
    """Joints `(x, y)` of the limbs; the far ones are drawn first."""

    far_arm: tuple  # elbow, hand
    near_arm: tuple
    far_leg: tuple  # knee, ankle
    near_leg: tuple
    lean: float = 0.0  # of the shoulders, forward
    lift: float = 0.0  # above the ground


POSES = {
    "standing": (
        Pose(
            ((5.4, 14.8), (5.6, 11.2)),
            ((-5.4, 14.8), (-5.6, 11.2)),
            ((2.3, 5.8), (2.4, 1.4)),
            ((-2.2, 5.8), (-2.4, 1.4)),
        ),
        Pose(
            ((7.4, 15.2), (4.4, 12.2)),
            ((-7.4, 15.2), (-4.4, 12.2)),
            ((2.5, 5.8), (2.9, 1.4)),
            ((-2.4, 5.8), (-2.9, 1.4)),
        ),
    ),
    "running": (
        Pose(
            ((4.6, 15.2), (7.4, 17.6)),
            ((-4.6, 15.6), (-6.8, 12.4)),
            ((-2.4, 6.2), (-6.6, 4.0)),
            ((4.4, 7.6), (3.8, 2.0)),
            lean=1.4,
        ),
        Pose(
            ((-4.2, 15.4), (-6.6, 13.0)),
            ((5.0, 15.0), (7.6, 17.2)),
            ((3.6, 6.6), (6.6, 2.2)),
            ((-1.8, 5.8), (-5.6, 2.4)),
            lean=1.4,
        ),
    ),
    "shooting": (
        Pose(
            ((6.0, 17.0), (8.6, 19.6)),
            ((-6.0, 17.4), (-8.8, 15.4)),
            ((-1.6, 6.0), (-2.4, 1.4)),
            ((4.0, 7.0), (8.2, 4.2)),
            lean=-1.4,
        ),
        Pose(
            ((5.6, 16.4), (8.6, 15.2)),
            ((-6.2, 18.4), (-8.6, 20.4)),
            ((-1.0, 6.0), (-1.6, 1.4)),
            ((4.6, 8.6), (9.0, 7.0)),
            lean=-1.8,
        ),
    ),
    "jumping": (
        Pose(
            ((6.2, 21.4), (6.8, 26.0)),
            ((-6.2, 21.4), (-6.8, 26.0)),
            ((3.2, 6.6), (2.6, 2.2)),
            ((-3.4, 7.0), (-6.0, 4.2)),
            lift=3.5,
        ),
        Pose(
            ((6.6, 20.6), (8.6, 24.8)),
            ((-6.6, 20.6), (-8.6, 24.8)),
            ((3.4, 6.4), (5.2, 2.2)),
            ((-3.4, 6.4), (-5.2, 2.2)),
            lift=3.5,
        ),
    ),
}


class Player(typing.NamedTuple):
    """One player in an image."""

    x: float
    ground: float  # the row of the feet
    pose: Pose
    facing: int  # 1 right, -1 left
    scale: float
    skin: int
    hair: int

    def at(self, point: Point) -> Point:
        """A point of the pose as `(x, y)` of the image."""
        x, y = point
        y = (y + self.pose.lift) * self.scale
        return self.x + self.facing * x * self.scale, self.ground - y

    @property
    def joints(self) -> list[Point]:
        """What a ball must keep away from, as points of the image."""
        pose = self.pose
        limbs = (pose.far_arm, pose.near_arm, pose.far_leg, pose.near_leg)
        points = [point for limb in limbs for point in limb]
        ankles = (pose.far_leg[1], pose.near_leg[1])
        toes = [(x + 2.2, y) for x, y in ankles]
        trunk = [(0, 11), (pose.lean / 2, 15), (pose.lean, 19)]
        head = [(pose.lean + x, y) for x in (-1.5, 1.5) for y in (22, 25)]
        return [self.at(point) for point in [*points, *toes, *trunk, *head]]


def line_up(
    count: int, pose: str, generator: np.random.Generator
) -> list[Player]:
    """Chooses where players stand and how they look.

    Args:
        count: int, from 1 to 3.
        pose: str, one of `POSES`. Of several players one shoots, and the
            others run.
        generator: `numpy.random.Generator`.

    Returns:
        List of Player, the first one is the nearest and the one that shoots.
    """
    columns, spread = _COLUMNS[count]
    zoom = 1.15 if count == 1 else 1.0
    grounds = sorted(generator.integers(55, 62, count), reverse=True)
    players = []
    for column, ground in zip(generator.permutation(columns), grounds):
        name = "running" if players and pose == "shooting" else pose
        players.append(
            Player(
                x=int(column + generator.integers(-spread, spread + 1)),
                ground=int(ground),
                pose=POSES[name][generator.integers(len(POSES[name]))],
                facing=int(generator.choice((-1, 1))),
                scale=zoom * _scale_at(ground),
                skin=int(generator.integers(NUM_SKINS)),
                hair=int(generator.integers(NUM_HAIRS)),
            )
        )
    return players


def place_ball(players: list[Player]) -> Point:
    """Finds the place of the ball, in front, near the nearest player's feet.

    One place follows from the players, so that an image that is generated from
    above downwards has one chance to have a ball, and takes it or not. Like
    letters, balls lie on a grid of four pixels: wherever a ball lies, patches
    of four pixels show it in the same four quarters.

    Args:
        players: list of Player, as `line_up` gives them.

    Returns:
        Tuple `(x, y)`, the middle of the ball: before the first player, or
        behind, where it touches nobody; in a crowd, where there is the most
        room.
    """
    first = players[0]
    taken = [point for player in players for point in player.joints]
    y = SIZE - BALL_GRID
    columns = range(BALL_GRID, SIZE, BALL_GRID)
    ahead = {x: first.facing * (x - first.x) / first.scale for x in columns}
    before = [x for x in columns if 8 <= ahead[x] <= 17]
    behind = [x for x in columns if -15 <= ahead[x] <= -8]
    order = sorted(before, key=ahead.get)
    order += sorted(behind, key=ahead.get, reverse=True)
    places = [(x, y) for x in order]
    rooms = [_room(*place, taken) for place in places]
    free = (i for i, room in enumerate(rooms) if room > BALL_RADIUS + 2.4)
    return places[next(free, rooms.index(max(rooms)))]


def draw_all(
    canvas: Canvas,
    players: list[Player],
    pattern: str,
    ball: Point | None = None,
) -> None:
    """Draws players, the nearer over the farther, and a ball.

    Args:
        canvas: Canvas.
        players: list of Player.
        pattern: str, "plain", "stripes" or "hoops".
        ball: tuple `(x, y)`, or None.
    """
    for player in players:
        wide = 6.5 * player.scale
        high = 1.6 * player.scale
        canvas.disc(player.x, player.ground, wide, Role.SHADOW, high)
    for player in sorted(players, key=lambda player: player.ground):
        _draw_player(canvas, player, pattern)
    if ball:
        _draw_ball(canvas, *ball)


def _room(x, y, taken):
    return min(math.dist((x, y), point) for point in taken)


def _scale_at(ground):
    """Size of a player whose feet are at a row, 1 for height 27."""
    return (ground - HORIZON) / (60 - HORIZON)


def _draw_player(canvas, player, pattern):
    """Draws a player with a dark outline.

    Args:
        canvas: Canvas.
        player: Player.
        pattern: str, "plain", "stripes" or "hoops".
    """
    pose, lean = player.pose, player.pose.lean
    far, near = (lean + 3.0, 18.2), (lean - 3.0, 18.2)
    if pose.far_arm[0][0] < pose.near_arm[0][0]:
        far, near = near, far
    body = [
        *_leg(player, (1.7, 10.6), pose.far_leg),
        *_leg(player, (-1.7, 10.6), pose.near_leg),
    ]
    _draw_limbs(canvas, player, _arm(player, far, pose.far_arm))
    _draw_limbs(canvas, player, body)
    _draw_shirt(canvas, player, pattern)
    _draw_limbs(canvas, player, _arm(player, near, pose.near_arm))
    _draw_head(canvas, player)


def _draw_ball(canvas, x, y):
    """Draws a ball around a point, large enough to see."""
    canvas.disc(x, y, BALL_RADIUS + OUTLINE / 2, Role.RIM)
    canvas.disc(x, y, BALL_RADIUS - OUTLINE / 2, Role.BALL)
    canvas.disc(x, y, 0.9, Role.SPOT)
    for shift_x, shift_y in (
        (-1.9, -0.6),
        (1.9, -0.6),
        (-1.1, 1.8),
        (1.1, 1.8),
    ):
        canvas.disc(x + shift_x, y + shift_y, 0.45, Role.SPOT)


def _arm(player, shoulder, arm):
    elbow, hand = arm
    return [
        (elbow, hand, Role.SKIN + player.skin, 2.1),
        (shoulder, elbow, Role.SHIRT, 3.4),
    ]


def _leg(player, hip, leg):
    knee, ankle = leg
    toe = (ankle[0] + 2.0, ankle[1] - 0.5)
    return [
        (ankle, toe, Role.BOOT, 2.2),
        (hip, knee, Role.SKIN + player.skin, 2.8),
        (_between(knee, ankle, 0.15), ankle, Role.SOCKS, 2.6),
        (hip, _between(hip, knee, 0.62), Role.SHORTS, 4.6),
    ]


def _between(start, end, share):
    return tuple(a + (b - a) * share for a, b in zip(start, end))


def _draw_limbs(canvas, player, limbs):
    for grow in (2 * OUTLINE, 0):
        for start, end, role, width in limbs:
            canvas.limb(
                player.at(start),
                player.at(end),
                Role.OUTLINE if grow else role,
                width * player.scale + grow,
            )


def _draw_shirt(canvas, player, pattern):
    lean = player.pose.lean
    top, bottom, wide, narrow = 19.8, 10.6, 4.6, 3.9
    rim = OUTLINE / player.scale

    def across(share, low, high):
        """Point of the shirt: `share` of its width, low to high."""
        points = []
        for height in (low, high):
            up = (height - bottom) / (top - bottom)
            half = narrow + (wide - narrow) * up
            points.append((lean * up + (2 * share - 1) * half, height))
        return [player.at(point) for point in points]

    def patch(left, right, low, high, role):
        canvas.polygon(
            across(left, low, high) + across(right, low, high)[::-1], role
        )

    margin = rim / (2 * wide)
    patch(-margin, 1 + margin, bottom, top + rim, Role.OUTLINE)
    patch(0, 1, bottom, top, Role.SHIRT)
    if pattern == "stripes":
        for left in (0.2, 0.6):
            patch(left, left + 0.2, bottom, top, Role.TRIM)
    if pattern == "hoops":
        for low in (11.6, 15.6):
            patch(0, 1, low, low + 2, Role.TRIM)


def _draw_head(canvas, player):
    lean, size = player.pose.lean, player.scale
    skin, hair = Role.SKIN + player.skin, Role.HAIR + player.hair
    neck = player.at((lean, 20.4))
    canvas.disc(*neck, 1.5 * size, skin)
    middle = player.at((lean, 23.6))
    canvas.disc(*middle, 3.4 * size + OUTLINE, Role.OUTLINE)
    canvas.disc(*middle, 3.4 * size, hair)
    face = player.at((lean + 0.5, 22.9))
    canvas.disc(*face, 2.7 * size, skin)
    for x in (0.1, 2.1):
        canvas.disc(*player.at((lean + x, 23.2)), 0.45 * size, Role.OUTLINE)
