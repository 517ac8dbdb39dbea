"""Distances between two sets of images, by features of a network.

Axes: B images, F features.
"""

from collections.abc import Callable

import numpy as np

from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.argument_checks import check_positive

# Images of a subset of the kernel distance, and how many subsets.
SUBSET = 1000

SUBSETS = 100


def set_distances(
    generated: Array, real: Array, features: Callable[[Array], Array]
) -> dict[str, float]:
    """How far generated images are from real ones, each set as a whole.

    Args:
        generated, real: uint8 arrays of shape `(B, height, width, channels)`.
        features: function of such an array to vectors `(B, F)`, such as an
            `ImageFeatures`.

    Returns:
        dict of "frechet", the `frechet_distance`; {} for fewer images than
        that needs.
    """
    first, second = features(generated), features(real)
    if min(len(first), len(second)) <= first.shape[1]:
        return {}
    return {"frechet": frechet_distance(first, second)}


def frechet_distance(features: ArrayLike, others: ArrayLike) -> float:
    """Distance of two sets of images, by the features of a network.

    That of two Gaussians with the sets' means and covariances (Heusel et al.
    2017, https://arxiv.org/abs/1706.08500), where the trace of the root of
    the product `C D` of the covariances is that of the symmetric
    `sqrt(C) D sqrt(C)`, whose eigenvalues are real and not negative. It
    depends on the number of images: compare only distances of as many.

    Args:
        features, others: float arrays of shapes `(B, F)` and `(B', F)`, with
            B and B' above F.

    Returns:
        The distance, at least 0.

    Raises:
        ValueError: if a set has no more images than features: its
            covariance has no inverse then, and the distance means little.
    """
    check_scipy()
    import scipy.linalg

    first, second = _pair(features, others)
    for name, rows in (("features", first), ("others", second)):
        if len(rows) <= rows.shape[1]:
            raise ValueError(
                f"`{name}` must have more images than features "
                f"({rows.shape[1]}). Received: {len(rows)} images. Compare "
                "more images, or by fewer features."
            )
    means = ((first.mean(0) - second.mean(0)) ** 2).sum()
    one, two = (
        np.cov(x, rowvar=False).reshape(x.shape[1], -1) for x in (first, second)
    )
    values, vectors = scipy.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = scipy.linalg.eigvalsh(root @ two @ root)
    shared = np.sqrt(np.maximum(inner, 0)).sum()
    return float(max(means + np.trace(one) + np.trace(two) - 2 * shared, 0.0))


def kernel_distance(
    features: ArrayLike, others: ArrayLike, seed: int = 0
) -> float:
    """Squared maximum mean discrepancy of two sets, with a cubic kernel.

    Without bias, so that sets of different sizes compare, and 0 on average
    for two sets of one kind (Binkowski et al. 2018,
    https://arxiv.org/abs/1801.01401). The mean over 100 subsets of 1,000
    images; of smaller sets, one value of all.

    Args:
        features, others: float arrays of shapes `(B, F)` and `(B', F)`.
        seed: of the subsets.

    Returns:
        The distance; below 0 by chance where the sets are alike.
    """
    first, second = _pair(features, others)
    size = min(len(first), len(second), SUBSET)
    check_enough("features", size, 2)
    if max(len(first), len(second)) <= SUBSET:
        return _discrepancy(first, second)
    generator = np.random.default_rng(seed)
    return float(
        np.mean(
            [
                _discrepancy(
                    *(
                        rows[generator.choice(len(rows), size, replace=False)]
                        for rows in (first, second)
                    )
                )
                for _ in range(SUBSETS)
            ]
        )
    )


def _discrepancy(first, second):
    """The unbiased estimate of all pairs."""

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x):
        values = kernel(x, x)
        return (values.sum() - np.trace(values)) / (len(x) * (len(x) - 1))

    between = kernel(first, second).mean()
    return float(within(first) + within(second) - 2 * between)


def precision_recall(
    generated: ArrayLike, real: ArrayLike, neighbours: int = 3
) -> dict[str, float]:
    """How real generated images are, and how much of the real they cover.

    A set's region is the union of balls around its vectors, each to the
    k-th nearest of the same set. Precision is the share of generated vectors
    in the real region, recall that of the real in the generated one
    (Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991). Density
    counts the real balls around a generated vector, by k; coverage is the
    share of real balls with a generated vector in them (Naeem et al. 2020,
    https://arxiv.org/abs/2002.09797): neither is deceived by single odd
    images.

    Args:
        generated, real: float arrays of shapes `(B, F)` and `(B', F)`.
        neighbours: k.

    Returns:
        dict of "precision", "recall" and "coverage", from 0 to 1, and
        "density", about 1 for a set of the same kind.
    """
    check_positive("neighbours", neighbours)
    made, found = _pair(generated, real)
    for name, rows in (("generated", made), ("real", found)):
        check_enough(name, len(rows), neighbours + 1)
    from sklearn.metrics import pairwise_distances

    real_reach = _reach(found, neighbours)
    made_reach = _reach(made, neighbours)
    apart = pairwise_distances(made, found)  # (generated, real)
    inside = apart <= real_reach
    return {
        "precision": float(inside.any(1).mean()),
        "recall": float((apart <= made_reach[:, None]).any(0).mean()),
        "density": float(inside.sum(1).mean() / neighbours),
        "coverage": float(inside.any(0).mean()),
    }


def _reach(rows, neighbours):
    """The distance of each vector to the k-th nearest other one."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=neighbours).fit(rows)
    return search.kneighbors()[0][:, -1]  # of the others, without itself


def nearest_distance(features: ArrayLike, training: ArrayLike) -> float:
    """How far images are from the nearest training image, in the median.

    Compare it with that of real images that were not trained on: a much
    smaller one tells of copies.

    Args:
        features, training: float arrays of shapes `(B, F)` and `(B', F)`.
    """
    from sklearn.neighbors import NearestNeighbors

    rows, known = _pair(features, training)
    search = NearestNeighbors(n_neighbors=1).fit(known)
    return float(np.median(search.kneighbors(rows)[0]))


def confidence_interval(
    figure: Callable[[Array, Array], float],
    features: ArrayLike,
    others: ArrayLike,
    times: int = 20,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Between what a figure lies, were they as many other images of the kind.

    Drawn anew from the sets, with repetition: a bootstrap. A set with images
    that come twice is further from the other one, most of all by the Fréchet
    distance; so it is how much the figures differ that is taken, around the
    one of the sets (Davison and Hinkley 1997, section 5.2). That this one is
    larger the fewer images there are stays in it, as in all that is published.

    Args:
        figure: function of two arrays of features to a number.
        features, others: float arrays of shapes `(B, F)` and `(B', F)`.
        times: how often to draw.
        level: share of the figures between the two bounds.
        seed: of the draws.

    Returns:
        The lower and the upper bound.
    """
    check_positive("times", times)
    first, second = _pair(features, others)
    generator = np.random.default_rng(seed)
    figures = [
        figure(
            first[generator.integers(len(first), size=len(first))],
            second[generator.integers(len(second), size=len(second))],
        )
        for _ in range(times)
    ]
    tail = (1 - level) / 2
    low, high = np.quantile(figures, (tail, 1 - tail))
    shift = figure(first, second) - np.mean(figures)
    return float(low + shift), float(high + shift)


def check_enough(name: str, count: int, least: int) -> None:
    """Refuses sets that are too small for a figure.

    Args:
        name: what the argument is called.
        count: its images.
        least: how many there must be.
    """
    if count < least:
        raise ValueError(
            f"`{name}` must have at least {least} images. Received: {count}."
        )


def _pair(features, others):
    """Both as float64, if they fit each other."""
    pair = tuple(np.asarray(x, "float64") for x in (features, others))
    if [x.ndim for x in pair] != [2, 2] or len({x.shape[1] for x in pair}) > 1:
        raise ValueError(
            "Both sets must be vectors of shape `(images, features)` of the "
            f"same network. Received: shapes {pair[0].shape} and "
            f"{pair[1].shape}."
        )
    return pair


def check_scipy() -> None:
    """Raises an ImportError that says what to install, if needed."""
    try:
        import scipy.linalg  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "SciPy must be installed to compare sets of images. Call "
            "`pip install 'keras_igpt[evaluation]'`."
        ) from error
