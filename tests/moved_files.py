"""A process on another backend: makes a model file, and answers for others.

    KERAS_BACKEND=jax python tests/moved_files.py FOLDER [make]

answers for each model file of the folder, in `NAME_on_BACKEND.npz`; before,
with "make", it trains a model and saves it as `BACKEND.keras`.

    python tests/moved_files.py tests/golden/shipped shipped

writes what the models that come with the package answer on TensorFlow.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from small_models import ORDERS, make_model, some_inputs

import keras_igpt
from keras_igpt.data.football import scenes
from keras_igpt.training.batches import TokenBatches
from keras_igpt.training.schedule import default_optimizer

SHIPPED = ("football", "football_any")


def make(path):
    """Trains a model for two steps, with averages of its weights."""
    model = make_model(**ORDERS["any"], text_length=6)
    model.compile(default_optimizer(0.5, "adamw"))
    model.fit(batches(model), verbose=0)
    model.save(path)


def batches(model):
    """Two batches, the same for every backend."""
    inputs = some_inputs(model)
    twice = {name: np.concatenate([x, x]) for name, x in inputs.items()}
    return TokenBatches(twice, 3, shuffle=False)


def answers(path):
    """What a model in a file says, and what one epoch more makes of it."""
    model = keras_igpt.load(path)
    inputs = some_inputs(model)
    asked = {"labels": [0, 1, 2], "text": ["ab", "", "x"], "seed": 5}
    found = {
        "logits": keras.ops.convert_to_numpy(model(inputs)),
        "images": model.generate(**asked),
        "guided": model.generate(guidance_scale=3.0, top_k=3, **asked),
        "nats": model.score_tokens(inputs),
    }
    state = map(keras.ops.convert_to_numpy, model.optimizer.variables)
    found["optimizer"] = np.concatenate([part.ravel() for part in state])
    model.fit(batches(model), verbose=0)
    found["steps"] = keras.ops.convert_to_numpy(model.optimizer.iterations)
    return found


def shipped_answers(name):
    """What a model that comes with the package says of a football scene."""
    model = keras_igpt.load(name)
    example = next(iter(scenes.scenes("test", 1)))
    image, text = example["image"][None], example["text"]
    return {
        "nats": model.score(image, text=text),
        "images": model.generate(text=text, seed=3, guidance_scale=3.0),
    }


def main(folder, *words):
    folder, backend = pathlib.Path(folder), keras.backend.backend()
    if "shipped" in words:
        folder.mkdir(exist_ok=True)
        for name in SHIPPED:
            np.savez_compressed(folder / f"{name}.npz", **shipped_answers(name))
        return
    if "make" in words:
        make(folder / f"{backend}.keras")
    for path in sorted(folder.glob("*.keras")):
        np.savez(folder / f"{path.stem}_on_{backend}.npz", **answers(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
