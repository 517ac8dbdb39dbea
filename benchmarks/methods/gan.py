"""A convolutional GAN with classes, of the kind that trains stably.

Radford et al. 2016 (https://arxiv.org/abs/1511.06434) in size; hinge loss
and spectral normalisation (Miyato et al. 2018,
https://arxiv.org/abs/1802.05957); the class by projection (Miyato and Koyama
2018, https://arxiv.org/abs/1802.05637).
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from benchmarks.methods.method import (
    Batches,
    Method,
    in_batches,
    sized,
    within,
)

LATENTS = 64


def generator_of(data, width):
    """Noise and labels to pixels from -1 to 1."""
    height, _, channels = data.image_shape
    halvings = 2 if height < 32 else 3
    side = -(-height // 2**halvings)
    noise, label = keras.Input((LATENTS,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()(
        [noise, layers.Embedding(data.num_classes, LATENTS)(label)]
    )
    filters = width * 2**halvings
    x = layers.Reshape((side, side, filters))(
        layers.Dense(side * side * filters)(x)
    )
    for i in reversed(range(halvings)):
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.UpSampling2D()(x)
        x = layers.Conv2D(width * 2**i, 3, padding="same")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(channels, 3, padding="same", activation="tanh")(x)
    x = layers.Cropping2D(((0, x.shape[1] - height),) * 2)(x)
    return keras.Model([noise, label], x)


def critic_of(data, width):
    """Pixels and labels to how real they look."""
    image = keras.Input(data.image_shape)
    label = keras.Input((), dtype="int32")
    x = image
    for i in range(2 if data.image_shape[0] < 32 else 3):
        x = _normal(layers.Conv2D(width * 2**i, 3, padding="same"))(x)
        x = layers.LeakyReLU(0.1)(x)
        x = _normal(layers.Conv2D(width * 2 ** (i + 1), 4, 2, "same"))(x)
        x = layers.LeakyReLU(0.1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    kind = layers.Embedding(data.num_classes, x.shape[-1])(label)
    fits = layers.Dot(1)([x, kind])
    return keras.Model(
        [image, label], layers.Add()([_normal(layers.Dense(1))(x), fits])
    )


def _normal(layer):
    return layers.SpectralNormalization(layer)


class Pair(keras.Model):
    """A generator and its critic, which learn in turn."""

    def __init__(self, data, width):
        super().__init__()
        self.generator = generator_of(data, width)
        self.critic = critic_of(data, width)
        self.noise = keras.random.SeedGenerator(0)
        self.built = True

    def compile(self, rate):
        super().compile(keras.optimizers.Adam(rate, 0.0, 0.9))
        self.critic_optimizer = keras.optimizers.Adam(rate, 0.0, 0.9)
        self.critic_optimizer.build(self.critic.trainable_variables)
        self.optimizer.build(self.generator.trainable_variables)

    def count_params(self):
        return self.generator.count_params() + self.critic.count_params()

    def train_step(self, batch):
        real, labels = batch[0]["image"], batch[0]["label"]
        shape = (ops.shape(real)[0], LATENTS)
        noise = keras.random.normal(shape, seed=self.noise)
        with tf.GradientTape() as tape:
            made = self.generator([noise, labels], training=True)
            lost = ops.mean(
                ops.relu(1 - self.critic([real, labels], training=True))
            ) + ops.mean(
                ops.relu(
                    1
                    + self.critic(
                        [ops.stop_gradient(made), labels], training=True
                    )
                )
            )
        weights = self.critic.trainable_variables
        self.critic_optimizer.learning_rate.assign(self.optimizer.learning_rate)
        self.critic_optimizer.apply(tape.gradient(lost, weights), weights)
        noise = keras.random.normal(shape, seed=self.noise)
        with tf.GradientTape() as tape:
            made = self.generator([noise, labels], training=True)
            loss = -ops.mean(self.critic([made, labels], training=False))
        weights = self.generator.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss, "critic": lost}


class GAN(Method):
    NAME = "GAN"
    RATES = (1e-3, 3e-4)
    CANNOT = "score, complete or edit"

    def fit(self, minutes):
        keras.utils.set_random_seed(self.seed)
        images, labels = self.data.train
        self.model = sized(
            lambda width: Pair(self.data, width), self.size, range(4, 129, 2)
        )
        self.model.compile(self.rate)

        def rows(some):
            x = images[some].astype("float32") / 127.5 - 1
            return ({"image": x, "label": labels[some].astype("int32")},)

        batches = Batches(rows, len(images), self.seed)
        within(minutes, self.rate, self.model, batches, self.NAME)

    def generate(self, labels, seed):
        noise = np.random.default_rng(seed).normal(size=(len(labels), LATENTS))

        def made(x, y):
            return self.model.generator([x, y], training=False)

        pixels = in_batches(
            made, noise.astype("float32"), np.asarray(labels, "int32")
        )
        levels = self.data.levels.astype("float32")
        edges = (levels[1:] + levels[:-1]) / 2
        places = np.searchsorted(edges, (pixels + 1) * 127.5)
        return self.data.levels[places]

    @property
    def num_weights(self):
        return self.model.count_params()
