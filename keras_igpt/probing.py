"""How much a model has understood: classifiers on its features.

Linear probes (Chen et al. 2020, section 4.2): logistic regression on the
features of each layer, beside the same on raw pixels and on how often each
token occurs.
"""

import numpy as np

from keras_igpt import data
from keras_igpt.files import replacing

# Inverse strengths of regularisation to choose from, and the share of the
# training pictures that choose.
STRENGTHS = (0.01, 0.1, 1.0)
ASIDE = 0.1
# Enough for L-BFGS on scaled features.
ITERATIONS = 300
# Nats by which classes without a picture lie below the others.
UNSEEN = 10.0


def probe(model, train, test, layers=None, seed=0, report=print):
    """Accuracies of logistic regression, for each layer and two baselines.

    Args:
        model: an `ImageGPT`.
        train, test: pictures with labels, as `keras_igpt.data.batches` takes
            them.
        layers: list of int from 0 to the model's depth. Default: all.
        seed: int. Chooses the training pictures that are set aside.
        report: called with a line of text for each result.

    Returns:
        list of dicts with "features", a str; "layer", int or None; and
        "validation" and "test", accuracies from 0 to 1. The layer to take is
        that of the best "validation".
    """
    if layers is None:
        layers = list(range(len(model.blocks) + 1))
    train, test = _columns(model, train), _columns(model, test)
    rows = []

    def add(features, layer, train_features, test_features):
        validation, accuracy = fit(
            train_features, train["label"], test_features, test["label"], seed
        )
        report(f"{features}: validation {validation:.1%}, test {accuracy:.1%}")
        rows.append(
            {
                "features": features,
                "layer": layer,
                "validation": validation,
                "test": accuracy,
            }
        )

    add("raw pixels", None, train["pixels"], test["pixels"])
    counts = [
        histograms(part["tokens"], model.vocabulary_size)
        for part in (train, test)
    ]
    add("token histograms", None, *counts)
    described = [
        model.token_features(part["tokens"], list(layers))
        for part in (train, test)
    ]
    for i, layer in enumerate(layers):
        add(f"layer {layer}", layer, *(part[:, i] for part in described))
    return rows


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


def histograms(tokens, vocabulary_size):
    """Shares of each token, float32 `(pictures, vocabulary_size)`."""
    counts = np.zeros((len(tokens), vocabulary_size), "float32")
    np.add.at(counts, (np.arange(len(tokens))[:, None], tokens), 1)
    return counts / tokens.shape[1]


def plot(rows, path):
    """Draws accuracy over depth, with the baselines as lines.

    Args:
        rows: as `probe` returns them.
        path: of the `.png` file.
    """
    from matplotlib.figure import Figure

    figure = Figure((6, 4), layout="constrained")
    axes = figure.subplots()
    layers = [row for row in rows if row["layer"] is not None]
    axes.plot(
        [row["layer"] for row in layers],
        [100 * row["test"] for row in layers],
        marker="o",
        label="features",
    )
    baselines = [row for row in rows if row["layer"] is None]
    for row, style in zip(baselines, ("--", ":")):
        axes.axhline(
            100 * row["test"], color="grey", ls=style, label=row["features"]
        )
    axes.set_xlabel("layer")
    axes.set_ylabel("test accuracy of logistic regression, %")
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _columns(model, dataset):
    """Tokens, labels and pixels of labelled pictures, in memory."""
    parts = []
    for batch in data.batches(dataset, batch_size=256):
        if "label" not in batch:
            raise ValueError(
                "The pictures must have labels to be probed. "
                f"Received: pictures with {', '.join(batch)}."
            )
        pixels = batch["image"].reshape(len(batch["image"]), -1)
        parts.append(
            {
                "tokens": np.asarray(model.tokenizer.encode(batch["image"])),
                "label": batch["label"],
                "pixels": pixels.astype("float32") / 255,
            }
        )
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }
