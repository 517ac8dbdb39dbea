"""`TokenModel`: a Keras model that is fed with tokens."""

import inspect
import warnings
from typing import Any

import keras
import numpy as np

from keras_igpt.allocation import keep_freed_memory
from keras_igpt.operations import training_step
from keras_igpt.training.batches import ExactEpochs, TokenBatches
from keras_igpt.training.distributed.replicas import (
    divided,
    first_batch,
    reducible,
    sum_before_clipping,
)
from keras_igpt.training.schedule import build_optimizer, part_averages

# What Keras's own takes, whatever another library puts in its place.
_FIT = inspect.signature(keras.Model.fit)


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
            return _on_any_backend(super().get_compile_config())
        return None

    def compile_from_config(self, config: dict) -> None:
        """Compiles as `get_compile_config` says."""
        # Keras leaves this to classes with a `compile` of their own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.fit`, on what `prepare` returns.

        With the `initial_epoch` of a saved model it ends as if it had not been
        interrupted. `sample_weight` has one weight for each image, and
        `validation_split` sets images aside, chosen at random.
        """
        _check_prepared(x)
        keep_freed_memory()
        build_optimizer(self)
        sum_before_clipping(self)
        part_averages(self)
        if not isinstance(x, TokenBatches):
            return super().fit(x, *args, **kwargs)
        asked = dict(_FIT.bind(self, x, *args, **kwargs).arguments)
        asked.pop("self")
        with warnings.catch_warnings():
            if x.done:  # Keras counts on as many batches as in other epochs.
                warnings.filterwarnings("ignore", "Your input ran out of data")
            return super().fit(**_of_batches(self, **asked))

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.evaluate`, on what `prepare` returns."""
        _check_prepared(x)
        return super().evaluate(self._parts(x), *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.predict`, on what `prepare` returns."""
        _check_prepared(x)
        return super().predict(self._parts(x), *args, **kwargs)

    def _parts(self, x):
        """Every image once: shuffling is for `fit` alone."""
        return divided(self, _in_order(x), learns=False)

    def train_step(self, *args: Any) -> Any:
        """As Keras's, also with several workers."""
        with training_step(one_pass=not self.jit_compile):
            return reducible(self, super().train_step(*args))

    def test_step(self, *args: Any) -> Any:
        """As Keras's, also with several workers."""
        return reducible(self, super().test_step(*args))

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """As Keras's on TensorFlow, which fails with several workers."""
        if iterator is not None and self._distribute_strategy is not None:
            iterator, data_batch = None, first_batch(self, iterator)
        super()._maybe_symbolic_build(iterator, data_batch)


def _on_any_backend(config):
    """A configuration with the names by which all backends know optimizers."""
    if isinstance(config, (list, tuple)):
        return [_on_any_backend(part) for part in config]
    if not isinstance(config, dict):
        return config
    # PyTorch's have classes of their own, which files would ask for.
    if str(config.get("module")).startswith("keras.src.backend.torch.optim"):
        names = {"module": "keras.optimizers", "registered_name": None}
        config = {**config, **names}
    return {name: _on_any_backend(part) for name, part in config.items()}


def _in_order(x):
    return x.part() if isinstance(x, TokenBatches) and x.shuffle else x


def _of_batches(model, x, **asked):
    """What Keras's `fit` is to be called with for `TokenBatches`."""
    weights = asked.pop("sample_weight", None)
    if weights is not None:
        weights = _checked_weights(weights, x.num_images)
        begun, x = x, x.part(shuffle=x.shuffle, weights=weights)
        x.done, x.epoch_step = begun.done, begun.epoch_step
    if asked.get("class_weight") is not None and x.target != "label":
        raise ValueError(
            "`class_weight` must be None: what is told are tokens, not "
            "classes. Received: class_weight. Give `sample_weight`, one "
            "number for each image."
        )
    share = asked.pop("validation_split", 0.0)
    if share and asked.get("validation_data") is None:
        x, asked["validation_data"] = _split(x, share)
    held_out = _in_order(asked.get("validation_data"))
    asked["validation_data"] = divided(model, held_out, learns=False)
    callbacks = asked.pop("callbacks", None) or []
    if isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.append(ExactEpochs(x))
        callbacks.callbacks[-1].set_model(model)
    else:
        callbacks = [ExactEpochs(x), *callbacks]
    x = divided(model, x, class_weight=asked.pop("class_weight", None))
    # Keras would shuffle the batches by a running generator.
    return {**asked, "x": x, "callbacks": callbacks, "shuffle": False}


def _checked_weights(weights, count):
    weights = np.asarray(weights, "float32")
    if weights.shape != (count,) or not np.all(np.isfinite(weights)):
        raise ValueError(
            f"`sample_weight` must be {count} numbers, one for each image. "
            f"Received: an array of shape {weights.shape}."
        )
    return weights


def _split(x, share):
    count = max(1, round(x.num_images * share))
    if not 0 < share < 1 or count >= x.num_images:
        raise ValueError(
            "`validation_split` must be above 0 and below 1, and leave images "
            f"to learn from. Received: validation_split={share!r}, for "
            f"{x.num_images} images."
        )
    return x.split(count)


def _check_prepared(x):
    spec = getattr(x, "element_spec", x)
    if isinstance(spec, (tuple, list)) and len(spec) in (1, 2, 3):
        spec = spec[0]
    shape = getattr(spec, "shape", ())
    raw = isinstance(spec, dict) and "image" in spec
    raw = raw or getattr(spec, "dtype", None) == np.uint8
    # Tokens are given in dictionaries, and have two axes.
    raw = raw or getattr(shape, "rank", len(shape or ())) in (3, 4)
    if raw:
        raise ValueError(
            "`x` must be tokens. Received: images. "
            "Call `model.fit(model.prepare(images))`."
        )
