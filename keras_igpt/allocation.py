"""Memory that was freed stays with the process, to be used again.

glibc gives each large array pages of its own, and returns them to the system
when it is freed; the next one is new pages, which the system must clear.
TensorFlow frees and asks for as many arrays as a step has operations: for
training on processors that took as long as all computing did.
"""

import ctypes
import os

# `mallopt`'s names for its settings, of malloc.h, and what they are set to:
# freed memory is not given back before it is 2 GiB, the heap grows by 64 MiB,
# and no array is mapped on its own.
SETTINGS = {-1: 2**31 - 1, -2: 2**26, -4: 0}

# Set to 0, it leaves all as it was.
VARIABLE = "KERAS_IGPT_KEEP_MEMORY"


def keep_freed_memory() -> bool:
    """Keeps what is freed from now on, in this process.

    Only of glibc; and not if `KERAS_IGPT_KEEP_MEMORY` is 0, or if variables of
    glibc's, as `MALLOC_ARENA_MAX`, say how it is to work.

    Returns:
        Whether it was set.
    """
    said = os.environ.get(VARIABLE) == "0" or any(
        name.startswith("MALLOC_") for name in os.environ
    )
    if said or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
        mallopt = library.mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return False
    return all([mallopt(name, value) for name, value in SETTINGS.items()])
