"""`ImageGPTClassifier`: a model that generates learns to name images.

Axes: B images, N cells, d width of the model.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt import data
from keras_igpt.annotations import Tensor
from keras_igpt.argument_checks import check_number, check_positive
from keras_igpt.data.batches import check_tokenizer, some_of, tokens
from keras_igpt.layers.primitives import zero_dense
from keras_igpt.models import linear_probe
from keras_igpt.models.network import ImageGPTNetwork
from keras_igpt.models.token_model import TokenModel
from keras_igpt.models.trainer import rows_of
from keras_igpt.models.transfer import from_model
from keras_igpt.prompts.conditions import encode_labels
from keras_igpt.training.batches import TokenBatches
from keras_igpt.training.losses import token_nats

# Rows of shards that a linear probe is fitted to: more tell it little.
MOST_PROBED = 50_000

# Of the tokens' loss: with more, the labels' is lost in rounding.
MOST_WEIGHT = 1000.0


@keras.saving.register_keras_serializable("keras_igpt")
class ImageGPTClassifier(TokenModel):
    """Fine-tunes an `ImageGPT` to name images (Chen et al. 2020, 2.3).

    The mean over cells of what the model's head reads goes through one more
    projection. What is lowered is the cross-entropy of the labels, plus that
    of the tokens, which keeps the model from forgetting.

    Freezing and LoRA are Keras's own: `classifier.backbone.trainable = False`
    leaves a linear probe. With `weight.trainable = False` for all of
    `classifier.backbone.weights`, and then
    `block.attention.query_key_value.enable_lora(8)` for its `blocks`, small
    changes of single projections are learned; a file then has them as part
    of the projections, and the loaded model is to be compiled again.

    Args:
        backbone: an `ImageGPT`, which learns with it. Its prompts stay empty.
        num_classes: int, at least 2.
        generative_weight: float. Weight of the tokens' loss; 0 for none.

    Call arguments:
        inputs: dict of `"tokens"`, int32 `(B, N)`; with a backbone of the
            objective "bert" perhaps `"masked"`, bool `(B, N)`.

    Returns:
        float32 logits of shape `(B, num_classes)`.

    Example:

    >>> classifier = ImageGPTClassifier.from_model(model, num_classes=10)
    >>> classifier.fit_head(train)
    >>> classifier.compile(keras.optimizers.Adam(3e-4))
    >>> classifier.fit(classifier.prepare(train, batch_size=32), epochs=5)
    >>> classifier.evaluate(classifier.prepare(test, shuffle=False))
    """

    def __init__(
        self,
        backbone: ImageGPTNetwork,
        num_classes: int,
        generative_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not hasattr(backbone, "tokenizer"):
            raise ValueError(
                "`backbone` must be an ImageGPT. "
                f"Received: backbone={backbone!r}."
            )
        check_positive("num_classes", num_classes)
        check_number("generative_weight", generative_weight, MOST_WEIGHT, 0)
        self.backbone = backbone
        self.num_classes = num_classes
        self.generative_weight = generative_weight
        if not generative_weight:
            backbone.head.trainable = False  # Nothing asks it.
        self.head = zero_dense(
            num_classes, self.dtype_policy, "head", use_bias=True
        )
        self.build()

    @classmethod
    def from_model(
        cls,
        model: ImageGPTNetwork,
        num_classes: int,
        generative_weight: float = 1.0,
        **changes: Any,
    ) -> "ImageGPTClassifier":
        """A classifier that begins with a copy of a model's weights.

        Args:
            model: an `ImageGPT`; it stays as it is.
            num_classes, generative_weight: as the class takes them.
            changes: arguments of `ImageGPT` that are to differ, as `dropout`.

        Returns:
            An `ImageGPTClassifier`, not compiled.
        """
        backbone = from_model(model, **changes)
        return cls(
            backbone,
            num_classes,
            generative_weight,
            dtype=backbone.dtype_policy,
        )

    def build(self, input_shape: Any = None) -> None:
        """Makes the head's weights."""
        self.head.build((None, self.backbone.config["hidden_dim"]))
        self.built = True

    @property
    def given_weights(self) -> list:
        """Weights of the backbone that are not learned."""
        if not self.trainable:
            return self.weights
        given, head = self.backbone.given_weights, self.backbone.head
        if self.generative_weight or not self.backbone.trainable:
            return given
        return [*given, *head.weights]

    def call(
        self, inputs: dict[str, Tensor], training: bool | None = None
    ) -> Tensor:
        """Logits of the classes, float32 `(B, num_classes)`."""
        backbone, tokens = self.backbone, inputs["tokens"]
        nothing = backbone.null_conditions(ops.shape(tokens)[0])
        given = backbone.in_decode_order({**inputs, **nothing})
        hidden = backbone.read(given, training)  # (B, N, d)
        if self.generative_weight:
            nats = token_nats(tokens, backbone.logits(hidden))
            loss = _mean(nats, inputs.get("masked"))
            self.add_loss(self.generative_weight * loss)
        pooled = ops.mean(backbone.final_norm(hidden), axis=1)
        return ops.cast(self.head(pooled), "float32")

    def prepare(
        self,
        dataset: Any,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
    ) -> TokenBatches:
        """Tokenises images once, for `fit`, `evaluate` and `predict`.

        Args:
            dataset: as `keras_igpt.data.batches` takes it; shards are read
                as they are needed. Without labels what is
                returned is good for `predict` alone.
            batch_size: int.
            shuffle: bool. A new order every epoch; False for `evaluate` and
                `predict`, so that every image is seen, in order.
            seed: int. Decides the orders.

        Returns:
            A `keras.utils.PyDataset` of `(inputs, labels)` batches.
        """
        check_positive("batch_size", batch_size)
        rows, groups = rows_of(dataset, self.backbone, self._columns)
        has_labels = "label" in rows.part(np.arange(1)).columns
        return TokenBatches(
            rows,
            batch_size,
            shuffle,
            seed,
            self.backbone.draw_masked,
            "label" if has_labels else None,
            groups=groups,
        )

    def fit_head(self, dataset: Any, seed: int = 0) -> float:
        """Makes the head a linear probe of the backbone as it is.

        A head of zeros bends what the backbone has understood before it can
        read it. To begin with a probe keeps it, and `fit` goes on from there
        (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features").

        Args:
            dataset: training images with labels, as `prepare` takes them; of
                shards at most 50,000.
            seed: int. Chooses the tenth that sets the regularisation.

        Returns:
            float from 0 to 1, the accuracy on that tenth.

        Raises:
            ValueError: if there are no labels, or all are the same.
        """
        check_tokenizer(dataset, self.backbone.tokenizer)
        some = some_of(dataset, MOST_PROBED, images=False)
        columns = data.arrays(some, self._columns)
        labels = columns.get("label")
        if labels is None or len(np.unique(labels)) < 2:
            raise ValueError(
                "`dataset` must have labels of two classes or more. "
                f"Received: {'none' if labels is None else 'one class'}. "
                "Give more images, or leave the head as it is."
            )
        depth = len(self.backbone.blocks)
        features = self.backbone.token_features(columns["tokens"], depth)
        accuracy, probe = linear_probe.choose(features, labels, seed)
        self.head.set_weights(
            linear_probe.as_projection(probe, self.num_classes)
        )
        return accuracy

    def _columns(self, batch):
        """Tokens, and labels if there are any, of a batch of data."""
        columns = {"tokens": tokens(batch, self.backbone.tokenizer)}
        if "label" in batch:
            columns["label"] = encode_labels(batch["label"], self.num_classes)
        if "group" in batch:  # never given to the model
            columns["group"] = batch["group"]
        return columns

    def compile(
        self,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """As `keras.Model.compile`, with defaults for all arguments.

        Args:
            optimizer: default Adam at 3e-4, the gradient's norm cut at 1.
            loss: of the labels. Default cross-entropy in nats.
            metrics: default `["accuracy"]`.
            kwargs: passed on.
        """
        if optimizer is None:
            optimizer = keras.optimizers.Adam(
                3e-4, beta_2=0.95, global_clipnorm=1.0
            )
        if loss is None:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if metrics is None:
            metrics = ["accuracy"]
        super().compile(
            optimizer=optimizer, loss=loss, metrics=metrics, **kwargs
        )

    def get_config(self) -> dict:
        """The arguments of the class."""
        return {
            **super().get_config(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "num_classes": self.num_classes,
            "generative_weight": self.generative_weight,
        }

    @classmethod
    def from_config(cls, config: dict) -> "ImageGPTClassifier":
        """A classifier with random weights."""
        backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone})


def _mean(nats, masked):
    """Mean over cells, or over those that were hidden."""
    if masked is None:
        return ops.mean(nats)
    masked = ops.cast(masked, nats.dtype)
    return ops.sum(nats * masked) / ops.maximum(ops.sum(masked), 1)
