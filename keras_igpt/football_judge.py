"""Says what a football picture shows, and how much of it was asked for.

A small network learns attributes and letters from real pictures of the
training split, blurred and stained as those of a learned tokenizer are. It
reads letter by letter: it knows no words, and not the one that is wanted.

    judge = Judge.train(minutes=3)
    figures = report(model, judge, count=200, guidance_scale=3.0)
    rich.print(table(figures))

Axes: B pictures; R rows and C columns where a letter may stand.
"""

import keras
import numpy as np

from keras_igpt import football, glyphs
from keras_igpt.files import save_model
from keras_igpt.football_canvas import LABELS, SIZE
from keras_igpt.training import TrainingBudget

ATTRIBUTES = ("kit", "pattern", "players", "ball", "goal", "night")
LANGUAGES = football.VOCABULARY["language"]

# Upper left corners of the cells where a letter may stand. A word of n
# letters starts at column 4 * (8 - n), and its letters are 8 pixels apart.
ROWS = (4, 8, 12)
MAX_LETTERS = 6
COLUMNS = tuple(range(4 * (8 - MAX_LETTERS), 4 * (8 + MAX_LETTERS) - 7, 4))
NO_LETTER = len(glyphs.CHARACTERS)

BATCH = 64
# Pictures kept in memory to train on; each is damaged anew every time.
PICTURES = 10_000
LEARNING_RATE = 2e-3
# Most of the places where a letter may stand have none.
LETTER_WEIGHT = 10.0


class Judge:
    """Names attributes and words of football pictures.

    Args:
        network: a `keras.Model` as `train` makes it.
    """

    def __init__(self, network):
        self.network = network

    @classmethod
    def train(cls, minutes=None, steps=None, seed=0):
        """Learns from drawn pictures of the training split.

        Args:
            minutes: float. How long, beside a quarter of a minute to draw;
                3 if neither this nor `steps` is given.
            steps: int. How many batches of 64 pictures, instead.
            seed: int.

        Returns:
            A Judge.
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
            jit_compile=False,  # XLA's convolutions are slow on processors
        )
        network.fit(
            _Renders(PICTURES // BATCH if steps is None else steps, seed),
            epochs=1_000_000 if steps is None else 1,  # the budget ends it
            callbacks=[budget],
            verbose=0,
        )
        return cls(network)

    @classmethod
    def load(cls, path):
        """Loads what `save` wrote."""
        return cls(keras.saving.load_model(path, compile=False))

    def save(self, path):
        """Writes a `.keras` file, whole or not at all."""
        save_model(self.network, path)

    def __call__(self, images):
        """Names what pictures show.

        Args:
            images: uint8 array of shape `(B, height, width, 3)`, height and
                width one multiple of 64.

        Returns:
            dict of arrays of shape `(B,)`: the attributes, with values as in
            `keras_igpt.football.VOCABULARY`, and "word", "" for none.
        """
        images = _shrunk(images)
        logits = self.network.predict(images, batch_size=256, verbose=0)
        found = {
            name: np.array(football.VOCABULARY[name])[logits[name].argmax(-1)]
            for name in ATTRIBUTES
        }
        words = [_read(letters) for letters in logits["letters"]]
        return {**found, "word": np.array(words, object)}


def _shrunk(images):
    """Pictures of 64x64, float32, from larger ones by averaging."""
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
            word = "".join(glyphs.CHARACTERS[mark] for mark in marks)
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
    x = keras.layers.Concatenate()(
        [
            keras.layers.GlobalMaxPooling2D()(x),
            keras.layers.GlobalAveragePooling2D()(x),
        ]
    )
    for name in ATTRIBUTES:
        values = len(football.VOCABULARY[name])
        outputs[name] = keras.layers.Dense(values, name=name)(x)
    return keras.Model(images, outputs)


def _letters(x):
    """Logits `(B, R, C, characters + 1)`; each sees its cell and a rim."""
    rim = 1
    top, bottom = ROWS[0] - rim, ROWS[-1] + glyphs.CELL + rim
    left, right = COLUMNS[0] - rim, COLUMNS[-1] + glyphs.CELL + rim
    x = keras.layers.Cropping2D(((top, SIZE - bottom), (left, SIZE - right)))(x)
    x = keras.layers.Conv2D(32, 1 + 2 * rim, activation="relu")(x)
    step = COLUMNS[1] - COLUMNS[0]
    x = keras.layers.Conv2D(128, glyphs.CELL, step, activation="relu")(x)
    return keras.layers.Conv2D(NO_LETTER + 1, 1, name="letters")(x)


# === What it learns from ===


class _Renders(keras.utils.PyDataset):
    """Batches of drawn pictures, damaged anew each time."""

    def __init__(self, steps, seed):
        super().__init__()
        self.steps = steps
        self.generator = np.random.default_rng(seed)
        count = min(PICTURES, steps * BATCH)
        self.images = np.empty((count, SIZE, SIZE, 3), "uint8")
        self.targets = {name: [] for name in (*ATTRIBUTES, "letters")}
        for i, example in enumerate(football.scenes("train", count)):
            self.images[i] = example["image"]
            for name, target in _targets(example).items():
                self.targets[name].append(target)
        self.targets = {k: np.array(v) for k, v in self.targets.items()}

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        chosen = self.generator.integers(len(self.images), size=BATCH)
        images = _damaged(self.images[chosen], self.generator)
        return images, {k: v[chosen] for k, v in self.targets.items()}


def _targets(example):
    """Numbers of the right answers; `(R, C)` of them for the letters."""
    targets = {
        name: football.VOCABULARY[name].index(example[name])
        for name in ATTRIBUTES
    }
    letters = np.full((len(ROWS), len(COLUMNS)), NO_LETTER)
    if word := example["word"]:
        ink = (example["layout"] == LABELS["word"]).all(-1)
        row = ROWS.index(ink.any(-1).argmax())
        marks = [glyphs.CHARACTERS.index(mark) for mark in word]
        letters[row, _columns_of(len(word))] = marks
    return {**targets, "letters": letters}


def _damaged(images, generator):
    """What tokenizers and samplers may do to pictures, more or less of it.

    Args:
        images: uint8 array of shape `(B, 64, 64, 3)`.
        generator: `numpy.random.Generator`.

    Returns:
        float32 array of the same shape, from 0 to 255.
    """
    count = len(images)
    # Some pictures stay as they are, some suffer everything.
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
    """Pictures moved by a pixel, their edge repeated."""
    places = np.clip(np.arange(x.shape[axis]) + step, 0, x.shape[axis] - 1)
    return x.take(places, axis)


# === Figures ===


def evaluate(judge, images, examples):
    """How much of what was asked a judge finds in pictures.

    Args:
        judge: Judge.
        images: uint8 array of shape `(B, size, size, 3)`.
        examples: list of B dicts of facts, as `keras_igpt.football.scenes`
            gives. A fact that is missing is not counted.

    Returns:
        dict of dicts: "all", and each language that occurs. Each has
        "pictures", their number, and shares from 0 to 1: those of each
        attribute that are right; for words of 3 to 6 letters "characters",
        the mean of `character_accuracy`, and "words", those read exactly;
        "scores" such as 2-1 read exactly; "no_word", those rightly without
        any. What no example asks for is left out.

    Raises:
        ValueError: if there is not one example per picture.
    """
    if len(images) != len(examples):
        raise ValueError(
            "`examples` must be one per picture. "
            f"Received: {len(examples)} examples, {len(images)} images."
        )
    found = judge(images)
    marks = [
        _marks(example, {name: found[name][i] for name in found})
        for i, example in enumerate(examples)
    ]
    groups = {"all": marks}
    for language in LANGUAGES:
        groups[language] = [
            mark
            for mark, example in zip(marks, examples)
            if example.get("language") == language
        ]
    return {name: _means(group) for name, group in groups.items() if group}


def _marks(example, found):
    """Marks of one picture, from 0 to 1."""
    marks = {
        name: float(found[name] == example[name])
        for name in ATTRIBUTES
        if name in example
    }
    if "word" not in example:
        return marks
    wanted, word = example["word"], found["word"]
    exact = float(word == wanted)
    if wanted == "":
        marks["no_word"] = exact
    elif not wanted.isalpha():
        marks["scores"] = exact
    elif len(wanted) >= 3:
        marks["characters"] = character_accuracy(word, wanted)
        marks["words"] = exact
    return marks


def _means(group):
    names = dict.fromkeys(name for marks in group for name in marks)
    means = {
        name: float(np.mean([marks[name] for marks in group if name in marks]))
        for name in names
    }
    return {"pictures": len(group), **means}


def character_accuracy(word, wanted):
    """1 less the edit distance per letter wanted, but not below 0."""
    return max(0.0, 1 - edit_distance(word, wanted) / len(wanted))


def edit_distance(word, wanted):
    """Letters to insert, delete or replace to make a word of another."""
    above = list(range(len(wanted) + 1))
    for i, mark in enumerate(word):
        row = [i + 1]
        for j, other in enumerate(wanted):
            swapped = above[j] + (mark != other)
            row.append(min(swapped, above[j + 1] + 1, row[j] + 1))
        above = row
    return above[-1]


def report(
    model, judge=None, split="test", count=200, guidance_scale=1.0, seed=0
):
    """Figures of a model that paints football pictures from captions.

    Args:
        model: an `ImageGPT` with captions, of pictures as `Judge` takes.
        judge: Judge. Default: one trained now, for three minutes.
        split: str. Whose captions to paint from.
        count: int. How many.
        guidance_scale: float, as `ImageGPT.generate` takes it.
        seed: int. Picture i is painted with `seed + i`.

    Returns:
        dict of the arguments; of what `evaluate` returns for "generated"
        pictures, for the "real" ones of the same captions, and for those
        "decoded" from their tokens, which no model can beat; and of
        "nats_per_picture" and "unconditional_nats_per_picture", means over
        the real pictures with and without their captions.
    """
    judge = judge or Judge.train(seed=seed)
    size = model.tokenizer.image_size[0]
    examples = list(football.scenes(split, count, image_size=size))
    images = np.stack([example["image"] for example in examples])
    text = [example["text"] for example in examples]
    painted = model.generate(
        text=text, seed=seed, guidance_scale=guidance_scale
    )
    decoded = model.tokenizer.decode(model.tokenizer.encode(images))
    return {
        "split": split,
        "count": count,
        "guidance_scale": guidance_scale,
        "seed": seed,
        "generated": evaluate(judge, painted, examples),
        "decoded": evaluate(judge, np.asarray(decoded), examples),
        "real": evaluate(judge, images, examples),
        "nats_per_picture": float(model.score(images, text=text).mean()),
        "unconditional_nats_per_picture": float(model.score(images).mean()),
    }


def table(figures):
    """Shows what `report` returns.

    Returns:
        A `rich.table.Table`.
    """
    from rich.table import Table

    columns = {
        "generated": ("generated", "all"),
        **{name: ("generated", name) for name in LANGUAGES},
        "decoded": ("decoded", "all"),
        "real": ("real", "all"),
    }
    groups = [figures[kind].get(group, {}) for kind, group in columns.values()]
    shown = Table(
        "Right",
        *columns,
        title=f"{figures['count']} captions of the {figures['split']} split",
        caption=(
            f"{figures['nats_per_picture']:.1f} nats per picture with "
            "captions, "
            f"{figures['unconditional_nats_per_picture']:.1f} without"
        ),
    )
    for name in (*ATTRIBUTES, "characters", "words", "scores", "no_word"):
        shares = [group.get(name) for group in groups]
        if any(share is not None for share in shares):
            cells = ["–" if s is None else f"{s:.1%}" for s in shares]
            shown.add_row(name.replace("_", " "), *cells)
    return shown
