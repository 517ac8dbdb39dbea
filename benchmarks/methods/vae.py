"""A convolutional variational autoencoder with classes.

Kingma and Welling 2014, https://arxiv.org/abs/1312.6114; each pixel is a
discretised logistic of a learned scale (Kingma et al. 2016), so that its
bound is one on the same pixels as the others' likelihood.
"""

import keras
import numpy as np
from keras import ops

from benchmarks.methods.method import (
    Batches,
    Method,
    in_batches,
    sized,
    within,
)

LATENTS = 32


class Network(keras.Model):
    """Images and labels to the negative bound, in nats."""

    def __init__(self, data, width):
        super().__init__()
        height, _, channels = data.image_shape
        self.halvings = 2 if height < 32 else 3
        self.side = -(-height // 2**self.halvings)
        self.crop = height
        self.label = keras.layers.Embedding(data.num_classes, 16)
        grow = [width * 2**i for i in range(self.halvings)]
        self.down = keras.Sequential(
            [
                layer
                for filters in grow
                for layer in (
                    keras.layers.Conv2D(filters, 4, 2, padding="same"),
                    keras.layers.GroupNormalization(4),
                    keras.layers.Activation("swish"),
                )
            ]
        )
        self.posterior = keras.layers.Dense(2 * LATENTS)
        self.start = keras.layers.Dense(self.side**2 * grow[-1])
        self.last = grow[-1]
        self.up = keras.Sequential(
            [
                layer
                for filters in grow[::-1]
                for layer in (
                    keras.layers.Conv2DTranspose(filters, 4, 2, "same"),
                    keras.layers.GroupNormalization(4),
                    keras.layers.Activation("swish"),
                )
            ]
            + [keras.layers.Conv2D(channels, 3, padding="same")]
        )
        self.log_scale = self.add_weight(
            (channels,), keras.initializers.Constant(-2.0), name="log_scale"
        )
        middles = (data.levels[1:] / 2 + data.levels[:-1] / 2) / 127.5 - 1
        self.middles = np.concatenate([[-1e3], middles, [1e3]])
        places = np.zeros(256, "int32")
        places[data.levels] = np.arange(len(data.levels))
        self.places = places
        self.noise = keras.random.SeedGenerator(0)

    def decode(self, latents, labels):
        """Means of pixels, from -1 to 1."""
        x = ops.concatenate([latents, self.label(labels)], -1)
        x = ops.reshape(self.start(x), (-1, self.side, self.side, self.last))
        return self.up(x)[:, : self.crop, : self.crop]

    def call(self, inputs):
        images, labels = inputs["image"], inputs["label"]
        floats = ops.cast(images, "float32") / 127.5 - 1
        seen = self.down(floats)
        seen = ops.reshape(seen, (ops.shape(seen)[0], -1))
        seen = ops.concatenate([seen, self.label(labels)], -1)
        mean, log_variance = ops.split(self.posterior(seen), 2, -1)
        log_variance = ops.clip(log_variance, -10.0, 10.0)
        noise = keras.random.normal(ops.shape(mean), seed=self.noise)
        latents = mean + noise * ops.exp(log_variance / 2)
        divergence = 0.5 * ops.sum(
            mean**2 + ops.exp(log_variance) - log_variance - 1, -1
        )
        means = self.decode(latents, labels)
        return ops.sum(self.nats(images, means), (1, 2, 3)) + divergence

    def nats(self, images, means):
        """Of each pixel: how much of the logistic lies around its level."""
        place = ops.take(ops.convert_to_tensor(self.places), images)
        edges = ops.convert_to_tensor(self.middles.astype("float32"))
        scale = ops.exp(ops.clip(self.log_scale, -7.0, 2.0))
        below = ops.sigmoid((ops.take(edges, place) - means) / scale)
        above = ops.sigmoid((ops.take(edges, place + 1) - means) / scale)
        return -ops.log(ops.maximum(above - below, 1e-7))


class VAE(Method):
    NAME = "VAE"
    RATES = (2e-3, 7e-4)
    CANNOT = "complete or edit; exact scores (a bound alone)"

    def fit(self, minutes):
        keras.utils.set_random_seed(self.seed)
        images, labels = self.data.train

        def make(width):
            network = Network(self.data, width)
            network({"image": images[:2].astype("int32"), "label": labels[:2]})
            return network

        self.model = sized(make, self.size, range(8, 257, 4))
        self.model.compile(
            keras.optimizers.Adam(self.rate),
            lambda wanted, nats: ops.mean(nats),
            jit_compile=False,
        )

        def rows(some):
            x = {"image": images[some].astype("int32"), "label": labels[some]}
            return x, np.zeros((len(some), 1), "float32")

        batches = Batches(rows, len(images), self.seed)
        within(minutes, self.rate, self.model, batches, self.NAME)

    def generate(self, labels, seed):
        generator = np.random.default_rng(seed)
        latents = generator.normal(size=(len(labels), LATENTS))
        latents = latents.astype("float32")
        means = in_batches(self.model.decode, latents, np.asarray(labels))
        pixels = (np.clip(means, -1, 1) + 1) * 127.5
        levels = self.data.levels.astype("float32")
        edges = (levels[1:] + levels[:-1]) / 2
        return self.data.levels[np.searchsorted(edges, pixels)]

    def bits_per_pixel(self, images, labels):
        def nats(x, y):
            return self.model({"image": x.astype("int32"), "label": y})

        found = in_batches(nats, images, np.asarray(labels), name="scoring")
        height, width, _ = self.data.image_shape
        return float(found.mean() / np.log(2) / (height * width))

    @property
    def num_weights(self):
        return self.model.count_params()
