"""Whether data can be held in memory, asked before it is read."""

import os
import pathlib

# Share of the machine's memory that data may take; gathering it takes as much
# again, for a column at a time.
SHARE = 0.5

# Limits of containers, by versions of Linux's control groups.
LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def memory_bytes() -> int | None:
    """Memory of the machine, or of the container; None if it is not known."""
    found = []
    try:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # not on every system
        pass
    for path in LIMITS:
        try:
            said = pathlib.Path(path).read_text("ascii").strip()
        except OSError:
            continue
        if said.isdecimal():
            found.append(int(said))
    return min(found, default=None)


def check_memory(num_images: int | None, bytes_each: int) -> None:
    """Refuses data of which the memory could not hold what training needs.

    Args:
        num_images: int; None if it is not known, which is not refused.
        bytes_each: int. What is kept of each image.

    Raises:
        ValueError: if it is more than half of the memory.
    """
    most = memory_bytes()
    needed = (num_images or 0) * bytes_each
    if most is not None and needed > SHARE * most:
        raise ValueError(
            "The data must fit into half of the memory, "
            f"{SHARE * most / 2**30:.1f} GiB. Received: {num_images} images of "
            f"{bytes_each} bytes each, {needed / 2**30:.1f} GiB. Write shards "
            "with `keras-igpt tokenize`, or give `prepare` a folder as "
            "`cache`; they are read from the disk as they are needed."
        )
