"""Names of ImageNet's classes, as a package that is here anyway has them."""

IMAGENET = 1000


def class_names(num_classes: int) -> tuple[str, ...]:
    """Names of the classes in the order of their labels.

    Each is a name and its synonyms, with commas between them. They come from
    `tensorflow_datasets`, which sorts classes as ImageNet 2012 does.

    Args:
        num_classes: int.

    Returns:
        tuple of `num_classes` str; empty if these are not ImageNet's.
    """
    if num_classes != IMAGENET:
        return ()
    try:
        from tensorflow_datasets.datasets.siscore import labels
    except ImportError:
        # Numbers work without.
        return ()
    names = tuple(getattr(labels, "IMAGENET_LABELS_LIST", ()))
    return names if len(set(names)) == IMAGENET else ()
