"""An LSTM that writes tokens one after another: the recurrent form.

Van den Oord et al. 2016, https://arxiv.org/abs/1601.06759, in one dimension:
two layers read the token before a cell, the one above it, the cell's row and
column, and the class. Its tokens are those of a palette, and for large images
learned ones.
"""

import keras
import numpy as np
from keras import ops

import keras_igpt
from benchmarks.methods.method import (
    Batches,
    Method,
    batch_size,
    in_batches,
    sized,
    within,
)

# Cells of the longest sequence of a palette.
LONGEST = 1024


class Network(keras.Model):
    """Tokens `(B, N)` and labels to logits of each token."""

    def __init__(self, vocabulary, grid_size, num_classes, width):
        super().__init__()
        rows, self.columns = grid_size
        self.start = vocabulary
        self.tokens = keras.layers.Embedding(vocabulary + 1, width)
        self.above = keras.layers.Embedding(vocabulary + 1, width)
        self.row = keras.layers.Embedding(rows, width)
        self.column = keras.layers.Embedding(self.columns, width)
        self.label = keras.layers.Embedding(num_classes, width)
        self.cells = [
            keras.layers.LSTM(width, return_sequences=True, return_state=True)
            for _ in range(2)
        ]
        self.head = keras.layers.Dense(vocabulary)

    def call(self, inputs):
        tokens = ops.cast(inputs["tokens"], "int32")
        before = ops.pad(tokens, ((0, 0), (1, 0)), constant_values=self.start)
        over = ops.pad(
            tokens, ((0, 0), (self.columns, 0)), constant_values=self.start
        )
        count = tokens.shape[1]
        before, over = before[:, :count], over[:, :count]
        cells = ops.arange(count)[None]
        return self.read(before, over, cells, inputs["label"], None)[0]

    def read(self, before, over, cells, labels, states):
        """Logits, and the states after."""
        x = self.tokens(before) + self.above(over) + self.label(labels)[:, None]
        x = x + self.row(cells // self.columns)
        x = x + self.column(cells % self.columns)
        kept = []
        for cell, state in zip(self.cells, states or [None] * len(self.cells)):
            out, *state = cell(x, initial_state=state)
            x = x + out
            kept.append(state)
        return self.head(x), kept


class LSTM(Method):
    NAME = "LSTM over tokens"
    RATES = (3e-3, 1e-3)
    CANNOT = "see what is below or right of a hole"

    def fit(self, minutes):
        keras.utils.set_random_seed(self.seed)
        images, labels = self.data.train
        height, width, channels = self.data.image_shape
        self.exact = height * width <= LONGEST
        if self.exact:
            self.tokenizer = keras_igpt.PaletteTokenizer(
                (height, width), len(self.data.levels), channels=channels
            )
            self.tokenizer.adapt(images)
        else:
            self.tokenizer = keras_igpt.VQTokenizer(
                (height, width), 512, cell_size=4, channels=channels
            )
            self.tokenizer.adapt(images, minutes=minutes / 4)
            minutes *= 3 / 4
        others = self.tokenizer.count_params()
        tokens = self.tokenizer.encode_all(images)
        grid_size = self.tokenizer.grid_size
        vocabulary = self.tokenizer.vocabulary_size

        def make(size):
            network = Network(
                vocabulary, grid_size, self.data.num_classes, size
            )
            network({"tokens": tokens[:2], "label": labels[:2]})
            return network

        self.model = sized(make, self.size - others, range(16, 513, 8))
        self.model.compile(
            keras.optimizers.Adam(self.rate, clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )

        def rows(some):
            own = tokens[some].astype("int32")
            return {"tokens": own, "label": labels[some]}, own

        batch = batch_size(tokens.shape[1])
        batches = Batches(rows, len(images), self.seed, batch)
        within(minutes, self.rate, self.model, batches, self.NAME)

    def generate(self, labels, seed):
        generator = np.random.default_rng(seed)
        rows, columns = self.tokenizer.grid_size
        count = rows * columns
        uniforms = generator.random((len(labels), count), "float32")
        step = self._step()

        def write(own, uniforms):
            tokens = np.full((len(own), count), self.model.start, "int32")
            states = [
                [np.zeros((len(own), cell.units), "float32")] * 2
                for cell in self.model.cells
            ]
            before = over = tokens[:, :1].copy()
            for i in range(count):
                if i:
                    before = tokens[:, i - 1 : i]
                if i >= columns:
                    over = tokens[:, i - columns : i - columns + 1]
                cell = np.full((1, 1), i, "int32")
                chances, states = step(before, over, cell, own, states)
                sums = np.cumsum(chances, -1)
                found = (sums < uniforms[:, i : i + 1] * sums[:, -1:]).sum(-1)
                tokens[:, i] = np.minimum(found, self.model.start - 1)
            return self.tokenizer.decode_all(tokens)

        return in_batches(write, np.asarray(labels, "int32"), uniforms)

    def _step(self):
        import tensorflow as tf

        @tf.function
        def step(before, over, cells, labels, states):
            logits, states = self.model.read(
                before, over, cells, labels, states
            )
            return ops.softmax(logits[:, 0]), states

        def numbers(*inputs):
            chances, states = step(*tf.nest.map_structure(tf.constant, inputs))
            return chances.numpy(), states

        return numbers

    def bits_per_pixel(self, images, labels):
        if not self.exact:
            return None

        def nats(x, y):
            logits = self.model({"tokens": x, "label": y})
            lost = keras.losses.sparse_categorical_crossentropy(
                x, logits, from_logits=True
            )
            return ops.sum(lost, -1)

        tokens = self.tokenizer.encode_all(images).astype("int32")
        found = in_batches(nats, tokens, np.asarray(labels), name="scoring")
        height, width, _ = self.data.image_shape
        return float(found.mean() / np.log(2) / (height * width))

    @property
    def num_weights(self):
        return self.model.count_params() + self.tokenizer.count_params()
