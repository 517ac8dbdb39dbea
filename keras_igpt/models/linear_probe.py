"""Logistic regression on features, and as a projection."""

import numpy as np

# Inverse strengths of regularisation to choose from, and the share of the
# training pictures that choose.
STRENGTHS = (0.01, 0.1, 1.0)

ASIDE = 0.1

# Enough for L-BFGS on scaled features.
ITERATIONS = 300

# Nats by which classes without a picture lie below the others.
UNSEEN = 10.0


def fit(train, train_labels, test, test_labels, seed=0):
    """Accuracies of logistic regression on scaled features.

    Args:
        train, test: float arrays of shape `(pictures, features)`.
        train_labels, test_labels: int arrays of shape `(pictures,)`.
        seed: int.

    Returns:
        Tuple of two floats, the accuracy on training pictures that were set
        aside, and on `test`.
    """
    validation, classifier = choose(train, train_labels, seed)
    return validation, classifier.score(test, test_labels)


def choose(features, labels, seed=0):
    """Logistic regression on scaled features.

    A tenth of the pictures chooses the strength of regularisation, then all
    are learned from.

    Args:
        features: float array of shape `(pictures, features)`.
        labels: int array of shape `(pictures,)`.
        seed: int. Chooses the pictures that are set aside.

    Returns:
        Tuple of a float, the accuracy on those set aside, and a pipeline of
        scikit-learn's `StandardScaler` and `LogisticRegression`.
    """
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


def as_projection(classifier, num_classes):
    """A pipeline of `choose` as one projection of unscaled features.

    Args:
        classifier: as `choose` returns it.
        num_classes: int. Classes that it has not seen are never chosen.

    Returns:
        Tuple of two float32 arrays, a kernel `(features, num_classes)` and a
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
