"""Which images are set aside to choose a model by: whole groups.

The same images are, whether training has them in memory or in shards.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_igpt.annotations import Array, ArrayLike

# Images set aside from the training split to choose the best model by.
VALIDATION_IMAGES = 256


def validation_count(num_images: int) -> int:
    """How many images are set aside: a tenth, at most 256."""
    return min(VALIDATION_IMAGES, max(1, num_images // 10))


def shuffled_aside(
    num_images: int, count: int, groups: "ArrayLike | None" = None
) -> "tuple[Array, Array]":
    """Sets `count` images, chosen at random, aside.

    Groups stay whole, so that it may be fewer images; or more, if the
    smallest group is larger.

    Args:
        num_images: int.
        count: int.
        groups: array of ints or str `(num_images,)`; None: each image is one
            of its own.

    Returns:
        Tuple of two int arrays, numbers of images in a random order: the
        rest, and those set aside.

    Raises:
        ValueError: if all images are of one group.
    """
    import numpy as np

    chosen = np.random.default_rng(0).permutation(num_images)
    groups = chosen if groups is None else np.asarray(groups)[chosen]
    aside = _whole_groups(groups, count)
    return chosen[~aside], chosen[aside]


def _whole_groups(groups, count):
    """Which of the images to set aside, a bool array: first groups first."""
    import numpy as np

    _, first, number, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    if len(sizes) < 2:
        raise ValueError(
            "The images must be of two groups at least, so that one can be "
            f"set aside. Received: {len(groups)} images of one group. Add "
            "images of other groups, or leave `group` out."
        )
    order = np.argsort(first)
    taken, total = [], 0
    for group in order:
        if total + sizes[group] <= count:
            taken.append(group)
            total += sizes[group]
        if total == count:
            break
    if not taken:
        taken = [order[np.argmin(sizes[order])]]
    return np.isin(number, taken)
