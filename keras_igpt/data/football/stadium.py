"""What stands still in a football image: sky, stands, pitch, goal, board.

The camera looks over the pitch at one stand. Lines that run away from it
meet at the horizon, so players, goal and markings agree in size.
"""

import functools

import numpy as np

from keras_igpt.data.football.canvas import (
    NUM_CROWDS,
    NUM_SKIES,
    SIZE,
    Canvas,
    Role,
)
from keras_igpt.images import lettering

HORIZON = 20  # the row where lines running away from the camera meet

GRASS_TOP = 30

TOUCHLINE = 35

GOAL_ROW, GOAL_TOP, GOAL_WIDTH = 38, 22.5, 29

GOAL_PLACES = (17, 32, 47)  # left, centre, right

HALFWAY_PLACES = (15, 32, 49)

STANDS = ("flat", "bowl", "tiers")

CELL = 4  # boards and crowd keep to cells of 4x4 pixels


@functools.cache
def stadium(
    night: bool, goal: bool, place: int, stand: str, variant: int
) -> Canvas:
    """Everything behind the players, without a board.

    Args:
        night, goal: bool.
        place: int. Column of the goal, or else of the halfway line.
        stand: str, one of `STANDS`.
        variant: int. Which clouds and which crowd.

    Returns:
        Canvas, to be copied before anything is drawn on it.
    """
    canvas = Canvas()
    generator = np.random.default_rng(variant)
    _draw_sky(canvas, night, generator)
    _draw_stand(canvas, stand, generator)
    _draw_grass(canvas, goal)
    if goal:
        _draw_penalty_area(canvas, place)
        _draw_goal(canvas, place)
    else:
        _draw_halfway_line(canvas, place)
    return canvas


def draw_board(canvas: Canvas, board: str, word: str, top: int) -> None:
    """Draws a word on its board, in the middle of the image.

    Args:
        canvas: Canvas.
        board: str, "banner" or "scoreboard".
        word: str of at most 6 characters.
        top: int. Upper row of the letters' cells.
    """
    left = CELL * (8 - len(word))
    right, bottom = SIZE - left, top + lettering.CELL
    sides = (left - 3, top - 2, right + 3, bottom + 1)
    if board == "scoreboard":
        for x in (left + 1, right - 3):
            canvas.box(x, bottom, x + 2, HORIZON, Role.FRAME)
    else:
        for x in (left - 2, right + 2):
            canvas.disc(x, top - 2, 1.5, Role.FRAME)
    canvas.box(*sides, Role.FRAME)
    inner = (sides[0] + 1, sides[1] + 1, sides[2] - 1, sides[3] - 1)
    canvas.box(*inner, Role.BOARD)
    canvas.ink(lettering.ink_of(word), left, top, Role.LETTER)


def _draw_sky(canvas, night, generator):
    for shade in range(NUM_SKIES):
        top = 1.5 * shade
        canvas.box(0, top, SIZE, top + 12, Role.SKY + shade)
    if not night:
        for x in generator.integers(2, 62, 2):
            y = generator.integers(2, 5)
            for shift, radius in ((-4, 1.4), (-1, 2.4), (2.5, 1.8), (5, 1)):
                canvas.disc(x + shift, y, radius, Role.CLOUD)
    for x in (6, 58):
        if night:
            canvas.disc(x, 3, 7, Role.GLOW, 5)
            canvas.disc(x, 3, 5, Role.HALO, 3.4)
        canvas.box(x - 0.5, 3, x + 0.5, 16, Role.PYLON)
        canvas.box(x - 3.5, 1, x + 3.5, 5, Role.PYLON)
        for lamp in (-3, -1, 1):
            for row in (1.5, 3.25):
                canvas.box(x + lamp, row, x + lamp + 1.5, row + 1.25, Role.LAMP)


def _draw_stand(canvas, stand, generator):
    edges = {
        "flat": [(0, 10), (SIZE, 10)],
        "bowl": [(0, 7), (14, 10), (32, 11), (50, 10), (SIZE, 7)],
        "tiers": [(0, 12), (10, 12), (10, 9), (54, 9), (54, 12), (SIZE, 12)],
    }
    edge = edges[stand]
    canvas.polygon([*edge, (SIZE, GRASS_TOP), (0, GRASS_TOP)], Role.STAND)
    tops = np.interp(np.arange(SIZE + 4), *np.transpose(edge))
    for row, y in enumerate(range(8, GRASS_TOP - 4, CELL)):
        for x in range(0, SIZE + CELL, CELL):
            person = generator.integers(NUM_CROWDS)
            x -= 2 * (row % 2)
            if y > tops[max(0, x)] + 1.5:
                _draw_person(canvas, x, y, Role.CROWD + person)
    for x in (12, 51):
        canvas.box(x, 13, x + 1, GRASS_TOP - 4, Role.AISLE)
    canvas.line(edge, Role.ROOF, 2.5)
    canvas.box(0, GRASS_TOP - 4, SIZE, GRASS_TOP, Role.WALL)
    canvas.box(0, GRASS_TOP - 4, SIZE, GRASS_TOP - 3, Role.RAIL)


def _draw_person(canvas, x, y, role):
    canvas.box(x + 0.5, y + 2, x + 3.5, y + 4, role)
    canvas.disc(x + 2, y + 1.2, 1.1, Role.HEAD)


def _away(x, row, start):
    """Where the line through `(x, start)` is at another row, as seen."""
    center = SIZE / 2
    return center + (x - center) * (row - HORIZON) / (start - HORIZON)


def _draw_grass(canvas, goal):
    canvas.box(0, GRASS_TOP, SIZE, SIZE, Role.GRASS)
    if goal:  # mown along the goal line
        for top, bottom in ((30, 32.5), (36, 40.5), (46, 53)):
            canvas.box(0, top, SIZE, bottom, Role.MOWN)
        return
    for left in range(-28, SIZE + 28, 16):  # mown away from the camera
        corners = [(left, GRASS_TOP), (left + 8, GRASS_TOP)]
        feet = [(_away(x, SIZE, GRASS_TOP), SIZE) for x, _ in corners]
        canvas.polygon([*corners, *feet[::-1]], Role.MOWN)


def _draw_penalty_area(canvas, place):
    canvas.box(0, GOAL_ROW - 0.5, SIZE, GOAL_ROW + 0.5, Role.LINE)
    for half, bottom, width in ((20, 44, 1), (34, 54, 1.25)):
        corners = [(place - half, GOAL_ROW), (place + half, GOAL_ROW)]
        feet = [(_away(x, bottom, GOAL_ROW), bottom) for x, _ in corners]
        points = [corners[0], *feet, corners[1]]
        canvas.line(points, Role.LINE, width)


def _draw_goal(canvas, place):
    left, right = place - GOAL_WIDTH / 2, place + GOAL_WIDTH / 2
    canvas.box(left, GOAL_TOP, right, GOAL_ROW, Role.NET_BACK)
    for x in np.linspace(left, right, 11)[1:-1]:
        canvas.line([(x, GOAL_TOP), (x, GOAL_ROW)], Role.NET, 0.5)
    for y in np.linspace(GOAL_TOP, GOAL_ROW, 7)[1:-1]:
        canvas.line([(left, y), (right, y)], Role.NET, 0.5)
    canvas.box(left - 1, GOAL_TOP - 1, left + 1, GOAL_ROW + 0.5, Role.POST)
    canvas.box(right - 1, GOAL_TOP - 1, right + 1, GOAL_ROW + 0.5, Role.POST)
    canvas.box(left - 1, GOAL_TOP - 1, right + 1, GOAL_TOP + 0.75, Role.POST)


def _draw_halfway_line(canvas, place):
    canvas.box(0, TOUCHLINE - 0.5, SIZE, TOUCHLINE + 0.5, Role.LINE)
    foot = _away(place, SIZE, TOUCHLINE)
    canvas.line([(place, TOUCHLINE), (foot, SIZE)], Role.LINE, 1.25)
    middle = _away(place, 48, TOUCHLINE)
    canvas.ring(middle, 48, 20, 7.5, Role.LINE, 1.25)
    canvas.disc(middle, 48, 1.5, Role.LINE, 1)
