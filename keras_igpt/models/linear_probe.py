"""Logistic regression on features, and as a projection."""

from typing import TYPE_CHECKING

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_seed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# Inverse strengths of regularisation to choose from, and the share of the
# training images that choose.
STRENGTHS = (0.01, 0.1, 1.0)

ASIDE = 0.1

# Enough for L-BFGS on scaled features.
ITERATIONS = 300

# Nats by which classes without an image lie below the others.
UNSEEN = 10.0


def fit(
    train: Array,
    train_labels: Array,
    test: Array,
    test_labels: Array,
    seed: int = 0,
) -> tuple[float, float]:
    """Accuracies of logistic regression on scaled features.

    Args:
        train, test: float arrays of shape `(images, features)`.
        train_labels, test_labels: int arrays of shape `(images,)`.
        seed: chooses the training images that are set aside.

    Returns:
        The accuracy on training images that were set aside, and on `test`.
    """
    validation, classifier = choose(train, train_labels, seed)
    return validation, classifier.score(test, test_labels)


def choose(
    features: Array, labels: Array, seed: int = 0
) -> tuple[float, "Pipeline"]:
    """Logistic regression on scaled features.

    A tenth of the images chooses the strength of regularisation, then all
    are learned from.

    Args:
        features: float array of shape `(images, features)`.
        labels: int array of shape `(images,)`.
        seed: chooses the images that are set aside.

    Returns:
        The accuracy on those set aside, and a pipeline of scikit-learn's
        `StandardScaler` and `LogisticRegression`.
    """
    check_seed(seed)
    order = np.random.default_rng(seed).permutation(len(features))
    aside = max(1, round(ASIDE * len(features)))
    chosen, rest = order[:aside], order[aside:]
    if len(np.unique(labels[rest])) < 2:  # too few to set any aside
        chosen = rest = order
    scores = {
        strength: _classifier(features[rest], labels[rest], strength).score(
            features[chosen], labels[chosen]
        )
        for strength in STRENGTHS
    }
    best = max(scores, key=scores.get)
    return scores[best], _classifier(features, labels, best)


def as_projection(
    classifier: "Pipeline", num_classes: int
) -> tuple[Array, Array]:
    """A pipeline of `choose` as one projection of unscaled features.

    Args:
        classifier: as `choose` returns it.
        num_classes: how many columns there are. Classes that it has not seen
            are never chosen.

    Returns:
        Two float32 arrays, a kernel `(features, num_classes)` and a
        bias `(num_classes,)`.
    """
    scaler, regression = classifier
    weights, offsets = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # one row, of the second
        weights = np.concatenate([-weights, weights]) / 2
        offsets = np.concatenate([-offsets, offsets]) / 2
    weights = weights / scaler.scale_
    kernel = np.zeros((weights.shape[1], num_classes), "float32")
    bias = np.full(num_classes, offsets.min() - UNSEEN, "float32")
    kernel[:, regression.classes_] = weights.T
    bias[regression.classes_] = offsets - weights @ scaler.mean_
    return kernel, bias


def _classifier(features, labels, strength):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, max_iter=ITERATIONS)
    )
    return _quietly(classifier.fit, features, labels)


def _quietly(function, *args):
    """L-BFGS that was stopped early is as good a probe."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return function(*args)
