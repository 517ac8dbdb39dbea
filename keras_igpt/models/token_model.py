"""`TokenModel`: a Keras model that is fed with tokens."""

import keras
import numpy as np


class TokenModel:
    """A `keras.Model` that asks for tokens when it is given pictures.

    Expects of the class it is mixed into: `given_weights`, those that no
    training of it changes.
    """

    def get_compile_config(self):
        # Files keep neither single weights that are frozen nor LoRA, so that
        # an optimizer would come back with state for other weights.
        learned = len(self.weights) - len(self.given_weights)
        whole = len(self.trainable_weights) == learned
        if whole or getattr(self, "quantization", None):
            return super().get_compile_config()
        return None

    def compile_from_config(self, config):
        # Keras leaves this to classes with a `compile` of their own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, *args, **kwargs):
        _check_prepared(x)
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        _check_prepared(x)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        _check_prepared(x)
        return super().predict(x, *args, **kwargs)


def _check_prepared(x):
    spec = getattr(x, "element_spec", x)
    raw = isinstance(spec, dict) and "image" in spec
    raw = raw or getattr(x, "dtype", None) == np.uint8
    if raw:
        raise ValueError(
            "`x` must be tokens. Received: pictures. "
            "Do call `model.fit(model.prepare(pictures))`."
        )
