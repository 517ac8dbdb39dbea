"""How many cells are left after a share of the steps; imports nothing heavy."""

import math
from collections.abc import Callable

# Share of the cells that is left when a share of the steps is done (Chang et
# al. 2022, https://arxiv.org/abs/2202.04200; ARPG, Li et al. 2025).
SCHEDULES: dict[str, Callable[[float], float]] = {
    "arccos": lambda done: math.acos(done) / (math.pi / 2),
    "cosine": lambda done: math.cos(math.pi / 2 * done),
}

# Cells that decide about others, such as where words begin, are few and early:
# with "cosine" they are written one by one.
SCHEDULE = "cosine"
