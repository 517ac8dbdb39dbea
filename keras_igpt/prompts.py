"""What is asked of the model, as vectors in front of the picture's cells.

A prompt is read as a whole (prefix language model). Each part has a *null*:
the vector that stands for "nothing asked". Training replaces a part by its
null now and then, which is what classifier-free guidance compares with at
generation (Ho & Salimans 2022, https://arxiv.org/abs/2207.12598).
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_igpt")
class ClassPrompt(keras.layers.Layer):
    """One vector that names the class.

    The label `num_classes` is the null.

    Args:
        num_classes: int, at least 1.
        hidden_dim: int.
        null_rate: float. Share of the training labels replaced by the null.
    """

    length = 1

    def __init__(self, num_classes, hidden_dim, null_rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.hidden_dim = hidden_dim
        self.null_rate = null_rate
        self.seed_generator = keras.random.SeedGenerator()
        self.class_embedding = keras.layers.Embedding(
            num_classes + 1,
            hidden_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02),
            dtype=self.dtype_policy,
            name="class_embedding",
        )

    def build(self):
        self.class_embedding.build((None,))

    def call(self, labels, training=None):
        """Embeds labels.

        Args:
            labels: int32 tensor of shape `(B,)`, `num_classes` for none.
            training: bool. Whether to put nulls in at random.

        Returns:
            float tensor of shape `(B, 1, hidden_dim)`.
        """
        if training:
            draw = keras.random.uniform(
                ops.shape(labels), seed=self.seed_generator
            )
            labels = ops.where(draw < self.null_rate, self.num_classes, labels)
        return self.class_embedding(labels)[:, None, :]

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_dim": self.hidden_dim,
            "null_rate": self.null_rate,
        }
