"""Fixtures that the tests share: small real models, pictures and runs."""

import gc
import os
import pathlib
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# JAX compiles the same programs for many small models: quickly, and once.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(pathlib.Path(__file__).parents[1] / "build" / "jax"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import numpy as np
import pytest
import small_models
from PIL import Image
from small_models import make_model, save_picture, train

from keras_igpt.data.football import scenes as football_scenes

# Graphs are many small objects: looking through all of them for garbage takes
# a fifth of the tests' time, by the usual thresholds; rarer, it fills memory.
gc.freeze()
gc.set_threshold(20_000, 10, 10)


@pytest.fixture(autouse=True)
def _xla_where_it_is_marked(request):
    """XLA for tests with the mark `xla`; its compiling takes most of the time.

    What was compiled for a model before stays: such tests make their own.
    """
    small_models.XLA["on"] = "xla" in request.keywords
    yield
    small_models.XLA["on"] = False


def pytest_collection_modifyitems(items):
    """Leaves out what takes minutes each, unless it is asked for."""
    if "KERAS_IGPT_LONG" in os.environ:
        return
    left_out = pytest.mark.skip(reason="takes minutes: set KERAS_IGPT_LONG=1")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(left_out)


@pytest.fixture
def heard():
    """Ctrl-C as a terminal's process hears it; a script's background, and so
    pytest-xdist there, does not.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def smallest():
    """Small sizes and no long compiling, as `small_models.smallest`."""
    with small_models.smallest():
        yield


@pytest.fixture(scope="session")
def tiny_model():
    """A model with classes, not to be changed by a test."""
    return make_model()


@pytest.fixture(scope="session", params=small_models.ORDERS)
def either_model(request):
    """As `tiny_model`, of either order of cells."""
    return make_model(**small_models.ORDERS[request.param])


@pytest.fixture(params=small_models.ORDERS)
def fresh_either(request):
    """As `either_model`, one that a test may change."""
    return make_model(**small_models.ORDERS[request.param])


@pytest.fixture(scope="session")
def any_model():
    """As `tiny_model`, of any order of cells."""
    return make_model(**small_models.ORDERS["any"])


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
    return list(football_scenes.scenes("test", 40))


@pytest.fixture(scope="session")
def scene_images(scenes):
    """These pictures alone, uint8 `(40, 64, 64, 3)`."""
    return np.stack([example["image"] for example in scenes])


# === Files ===


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
    train(out, data=str(class_folder), size=4)
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
    train(out, tokenizer="vq", data=str(root), size=8)
    return out
