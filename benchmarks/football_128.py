"""Football of 128x128 pixels: `python -m benchmarks.football_128 FOLDER`.

Trains a tokenizer with cells of 8 pixels and a model with captions on it, for
FOLDER/football-128.keras, and draws FOLDER/football-128.png: images, what
their tokens keep, and images generated from their captions. For a GPU; with
JAX installed, `KERAS_BACKEND=jax` takes it.
"""

import argparse
import pathlib

import keras
import numpy as np

import keras_igpt
from keras_igpt.images.files import contact_sheet, save_png
from keras_igpt.images.metrics import psnr
from keras_igpt.training.schedule import (
    TrainingBudget,
    default_optimizer,
    fit_within,
)

SIDE = 128


def draw(split, count):
    """Images of one half and their captions."""
    rows = keras_igpt.data.load("football", split=split, image_size=SIDE)
    rows = next(keras_igpt.data.batches(rows, count))
    return np.asarray(rows["image"]), list(rows["text"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--tokenizer-minutes", type=float, default=4)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--codebook-size", type=int, default=2048)
    parser.add_argument("--hidden-dim", type=int, default=64)
    parser.add_argument("--num-layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    images, text = draw("train", options.images)
    keras.utils.set_random_seed(0)
    tokenizer = keras_igpt.ConvVQTokenizer(
        (SIDE, SIDE),
        codebook_size=options.codebook_size,
        cell_size=8,
        hidden_dim=options.hidden_dim,
        multipliers=(1, 2, 2, 2),
        latent_dim=2 * options.hidden_dim,
    )
    tokenizer.adapt(images, minutes=options.tokenizer_minutes, batch_size=32)
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras_igpt.ImageGPT(
        tokenizer,
        num_layers=options.num_layers,
        num_heads=options.width // 32,
        hidden_dim=options.width,
        text_length=80,
    )
    batches = model.prepare(
        {"image": images, "text": text}, batch_size=options.batch_size
    )
    model.compile(default_optimizer(kind="adamw"))
    budget = TrainingBudget(1.5e-3, minutes=options.minutes, after_first=True)
    fit_within(model, batches, budget, [])
    model.save(options.folder / "football-128.keras")

    test, captions = draw("test", 256)
    kept = tokenizer.decode_all(tokenizer.encode_all(test))
    print(f"tokens keep {psnr(test, kept).mean():.2f} dB")
    made = model.generate(text=captions[:12], guidance_scale=2.0, seed=0)
    rows = np.concatenate([test[:6], kept[:6], made])
    save_png(options.folder / "football-128.png", contact_sheet(rows, 6, SIDE))


if __name__ == "__main__":
    main()
