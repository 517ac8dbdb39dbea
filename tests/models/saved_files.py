"""Models of every kind, saved, and what each of them answers.

    PYTHONPATH=tests/serving python tests/models/saved_files.py

writes the files that `tests/golden/saved` lacks. Those that are there stay as
they were made: they stand for the files that users have, and newer code must
read them and give the same answers.
"""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

import keras_igpt

FOLDER = pathlib.Path(__file__).parents[1] / "golden" / "saved"
SMALL = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}
CAPTIONS = ["a red ball", "“GO”, 红"]
EDITS = ("inpaint", "upscale", "colorize", "denoise", "restyle/map")


def images(channels, count=4):
    """Images of noise, uint8 `(count, 8, 8, channels)`."""
    generator = np.random.default_rng(3)
    return generator.integers(0, 256, (count, 8, 8, channels), "uint8")


def masks():
    """Bool `(2, 8, 8)`, True where a hole is."""
    holes = np.zeros((2, 8, 8), bool)
    holes[0, 2:6, 3:7] = holes[1, 4:] = True
    return holes


def with_weights(model, seed=5):
    """The model, its zeros and near-zeros replaced by what makes a difference.

    The tokenizer's weights stay.
    """
    generator = np.random.default_rng(seed)
    given = {id(weight) for weight in model.tokenizer.weights}
    for weight in model.weights:
        if id(weight) not in given and "float" in str(weight.dtype):
            noise = generator.normal(size=weight.shape, scale=0.3)
            weight.assign(np.asarray(weight.numpy(), "float32") + noise)
    return model


def palette(channels=3, **kwargs):
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 6, channels=channels)
    if channels == 3:
        tokenizer.adapt(images(3))
    return with_weights(keras_igpt.ImageGPT(tokenizer, **SMALL, **kwargs))


def learned(quantizer, codebook_size):
    tokenizer = keras_igpt.VQTokenizer(
        (8, 8),
        codebook_size=codebook_size,
        quantizer=quantizer,
        hidden_dim=8,
        cell_size=2,
    )
    tokenizer.adapt(images(3, 40), epochs=2, verbose=False)
    return with_weights(keras_igpt.ImageGPT(tokenizer, **SMALL, num_classes=2))


def templates():
    """Classes, captions and edits; compiled, after one step."""
    model = palette(num_classes=3, text_length=16, edits=EDITS)
    model.compile()
    model.fit(training_batches(model), verbose=0)
    return model


def training_batches(model):
    """One batch, the same for every call."""
    data = {
        "image": images(3),
        "label": [0, 1, 2, 0],
        "text": CAPTIONS * 2,
        "source": images(3)[::-1],
        "style": ["map"] * 4,
    }
    return model.prepare(data, batch_size=4, shuffle=False)


def trained_further():
    """The head of the saved `templates` after one more step."""
    keras.utils.set_random_seed(0)
    model = keras.saving.load_model(FOLDER / "templates.keras")
    model.fit(training_batches(model), verbose=0)
    return keras.ops.convert_to_numpy(model.head.kernel)


def quantized():
    model = palette(num_classes=2)
    model.quantize("int8")
    return model


def bfloat16():
    return palette(num_classes=2, dtype="mixed_bfloat16")


def original():
    """The switches of the paper's ImageGPT."""
    return palette(
        positions="learned",
        activation="quick_gelu",
        qk_norm=False,
        use_bias=True,
        scale_by_layer=True,
    )


def classifier():
    model = keras_igpt.ImageGPTClassifier.from_model(palette(), num_classes=3)
    return with_weights_of_head(model)


def any_order():
    """Any order of cells, several at once."""
    return palette(num_classes=2, order="any", steps=9)


def with_weights_of_head(model):
    kernel = model.head.kernel
    noise = np.random.default_rng(6).normal(size=kernel.shape)
    kernel.assign(noise.astype("float32"))
    return model


KINDS = {
    "templates": templates,
    "vq": lambda: learned("vq", 12),
    "fsq": lambda: learned("fsq", 240),
    "int8": quantized,
    "bfloat16": bfloat16,
    "bert": lambda: palette(objective="bert"),
    "grey": lambda: palette(channels=1),
    "original": original,
    "classifier": classifier,
    "any": any_order,
}


def answers(name, model):
    """What a model says of fixed inputs: dict of arrays."""
    backbone = getattr(model, "backbone", model)
    pictures = images(backbone.tokenizer.channels)
    tokens = np.asarray(backbone.tokenizer.encode(pictures))
    inputs = {"tokens": tokens}
    if name != "classifier":
        inputs = {**inputs, **backbone.null_conditions(len(tokens))}
    given = {
        "tokens": tokens,
        "logits": keras.ops.convert_to_numpy(model(inputs)),
        "features": backbone.features(pictures),
    }
    if name in ("bert", "classifier"):
        return given
    asked = {"labels": [0, 1]} if model.num_classes else {"num_images": 2}
    if model.text_length:
        asked["text"] = CAPTIONS
    given["generated"] = model.generate(seed=4, **asked)
    asked.pop("num_images", None)
    given["completed"] = model.complete(pictures[:2], 4, seed=5, **asked)
    given["nats"] = model.score(pictures[:2], **asked)
    if name == "templates":
        edits = edited(model, pictures[:2], asked)
        given.update({f"edited_{k}": v for k, v in edits.items()})
    return given


def edited(model, pictures, asked):
    """Every edit of two images: dict of uint8 arrays."""
    small = pictures[:, ::2, ::2]
    return {
        "inpaint": model.edit(
            pictures, "inpaint", masks=masks(), seed=6, **asked
        ),
        "guided": model.edit(
            pictures, "replace", masks(), seed=6, guidance_scale=2.0, **asked
        ),
        "upscale": model.edit(small, "upscale", seed=7, **asked),
        "colorize": model.edit(pictures, "colorize", seed=8, **asked),
        "denoise": model.edit(pictures, "denoise", seed=9, **asked),
        "restyle": model.edit(pictures, "restyle", seed=10, **asked),
    }


def served(folder):
    """PNG files of the exported graph: dict of bytes."""
    import tensorflow as tf
    from run_served import Served

    def files(arrays):
        encoded = [tf.io.encode_png(array).numpy() for array in arrays]
        return np.array(encoded, object)

    server = Served(folder)
    asked = {
        "text": np.array([caption.encode() for caption in CAPTIONS], object),
        "label": np.array([b"0", b"2"], object),
        "seed": np.array([4, 9], "int32"),
    }
    holes = masks()[..., None].astype("uint8") * 255
    shown = {"image": files(images(3)[:2]), "mask": files(holes)}
    generated = server("generate", asked)
    inpainted = server("edit_inpaint", {**asked, **shown})
    return {
        "served_generate": generated["image_bytes"][1],
        "served_inpaint": inpainted["image_bytes"][1],
    }


def main():
    import tempfile

    for name, make in KINDS.items():
        path = FOLDER / f"{name}.keras"
        if path.exists():
            continue
        make().save(path)
        model = keras.saving.load_model(path)
        np.savez_compressed(FOLDER / f"{name}.npz", **answers(name, model))
        if name == "templates":
            np.save(FOLDER / "templates_trained.npy", trained_further())
            with tempfile.TemporaryDirectory() as folder:
                version = keras.saving.load_model(path).export(
                    pathlib.Path(folder) / "1"
                )
                for part, content in served(version).items():
                    (FOLDER / f"{part}.png").write_bytes(content)
        print(path.name, path.stat().st_size, flush=True)


if __name__ == "__main__":
    main()
