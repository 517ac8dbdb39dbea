"""Small real models, pictures and runs that the tests share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest
from PIL import Image

import keras_igpt
from keras_igpt import football, train_jobs
from keras_igpt.captions import encode_text

# What `keras-igpt train` has options for, for the smallest of runs.
TRAIN_OPTIONS = {
    "data": None,
    "size": None,
    "channels": None,
    "tokenizer": "palette",
    "colors": 4,
    "codes": 8,
    "cell_size": 4,
    "tokenizer_minutes": 0.05,
    "labels": True,
    "captions": True,
    "edits": [],
    "init_from": None,
    "model": "tiny",
    "epochs": 1,
    "minutes": None,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "dropout": 0.0,
    "ema": None,
    "edit_share": 0.5,
    "precision": "float32",
    "seed": 0,
}


def make_model(
    image_size=(4, 4), num_colors=5, num_classes=3, trained=True, **kwargs
):
    """2 layers of width 16; `trained` gives zeros random weights."""
    keras.utils.set_random_seed(7)
    tokenizer = keras_igpt.PaletteTokenizer(image_size, num_colors, channels=1)
    kwargs = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, **kwargs}
    model = keras_igpt.ImageGPT(tokenizer, num_classes=num_classes, **kwargs)
    if trained:
        generator = np.random.default_rng(7)
        model.head.kernel.assign(
            generator.normal(size=model.head.kernel.shape, scale=0.5)
        )
        if model.prompt:
            kernel = model.prompt_summary.output_projection.kernel
            kernel.assign(generator.normal(size=kernel.shape, scale=0.2))
    return model


def make_painter():
    """An untrained model of colours, with captions and edits."""
    keras.utils.set_random_seed(0)
    colors = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), "uint8")
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 5).adapt(colors)
    model = keras_igpt.ImageGPT(
        tokenizer,
        num_layers=1,
        num_heads=1,
        hidden_dim=16,
        text_length=40,
        edits=("inpaint", "upscale"),
    )
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    return model


def some_inputs(model, count=3, seed=0):
    """Random tokens, labels and captions of 6 bytes, at most 3 of these."""
    generator = np.random.default_rng(seed)
    shape = (count, model.num_cells)
    inputs = {
        "tokens": generator.integers(0, model.vocabulary_size, shape, "int32")
    }
    if model.num_classes:
        inputs["label"] = generator.integers(
            0, model.num_classes, count, "int32"
        )
    if model.text_length:
        inputs["text"] = encode_text(["", "ab", "五x"][:count], 6)
    return inputs


@pytest.fixture(scope="session")
def tiny_model():
    """A model with classes, not to be changed by a test."""
    return make_model()


@pytest.fixture(scope="session")
def tiny_unconditional():
    """A model without classes, not to be changed by a test."""
    return make_model(num_classes=0)


@pytest.fixture
def fresh_model():
    """A model that a test may change."""
    return make_model()


@pytest.fixture
def tiny_images():
    """8 random grey pictures of 4x4 pixels."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (8, 4, 4, 1), dtype="uint8")


@pytest.fixture(scope="session")
def scenes():
    """Forty football pictures of the test split, with their facts."""
    return list(football.scenes("test", 40))


@pytest.fixture(scope="session")
def scene_images(scenes):
    """These pictures alone, uint8 `(40, 64, 64, 3)`."""
    return np.stack([example["image"] for example in scenes])


# === Files ===


def save_picture(path, color=(255, 0, 0), size=(8, 6), mode="RGB", **kwargs):
    """Writes a picture of one colour; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **kwargs)
    return path


def read_all(dataset):
    """All examples of a data set."""
    return list(dataset.as_numpy_iterator())


@pytest.fixture
def picture_folder(tmp_path):
    """Twenty pictures of 8x6 in two classes."""
    for row in range(10):
        save_picture(tmp_path / "cat" / f"{row}.png", (row, 0, 0))
        save_picture(tmp_path / "dog" / f"{row}.png", (row, 1, 0))
    return tmp_path


# === Runs ===


@pytest.fixture(scope="session")
def class_folder(tmp_path_factory):
    """20 coloured pictures of 6x6 pixels in 2 class folders."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for i in range(20):
        name = ("ball", "goal")[i % 2]
        (root / name).mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (6, 6, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def class_run(class_folder, tmp_path_factory):
    """A run on them, not to be changed by a test."""
    out = tmp_path_factory.mktemp("runs") / "one"
    train_jobs.train(
        {**TRAIN_OPTIONS, "data": str(class_folder), "size": 4}, out
    )
    return out


@pytest.fixture(scope="session")
def caption_run(tmp_path_factory):
    """A run on 40 captioned pictures of 8x8 pixels, with a VQ tokenizer."""
    root = tmp_path_factory.mktemp("captioned")
    generator = np.random.default_rng(0)
    rows = ["file_name,text"]
    for i in range(40):
        pixels = generator.integers(0, 256, (8, 8, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / f"{i}.png")
        rows.append(f"{i}.png,{('a ball', 'a tall goal')[i % 2]}")
    (root / "metadata.csv").write_text("\n".join(rows))
    out = root / "run"
    options = {**TRAIN_OPTIONS, "tokenizer": "vq", "data": str(root), "size": 8}
    train_jobs.train(options, out)
    return out
