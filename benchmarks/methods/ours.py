"""keras_igpt, with a palette and with learned tokens."""

import keras
import numpy as np

import keras_igpt
from benchmarks.methods.method import Method, batch_size, within
from keras_igpt.training.schedule import default_optimizer

# Layers, and width with a palette: the size of all other methods follows.
LAYERS, WIDTH = 6, 128

# Fewer images are soon learned by heart: they are learned with AdamW, more
# with Muon. Rates of each that are tried.
FEW = 2000
RATES = {"adamw": (3e-3, 1e-3), "muon": (1e-2, 3e-3)}

# With learned tokens, whose tokenizer has weights as well: as many together.
NARROWER = 96


class Ours(Method):
    """An ImageGPT on the tokens that `tokens` makes."""

    WIDTH = WIDTH

    @staticmethod
    def optimizer(data):
        return "adamw" if len(data.train[0]) < FEW else "muon"

    @classmethod
    def rates(cls, data):
        return RATES[cls.optimizer(data)]

    def __init__(self, data, rate, size, seed):
        super().__init__(data, rate, size, seed)
        keras.utils.set_random_seed(seed)
        self.tokenizer = self.tokens()
        self.model = None

    def fit(self, minutes):
        images, labels = self.data.train
        minutes -= self.learn_tokens(images, minutes)
        self.model = keras_igpt.ImageGPT(
            self.tokenizer,
            num_layers=LAYERS,
            num_heads=self.WIDTH // 32,
            hidden_dim=self.WIDTH,
            num_classes=self.data.num_classes,
        )
        kind = self.optimizer(self.data)
        self.model.compile(default_optimizer(kind=kind))
        batches = self.model.prepare(
            {"image": images, "label": labels},
            batch_size=batch_size(self.model.num_cells),
        )
        within(minutes, self.rate, self.model, batches, self.NAME)

    def generate(self, labels, seed):
        return self.model.generate(labels, seed=seed)

    @property
    def num_weights(self):
        return self.model.count_params()


class Palette(Ours):
    NAME = "keras_igpt, palette"

    def tokens(self):
        height, width, channels = self.data.image_shape
        return keras_igpt.PaletteTokenizer(
            (height, width), len(self.data.levels), channels=channels
        )

    def learn_tokens(self, images, minutes):
        self.tokenizer.adapt(images)
        return 0.0

    def bits_per_pixel(self, images, labels):
        # A palette of all levels: exact.
        nats = self.model.score(images, labels=labels)
        height, width, _ = self.data.image_shape
        return float(np.mean(nats) / np.log(2) / (height * width))


class Learned(Ours):
    NAME = "keras_igpt, learned tokens"
    WIDTH = NARROWER

    def tokens(self):
        height, width, channels = self.data.image_shape
        return keras_igpt.VQTokenizer(
            (height, width),
            codebook_size=512,
            cell_size=4 if height > 32 else 2,
            channels=channels,
        )

    def learn_tokens(self, images, minutes):
        """A quarter of the time is the tokenizer's."""
        share = minutes / 4
        self.tokenizer.adapt(images, minutes=share)
        return share
