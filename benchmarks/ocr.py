"""Words on boards, read by an OCR that nobody here trained.

    pip install rapidocr_onnxruntime
    python -m benchmarks.ocr football football_any --n 200

Test scenes with a word, real ones and ones that models generate from their
captions, are enlarged and read by PaddleOCR's networks, which the package
ships. What it cannot read in real images says nothing of generated ones: real
ones come first, and beside all words those that it reads in the real image.
"""

import argparse
import itertools

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

import keras_igpt
from keras_igpt.data.football import scenes
from keras_igpt.progress import steps


def enlarged(image, factor):
    """The image, larger, as smooth as such networks expect."""
    size = tuple(side * factor for side in image.shape[1::-1])
    return np.asarray(Image.fromarray(image).resize(size, Image.BICUBIC))


def read(engine, images, factor):
    """What is read in each image: capitals and digits, pieces joined."""
    found = []
    for image in steps("reading", list(images)):
        # The package takes OpenCV's order of colours.
        pieces, _ = engine(enlarged(image, factor)[..., ::-1].copy())
        texts = [text for _, text, _ in pieces or []]
        found.append("".join(c for c in "".join(texts).upper() if c.isalnum()))
    return found


def examples_with_words(count, split, size):
    """The first test scenes whose board has a word of letters."""
    rows = (
        scenes.example(split, i, image_size=size)
        for i in range(scenes.SPLITS[split])
    )
    some = (row for row in rows if row["word"].isalpha())
    return list(itertools.islice(some, count))


def main():
    from rapidocr_onnxruntime import RapidOCR

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="with captions")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--split", default="test")
    parser.add_argument("--size", type=int, default=64, help="of the images")
    parser.add_argument("--enlarge", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    rows = examples_with_words(options.n, options.split, options.size)
    words = [row["word"] for row in rows]
    engine = RapidOCR()
    images = {"real images": np.stack([row["image"] for row in rows])}
    for name in options.models:
        model = keras_igpt.load(name)
        images[name] = model.generate(
            text=[row["text"] for row in rows],
            guidance_scale=options.guidance,
            seed=options.seed,
        )
    right = {
        name: np.array(
            [
                word in text
                for word, text in zip(
                    words, read(engine, found, options.enlarge)
                )
            ]
        )
        for name, found in images.items()
    }
    readable = right["real images"]
    languages = np.array([row["language"] for row in rows])
    table = Table(f"{len(rows)} words", "all", "read in the real image")
    for language in ("en", "zh"):
        table.add_column(f"captions in {language}", justify="right")
    for name, marks in right.items():
        shown = [marks, marks[readable]]
        shown += [marks[languages == language] for language in ("en", "zh")]
        table.add_row(
            name, *(f"{x.mean():.1%}" if x.size else "–" for x in shown)
        )
    Console().print(table)


if __name__ == "__main__":
    main()
