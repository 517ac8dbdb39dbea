"""Images recognised by a classifier of pixels."""

import numpy as np

from keras_igpt.evaluation.tokenizer_quality import decoded

# Classifiers see at most this many training pictures: a support vector
# machine's time grows with their square.
JUDGE_PICTURES = 5_000

# Pictures painted to be recognised.
GENERATED = 500


def recognised(model, train, test, seed):
    some = np.random.default_rng(0).permutation(len(train["label"]))
    some = some[:JUDGE_PICTURES]
    judge = PixelClassifier(
        decoded(model.tokenizer, train["tokens"][some]), train["label"][some]
    )
    labels = np.repeat(
        np.arange(model.num_classes), -(-GENERATED // model.num_classes)
    )
    painted = model.generate(labels, seed=seed)
    real = decoded(model.tokenizer, test["tokens"])
    return {
        "recognised_generated": judge.accuracy(painted, labels),
        "recognised_real": judge.accuracy(real, test["label"]),
    }


class PixelClassifier:
    """A classifier trained on real pictures, to recognise painted ones.

    A support vector machine of scikit-learn on raw pixels.

    Args:
        images: uint8 array of shape `(B, height, width, channels)`.
        labels: int array of shape `(B,)`.
    """

    def __init__(self, images, labels):
        from sklearn.svm import SVC

        self._classifier = SVC().fit(flat(images), labels)

    def accuracy(self, images, labels):
        """Share of pictures recognised as their label."""
        found = self._classifier.predict(flat(images))
        return float(np.mean(found == labels))


def flat(images):
    return np.asarray(images).reshape(len(images), -1) / 255.0
