"""What `keras-igpt probe` and `classify` do, callable from Python too."""

import keras

from keras_igpt import data as datasets
from keras_igpt.argument_checks import check_suffix
from keras_igpt.atomic_files import save_model
from keras_igpt.cli.jobs import load_painter
from keras_igpt.evaluation import probing
from keras_igpt.models.classifier import ImageGPTClassifier
from keras_igpt.training.schedule import TrainingBudget


def probe(model, data, layer, limit, split, seed, out, report=print):
    """Linear probes of a model; see `keras_igpt.probing.probe`.

    Args:
        model: path as `keras_igpt.load` takes it.
        data: as `keras_igpt.data.load` takes it, with labels.
        layer: str, "all", "middle", or numbers with commas between.
        limit: int, training pictures to learn from; None for all.
        split: str, the pictures to be judged by.
        seed: int.
        out: path of a `.png` file for accuracy over depth, or None.
        report: called with lines of text.

    Returns:
        list of dicts, as `probing.probe` returns it.
    """
    check_suffix("--out", out, ".png")
    painter = load_painter(model)
    layers = _layers(layer, len(painter.blocks))
    train, test, _ = _pictures(painter, data, limit, split)
    rows = probing.probe(painter, train, test, layers, seed, report)
    best = max(
        (row for row in rows if row["layer"] is not None),
        key=lambda row: row["validation"],
    )
    report(f"Best layer by validation: {best['layer']}, {best['test']:.1%}")
    if out:
        probing.plot(rows, out)
    return rows


def classify(model, data, options, split, out, report=print):
    """Fine-tunes a model to name pictures, and counts how often it is right.

    Args:
        model: path as `keras_igpt.load` takes it.
        data: as `keras_igpt.data.load` takes it, with labels.
        options: dict of "limit", "epochs", "batch_size", "learning_rate",
            "generative_weight", "seed", and "scratch", bool: begin with
            random weights.
        split: str, the pictures to be judged by.
        out: path of a `.keras` file for the classifier, or None.
        report: called with lines of text.

    Returns:
        float, the accuracy on `split` from 0 to 1.
    """
    check_suffix("--out", out, ".keras")
    keras.utils.set_random_seed(options["seed"])
    painter = load_painter(model)
    train, test, class_names = _pictures(painter, data, options["limit"], split)
    if options["scratch"]:
        # The tokenizer stays: what it has learned is no part of the network.
        painter = type(painter)(
            painter.tokenizer, dtype=painter.dtype_policy, **painter.config
        )
    classifier = ImageGPTClassifier.from_model(
        painter,
        len(class_names),
        options["generative_weight"],
    )
    if not options["scratch"]:
        right = classifier.fit_head(train, options["seed"])
        report(f"A linear probe to begin with: validation {right:.1%}")
    classifier.compile()
    classifier.fit(
        classifier.prepare(train, options["batch_size"], seed=options["seed"]),
        epochs=options["epochs"],
        callbacks=[
            TrainingBudget(options["learning_rate"], epochs=options["epochs"])
        ],
        verbose=2,
    )
    figures = classifier.evaluate(
        classifier.prepare(test, shuffle=False), verbose=0, return_dict=True
    )
    report(f"Test accuracy: {figures['accuracy']:.1%}")
    if out:
        save_model(classifier, out)
    return figures["accuracy"]


def _layers(layer, depth):
    """Layers that the option names, as a list; None for all."""
    if layer == "all":
        return None
    if layer == "middle":
        return [depth // 2]
    parts = layer.split(",")
    if not all(part.isdecimal() and int(part) <= depth for part in parts):
        raise ValueError(
            f"`--layer` must be all, middle, or numbers from 0 to {depth} "
            f"with commas between. Received: --layer {layer}."
        )
    return [int(part) for part in parts]


def _pictures(model, data, limit, split):
    """Training and test pictures of the model's size, and names of classes."""
    height, width, channels = model.tokenizer.image_shape
    train, test = (
        datasets.load(
            data, split=part, image_size=(height, width), channels=channels
        )
        for part in ("train", split)
    )
    names = train.class_names
    return train if limit is None else train.take(limit), test, names
