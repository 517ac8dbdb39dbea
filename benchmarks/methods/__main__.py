"""Methods side by side: `python -m benchmarks.methods --data digits`.

Each learns from the same images for as long, with about as many weights, one
after another; each setting of a method (its rates) has all the time, and the
one with the smaller kernel distance to the validation images is shown. Writes
`methods-DATA.json`, an image of each class by each method in
`methods-DATA.npz`, and as a sheet with a row per method in `methods-DATA.png`
into `--out`; prints a table in Markdown. With `--only`, other methods' are
taken from the files that are there; with `--show`, all are.
"""

import argparse
import json
import pathlib
import time

import numpy as np
from rich.console import Console

import keras_igpt
from benchmarks.methods import datasets, gan, lstm, ours, templates, vae
from keras_igpt.atomic_files import replacing, save_json
from keras_igpt.evaluation import distances
from keras_igpt.evaluation.image_features import (
    ImageFeatures,
    classification_accuracy,
)
from keras_igpt.evaluation.recognition import PixelClassifier
from keras_igpt.images.files import save_png
from keras_igpt.images.labelled_sheet import labelled_sheet

METHODS = (
    ours.Palette,
    ours.Learned,
    vae.VAE,
    gan.GAN,
    lstm.LSTM,
    templates.TemplateMatching,
    templates.Retrieval,
    templates.Histogram,
)

# Pixels of the longest image that the palette's model writes one by one.
LONGEST = 1024

COLUMNS = {
    "bits": ("bits per pixel", "{:.3f}"),
    "fid": ("Fréchet", "{:.2f}"),
    "kid": ("kernel", "{:.4f}"),
    "precision": ("precision, %", "{:.1%}"),
    "recall": ("recall, %", "{:.1%}"),
    "density": ("density", "{:.2f}"),
    "coverage": ("coverage, %", "{:.1%}"),
    "cas": ("taught by it, %", "{:.1%}"),
    "recognised": ("as asked, %", "{:.1%}"),
    "nearest": ("nearest", "{:.2f}"),
    "per_second": ("images/s", "{:.0f}"),
    "seconds": ("seconds", "{:.0f}"),
    "weights": ("1,000 weights", "{:.0f}"),
}


class Judges:
    """What all methods are compared by, learned from the real images."""

    def __init__(self, data):
        self.data = data
        images, labels = data.train
        self.features = ImageFeatures.train(images, labels)
        some = np.random.default_rng(0).permutation(len(images))[:5000]
        self.classifier = PixelClassifier(images[some], labels[some])
        self.known = self.features(images)
        self.test = self.features(data.test[0])
        self.validation = self.features(data.validation[0])

    def figures(self, images, labels):
        """Those of generated images of classes."""
        vectors = self.features(images)
        return {
            "fid": distances.frechet_distance(vectors, self.test),
            "kid": distances.kernel_distance(vectors, self.test),
            **distances.precision_recall(vectors, self.test),
            "cas": classification_accuracy((images, labels), self.data.test),
            "recognised": self.classifier.accuracy(images, labels),
            "nearest": distances.nearest_distance(vectors, self.known),
        }


def tried(kind, data, judges, options, size, labels):
    """Figures and images of a method's better setting."""
    settings = []
    for rate in kind.rates(data):
        method = kind(data, rate, size, options.seed)
        begin = time.monotonic()
        method.fit(options.minutes)
        seconds = time.monotonic() - begin
        method.generate(labels[:256], options.seed)  # compiles
        begin = time.monotonic()
        images = method.generate(labels, options.seed)
        per_second = len(images) / (time.monotonic() - begin)
        near = distances.kernel_distance(
            judges.features(images), judges.validation
        )
        found = {
            "rate": rate,
            "validation": near,
            "seconds": seconds,
            "per_second": per_second,
        }
        settings.append((near, found, images, method))
    near, found, images, method = min(settings, key=lambda x: x[0])
    bits = method.bits_per_pixel(*(x[: options.n] for x in data.test))
    return {
        **found,
        "settings": [x[1] for x in settings],
        "bits": bits,
        "weights": method.num_weights / 1000,
        "cannot": method.CANNOT,
        **judges.figures(images, labels),
    }, images


def markdown(results):
    """The table: a row per method, a column per figure."""
    titles = ["", *(title for title, _ in COLUMNS.values()), "cannot"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for kind in METHODS:
        if found := results.get(kind.NAME):
            cells = [
                "" if found.get(key) is None else form.format(found[key])
                for key, (_, form) in COLUMNS.items()
            ]
            cells = [kind.NAME, *(cell.rstrip("%") for cell in cells)]
            lines.append(f"| {' | '.join([*cells, found['cannot']])} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--n", type=int, default=1000, help="images of each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="images of each split")
    parser.add_argument("--only", help="names of methods, with '; ' between")
    parser.add_argument("--show", action="store_true", help="what is there")
    parser.add_argument("--out", type=pathlib.Path, default="runs/methods")
    options = parser.parse_args()
    name = options.data.replace(":", "-").replace("/", "-")
    file = options.out / f"methods-{name}"
    if options.show:
        results, shown = _of_before(file)
        _save(file, results, shown)
        print(markdown(results))
        return
    console = Console()

    data = datasets.load(options.data, options.limit)
    judges = Judges(data)
    labels = np.resize(
        np.random.default_rng(1).permutation(data.test[1]), options.n
    )
    height, width, _ = data.image_shape
    size = _size_of_ours(data)
    options.out.mkdir(parents=True, exist_ok=True)
    results, shown = _of_before(file) if options.only else ({}, {})
    first = [
        np.flatnonzero(labels == label)[0]
        for label in sorted(set(labels.tolist()))
    ]
    for kind in METHODS:
        if options.only and kind.NAME not in options.only.split("; "):
            continue
        if kind is ours.Palette and height * width > LONGEST:
            continue
        console.print(f"{kind.NAME} …")
        found, images = tried(kind, data, judges, options, size, labels)
        results[kind.NAME] = {**found, "minutes": options.minutes}
        shown[kind.NAME] = images[first][:12]
        console.print(
            {k: v for k, v in found.items() if k in ("fid", "recognised")}
        )
        _save(file, results, shown)
    print(markdown(results))


def _of_before(file):
    """Figures and images of an earlier run, as `_save` wrote them."""
    if not file.with_suffix(".json").exists():
        return {}, {}
    results = json.loads(file.with_suffix(".json").read_text("utf-8"))
    with np.load(file.with_suffix(".npz")) as shown:
        return results, dict(shown)


def _save(file, results, shown):
    order = [kind.NAME for kind in METHODS if kind.NAME in shown]
    kept = {name: results[name] for name in order}
    save_json(file.with_suffix(".json"), kept)
    with replacing(file.with_suffix(".npz")) as path:
        np.savez_compressed(path, **shown)
    rows = [shown[name] for name in order]
    sheet = labelled_sheet(rows, order, [""] * len(rows[0]))
    save_png(file.with_suffix(".png"), sheet)


def _size_of_ours(data):
    """Weights of our model with few tokens; the others' aim."""
    height, width, channels = data.image_shape
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 17, channels=channels)
    tokenizer.adapt(
        np.random.default_rng(0).integers(0, 256, (64, 8, 8, channels), "uint8")
    )
    model = keras_igpt.ImageGPT(
        tokenizer,
        num_layers=ours.LAYERS,
        num_heads=ours.WIDTH // 32,
        hidden_dim=ours.WIDTH,
        num_classes=data.num_classes,
    )
    return model.count_params()


if __name__ == "__main__":
    main()
