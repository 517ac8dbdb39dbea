"""Generated images, recognised by a classifier that learned from real ones.

Axes: B images.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, ArrayLike
from keras_igpt.images.arrays import slices
from keras_igpt.models.image_gpt import ImageGPT

# Classifiers see at most this many training images: a support vector
# machine's time grows with their square.
TRAIN_IMAGES = 5_000

# Images generated to be recognised, at least.
GENERATED = 500

# Images compared at once with those that are known.
COMPARED = 1_000


def recognition_figures(
    model: ImageGPT,
    train: Mapping[str, Array],
    test: Mapping[str, Array],
    seed: int,
    **sampling: Any,
) -> dict[str, float]:
    """How many images that a model generates show the class asked for.

    Real images are compared as the model sees them, decoded from their
    tokens.

    Args:
        model: a model with classes.
        train, test: dict of int arrays, "tokens" `(B, N)` and "label" `(B,)`.
        seed: of the generated images, as many of each class.
        sampling: further arguments of `ImageGPT.generate`.

    Returns:
        What `recognised` returns.
    """
    some = np.random.default_rng(0).permutation(len(train["label"]))
    some = some[:TRAIN_IMAGES]
    decode = model.tokenizer.decode_all
    classifier = PixelClassifier(
        decode(train["tokens"][some]), train["label"][some]
    )
    labels = np.repeat(
        np.arange(model.num_classes), -(-GENERATED // model.num_classes)
    )
    generated = model.generate(labels, seed=seed, **sampling)
    return recognised(
        {"image": generated, "label": labels},
        {"image": decode(test["tokens"]), "label": test["label"]},
        classifier,
    )


class PixelClassifier:
    """A classifier trained on real images, to recognise generated ones.

    A support vector machine of scikit-learn on raw pixels, with its default
    kernel: computed here, by products of matrices, it takes far less time.

    Args:
        images: uint8 array of shape `(B, height, width, channels)`.
        labels: int array of shape `(B,)`.
    """

    def __init__(self, images: ArrayLike, labels: ArrayLike) -> None:
        from sklearn.svm import SVC

        self._known = _pixels(images)
        spread = self._known.shape[1] * self._known.var()
        self._gamma = 1 / spread if spread else 1.0
        classifier = SVC(kernel="precomputed")
        self._classifier = classifier.fit(self._kernel(self._known), labels)

    def accuracy(self, images: ArrayLike, labels: ArrayLike) -> float:
        """Share of images recognised as their label, from 0 to 1."""
        pixels = _pixels(images)
        found = [
            self._classifier.predict(self._kernel(pixels[some]))
            for some in slices(pixels, COMPARED)
        ]
        return float(np.mean(np.concatenate(found) == labels))

    def _kernel(self, pixels):
        from sklearn.metrics.pairwise import rbf_kernel

        return rbf_kernel(pixels, self._known, gamma=self._gamma)


def recognised(
    generated: Mapping[str, ArrayLike],
    real: Mapping[str, ArrayLike],
    classifier: PixelClassifier,
) -> dict[str, float]:
    """Shares of images that a classifier recognises as their label.

    Args:
        generated, real: dict of "image", uint8 `(B, height, width,
            channels)`, and "label", int `(B,)`.
        classifier: has learned from other real images.

    Returns:
        dict of "recognised_generated" and "recognised_real", from 0 to 1.
    """
    return {
        f"recognised_{name}": classifier.accuracy(part["image"], part["label"])
        for name, part in (("generated", generated), ("real", real))
    }


def _pixels(images):
    return np.asarray(images).reshape(len(images), -1) / 255.0
