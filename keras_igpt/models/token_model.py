"""`TokenModel`: a Keras model that is fed with tokens."""

from typing import Any

import keras
import numpy as np

from keras_igpt.training.schedule import build_optimizer


class TokenModel(keras.Model):
    """A model that asks for tokens when it is given images."""

    @property
    def given_weights(self) -> list:
        """Weights that no training of this model changes."""
        return [] if self.trainable else self.weights

    def get_compile_config(self) -> dict | None:
        """As Keras's; None where a file could not keep the optimizer."""
        # Files keep neither single weights that are frozen nor LoRA, so that
        # an optimizer would come back with state for other weights.
        learned = len(self.weights) - len(self.given_weights)
        whole = len(self.trainable_weights) == learned
        if whole or getattr(self, "quantization", None):
            return super().get_compile_config()
        return None

    def compile_from_config(self, config: dict) -> None:
        """Compiles as `get_compile_config` says."""
        # Keras leaves this to classes with a `compile` of their own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.fit`, on what `prepare` returns."""
        _check_prepared(x)
        build_optimizer(self)
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.evaluate`, on what `prepare` returns."""
        _check_prepared(x)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.predict`, on what `prepare` returns."""
        _check_prepared(x)
        return super().predict(x, *args, **kwargs)


def _check_prepared(x):
    spec = getattr(x, "element_spec", x)
    raw = isinstance(spec, dict) and "image" in spec
    raw = raw or getattr(x, "dtype", None) == np.uint8
    if raw:
        raise ValueError(
            "`x` must be tokens. Received: images. "
            "Call `model.fit(model.prepare(images))`."
        )
