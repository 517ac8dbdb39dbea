"""Trains a tokenizer of large cells: `python -m benchmarks.photographs FILE`.

On football drawn at 128x128; prints how much it keeps (dB) beside one mean
colour a cell, and draws images and what their tokens keep.
"""

import sys

import keras
import numpy as np

import keras_igpt
from keras_igpt.images.files import contact_sheet, save_png
from keras_igpt.images.metrics import psnr

SIDE, CELL, MINUTES = 128, 8, 3


def mean_colours(images):
    """Each cell as its mean colour."""
    count, rows = len(images), SIDE // CELL
    cells = images.reshape(count, rows, CELL, rows, CELL, 3)
    means = cells.mean((2, 4), keepdims=True).round().astype("uint8")
    return np.broadcast_to(means, cells.shape).reshape(images.shape)


def main():
    keras.utils.set_random_seed(0)
    train = keras_igpt.data.load("football", split="train", image_size=SIDE)
    first = next(keras_igpt.data.batches(train, 600))
    images = np.asarray(first["image"])
    test, train = images[:32], images[64:]
    tokenizer = keras_igpt.ConvVQTokenizer(
        (SIDE, SIDE), codebook_size=512, cell_size=CELL, hidden_dim=16
    )
    tokenizer.adapt(train, minutes=MINUTES, batch_size=2)
    kept = tokenizer.decode_all(tokenizer.encode_all(test))
    for name, found in (("tokens", kept), ("means", mean_colours(test))):
        print(f"{name:8}{psnr(test, found).mean():6.2f} dB")
    sheet = contact_sheet(np.concatenate([test[:6], kept[:6]]), 6, SIDE)
    save_png(sys.argv[1], sheet)


if __name__ == "__main__":
    main()
