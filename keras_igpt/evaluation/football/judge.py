"""`Judge`: a network that says what a football image shows.

It is small, and learns attributes and letters from real images of the
training split, blurred and stained as those of a learned tokenizer are. It
reads letter by letter: it knows no words, and not the one that is wanted.

    judge = Judge.train(minutes=3)
    judge(images)["kit"]  # array of "red", "blue" …

Axes: B images; R rows and C columns where a letter may stand.
"""

import keras
import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.atomic_files import save_model
from keras_igpt.compiling import JIT_CONVOLUTIONS
from keras_igpt.data.football import captions, scenes
from keras_igpt.data.football.canvas import LABELS, SIZE
from keras_igpt.images import lettering
from keras_igpt.progress import steps
from keras_igpt.training.callbacks import BudgetBar
from keras_igpt.training.schedule import TrainingBudget, fit_within

ATTRIBUTES = ("kit", "pattern", "players", "ball", "goal", "night")

# Upper left corners of the cells where a letter may stand. A word of n
# letters starts at column 4 * (8 - n), and its letters are 8 pixels apart.
ROWS = (4, 8, 12)

MAX_LETTERS = 6

COLUMNS = tuple(range(4 * (8 - MAX_LETTERS), 4 * (8 + MAX_LETTERS) - 7, 4))

NO_LETTER = len(lettering.CHARACTERS)

BATCH = 64

# Images kept in memory to train on; each is damaged anew every time.
IMAGES = 10_000

LEARNING_RATE = 2e-3

# Most of the places where a letter may stand have none.
LETTER_WEIGHT = 10.0


class Judge:
    """Names attributes and words of football images.

    Args:
        network: a model as `train` makes it.
    """

    def __init__(self, network: keras.Model) -> None:
        self.network = network

    @classmethod
    def train(
        cls,
        minutes: float | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> "Judge":
        """Learns from drawn images of the training split.

        Args:
            minutes: how long, beside a quarter of a minute to draw; 3 if
                neither this nor `steps` is given.
            steps: how many batches of 64 images, instead.
            seed: of the network's first weights, and of the damage.

        Raises:
            ValueError: if both are given.
        """
        if minutes is None and steps is None:
            minutes = 3.0
        keras.utils.set_random_seed(seed)
        budget = TrainingBudget(
            LEARNING_RATE, None if steps is None else 1, minutes, warmup=0.1
        )
        network = _network()
        network.compile(
            keras.optimizers.Adam(LEARNING_RATE),
            {
                name: keras.losses.SparseCategoricalCrossentropy(True)
                for name in network.output
            },
            loss_weights={
                name: LETTER_WEIGHT if name == "letters" else 1.0
                for name in network.output
            },
            jit_compile=JIT_CONVOLUTIONS,
        )
        fit_within(
            network,
            _Renders(IMAGES // BATCH if steps is None else steps, seed),
            budget,
            bar=BudgetBar("training a judge", budget),
        )
        return cls(network)

    @classmethod
    def load(cls, path: PathLike) -> "Judge":
        """Loads what `save` wrote."""
        return cls(keras.saving.load_model(path, compile=False))

    def save(self, path: PathLike) -> None:
        """Writes a `.keras` file, whole or not at all."""
        save_model(self.network, path)

    def __call__(self, images: Array) -> dict[str, Array]:
        """Names what images show.

        Args:
            images: uint8 array of shape `(B, height, width, 3)`, height and
                width one multiple of 64.

        Returns:
            dict of arrays of shape `(B,)`: the attributes, with values as in
            `captions.VOCABULARY`, and "word", "" for none.
        """
        images = _shrunk(images)
        logits = self.network.predict(images, batch_size=256, verbose=0)
        found = {
            name: np.array(captions.VOCABULARY[name])[logits[name].argmax(-1)]
            for name in ATTRIBUTES
        }
        words = [_read(letters) for letters in logits["letters"]]
        return {**found, "word": np.array(words, object)}

    def features(self, images: Array) -> Array:
        """What it knows of images before it names anything.

        Args:
            images: as `__call__` takes them.

        Returns:
            float32 array of shape `(B, 192)`, for Fréchet distances.
        """
        seen = self.feature_network
        return seen.predict(_shrunk(images), batch_size=256, verbose=0)

    @property
    def feature_network(self) -> keras.Model:
        """From float32 images `(B, 64, 64, 3)` to their `features`."""
        layer = self.network.get_layer("features")
        return keras.Model(self.network.inputs, layer.output)


def _shrunk(images):
    """Images of 64x64, float32, from larger ones by averaging."""
    images = np.asarray(images)
    factor = images.shape[1] // SIZE if images.ndim == 4 else 0
    wanted = (factor * SIZE, factor * SIZE, 3)
    if not factor or images.shape[1:] != wanted or images.dtype != np.uint8:
        raise ValueError(
            "`images` must be uint8 of shape `(batch, size, size, 3)`, the "
            f"size a multiple of {SIZE}. Received: images of dtype "
            f"{images.dtype} and shape {images.shape}."
        )
    blocks = images.reshape(-1, SIZE, factor, SIZE, factor, 3)
    return blocks.mean((2, 4), dtype="float32")


def _read(logits):
    """The likeliest word, from logits `(R, C, characters + 1)`.

    Row and length are chosen for all letters together, so that one letter
    that is hard to read does not hide the others.
    """
    letters, blank = logits[..., :NO_LETTER], logits[..., NO_LETTER]
    # Log-likelihood ratio of the best letter to none; softmax cancels out.
    gain = letters.max(-1) - blank  # (R, C)
    best, word = 0.0, ""
    for length in range(1, MAX_LETTERS + 1):
        columns = _columns_of(length)
        gains = gain[:, columns].sum(-1)
        row = gains.argmax()
        if gains[row] > best:
            best = gains[row]
            marks = letters[row, columns].argmax(-1)
            word = "".join(lettering.CHARACTERS[mark] for mark in marks)
    return word


def _columns_of(length):
    """Where in `COLUMNS` the letters of a word stand."""
    first = MAX_LETTERS - length
    return slice(first, first + 2 * length, 2)


# === The network ===


def _network():
    images = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    outputs = {"letters": _letters(x)}
    for filters, kernel, strides in (
        (32, 4, 2),
        (64, 3, 2),
        (64, 3, 1),
        (96, 3, 2),
        (96, 3, 1),
    ):
        x = keras.layers.Conv2D(filters, kernel, strides, padding="same")(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    # What there is anywhere, and how much of it.
    x = keras.layers.Concatenate(name="features")(
        [
            keras.layers.GlobalMaxPooling2D()(x),
            keras.layers.GlobalAveragePooling2D()(x),
        ]
    )
    for name in ATTRIBUTES:
        values = len(captions.VOCABULARY[name])
        outputs[name] = keras.layers.Dense(values, name=name)(x)
    return keras.Model(images, outputs)


def _letters(x):
    """Logits `(B, R, C, characters + 1)`; each sees its cell and a rim."""
    rim = 1
    top, bottom = ROWS[0] - rim, ROWS[-1] + lettering.CELL + rim
    left, right = COLUMNS[0] - rim, COLUMNS[-1] + lettering.CELL + rim
    x = keras.layers.Cropping2D(((top, SIZE - bottom), (left, SIZE - right)))(x)
    x = keras.layers.Conv2D(32, 1 + 2 * rim, activation="relu")(x)
    step = COLUMNS[1] - COLUMNS[0]
    x = keras.layers.Conv2D(128, lettering.CELL, step, activation="relu")(x)
    return keras.layers.Conv2D(NO_LETTER + 1, 1, name="letters")(x)


# === What it learns from ===


class _Renders(keras.utils.PyDataset):
    """Batches of drawn images, damaged anew each time."""

    def __init__(self, num_steps, seed):
        super().__init__()
        self.num_steps = num_steps
        self.generator = np.random.default_rng(seed)
        count = min(IMAGES, num_steps * BATCH)
        self.images = np.empty((count, SIZE, SIZE, 3), "uint8")
        self.targets = {name: [] for name in (*ATTRIBUTES, "letters")}
        drawn = scenes.scenes("train", count)
        for i, example in enumerate(steps("drawing", drawn, count)):
            self.images[i] = example["image"]
            for name, target in _targets(example).items():
                self.targets[name].append(target)
        self.targets = {k: np.array(v) for k, v in self.targets.items()}

    def __len__(self):
        return self.num_steps

    def __getitem__(self, index):
        chosen = self.generator.integers(len(self.images), size=BATCH)
        images = _damaged(self.images[chosen], self.generator)
        return images, {k: v[chosen] for k, v in self.targets.items()}


def _targets(example):
    """Numbers of the right answers; `(R, C)` of them for the letters."""
    targets = {
        name: captions.VOCABULARY[name].index(example[name])
        for name in ATTRIBUTES
    }
    letters = np.full((len(ROWS), len(COLUMNS)), NO_LETTER)
    if word := example["word"]:
        ink = (example["layout"] == LABELS["word"]).all(-1)
        row = ROWS.index(ink.any(-1).argmax())
        marks = [lettering.CHARACTERS.index(mark) for mark in word]
        letters[row, _columns_of(len(word))] = marks
    return {**targets, "letters": letters}


def _damaged(images, generator):
    """What tokenizers and samplers may do to images, more or less of it.

    Args:
        images: uint8 array of shape `(B, 64, 64, 3)`.
        generator: `numpy.random.Generator`.

    Returns:
        float32 array of the same shape, from 0 to 255.
    """
    count = len(images)
    # Some images stay as they are, some suffer everything.
    strength = generator.random((count, 1, 1, 1), "float32")

    def share(side):
        drawn = generator.random((count, side, side, 1), "float32")
        return strength * _enlarged(drawn, SIZE // side)

    def noise(side):
        shape = (count, side, side, 3)
        drawn = generator.standard_normal(shape, "float32")
        return strength * _enlarged(drawn, SIZE // side)

    x = images.astype("float32")
    coarse = x.reshape(count, SIZE // 2, 2, SIZE // 2, 2, 3).mean((2, 4))
    x += share(1) * (_enlarged(coarse, 2) - x)
    # Colour runs to the neighbours, not everywhere alike.
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        flow = 0.25 * (share(1) + share(SIZE // 2))
        x += flow * (_moved(x, step, axis) - x)
    x *= 1 + 0.05 * noise(1)
    x += 8 * (noise(1) + noise(SIZE // 4) + noise(SIZE))
    return x.clip(0, 255)


def _enlarged(x, factor):
    return x.repeat(factor, axis=1).repeat(factor, axis=2)


def _moved(x, step, axis):
    """Images moved by a pixel, their edge repeated."""
    places = np.clip(np.arange(x.shape[axis]) + step, 0, x.shape[axis] - 1)
    return x.take(places, axis)
