"""The original iGPT's weights: loaded, and written for Hugging Face.

Chen et al. 2020, "Generative Pretraining from Pixels"; weights of
https://github.com/openai/image-gpt and their conversions for `transformers`.
"""

import math
import pathlib
from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import ArrayLike, PathLike
from keras_igpt.argument_checks import checked_image_size
from keras_igpt.atomic_files import replacing_folder, save_json
from keras_igpt.models.config import ORIGINAL
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.transfer import place_of
from keras_igpt.pretrained.openai.folders import (
    ACTIVATIONS,
    checked_palette,
    config_content,
    preprocessor_content,
    read_huggingface,
    read_openai,
)
from keras_igpt.pretrained.openai.names import Sizes, rows
from keras_igpt.pretrained.tensor_files import Tensor, write_safetensors
from keras_igpt.tokenizers.palette import PaletteTokenizer


def load(
    path: PathLike,
    palette: ArrayLike | PathLike | None = None,
    image_size: int | tuple[int, int] | None = None,
    **kwargs: Any,
) -> ImageGPT:
    """Loads an iGPT: OpenAI's checkpoint, or a Hugging Face folder.

    A tensor is read at a time, so little beside the model is in memory, and
    no program in the files is run. Dropout is 0, as in the paper; for
    another use `ImageGPTClassifier.from_model(model, …, dropout=…)`.

    Args:
        path: a folder with `config.json`, `preprocessor_config.json` and
            `model.safetensors` or `pytorch_model.bin`;
            or a folder with `model.ckpt-*` and a `.npy` file, the palette;
            or one such checkpoint, as `folder/model.ckpt-1000000`.
        palette: float array of shape `(colours, 3)` in [-1, 1], or the path
            of a `.npy` file with it. Default: the folder's own.
        image_size: int, or tuple of height and width in pixels. Default: the
            folder's own, or a square.
        kwargs: arguments of `keras.Model`, such as `dtype` and `name`.

    Returns:
        An `ImageGPT`. Of OpenAI's "bert" checkpoints its objective is
        "bert".

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the checkpoint is none of an iGPT, or not whole; the
            error names what is missing, extra or of another shape.
    """
    path = pathlib.Path(path)
    read = read_openai
    if (path / "config.json").exists():
        read = read_huggingface
    sizes, tensors, options, found = read(path)
    if palette is not None:
        found = {**found, "palette": checked_palette(palette)}
    if image_size is not None:
        found = {**found, "image_size": checked_image_size(image_size)}
    tokenizer = _tokenizer(found, sizes, path)
    model = ImageGPT(
        tokenizer,
        num_layers=sizes.num_layers,
        num_heads=sizes.num_heads,
        hidden_dim=sizes.hidden_dim,
        inner_dim=sizes.inner_dim,
        **{**ORIGINAL, **options},
        **kwargs,
    )
    weights = {place_of(weight): weight for weight in model.weights}
    for row in rows(sizes):
        if row.place in weights:
            array = tensors[row.name].read().astype("float32", copy=False)
            weights[row.place].assign(array.T if row.transposed else array)
    return model


def save(model: ImageGPT, folder: PathLike) -> None:
    """Writes a model as a folder that `transformers` loads.

    It holds `config.json`, `preprocessor_config.json` with the palette, and
    `model.safetensors`, float32. Biases that the model does not have are
    zeros there; a palette of greys becomes one of colours that are grey.

    Args:
        model: an `ImageGPT` built as the original: see `ImageGPT.SIZES`.
        folder: path of the folder to make: whole, or not at all.

    Raises:
        FileExistsError: if there is something already.
        ValueError: if the model has parts that `transformers` has none for.
    """
    _check_original(model)
    folder = pathlib.Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            "`folder` must be new or empty. "
            f"Received: folder={folder}, which exists."
        )
    config = model.config
    sizes = Sizes(
        config["num_layers"],
        config["num_heads"],
        config["hidden_dim"],
        model.blocks[0].feed_forward.inner_dim,
        model.num_cells,
        model.vocabulary_size,
    )
    with replacing_folder(folder) as temporary:
        save_json(temporary / "config.json", config_content(sizes, config))
        save_json(
            temporary / "preprocessor_config.json", preprocessor_content(model)
        )
        write_safetensors(
            temporary / "model.safetensors", _tensors(model, sizes)
        )


def _tensors(model, sizes):
    """The model's weights under Hugging Face's names, dict of `Tensor`."""
    weights = {place_of(weight): weight for weight in model.weights}

    def read(row):
        if row.place not in weights:
            return np.zeros(row.shape, "float32")
        array = ops.convert_to_numpy(weights[row.place])
        return array.T if row.transposed else array

    return {
        row.name: Tensor(row.shape, lambda row=row: read(row))
        for row in rows(sizes)
    }


def _check_original(model):
    """Refuses a model with parts that the original does not have."""
    wanted = {
        "positions": ("learned",),
        "activation": ACTIVATIONS,
        "qk_norm": (False,),
        "num_classes": (0,),
        "text_length": (0,),
        "edits": ([],),
        "objective": ("autoregressive",),
        "order": ("raster",),
    }
    other = {
        name: model.config[name]
        for name, allowed in wanted.items()
        if model.config[name] not in allowed
    }
    if model.quantization:
        other["quantization"] = model.quantization
    if any("lora" in weight.name for weight in model.weights):
        # Saving and loading with Keras makes one matrix of three.
        other["lora"] = True
    if not isinstance(model.tokenizer, PaletteTokenizer):
        other["tokenizer"] = type(model.tokenizer).__name__
    if other:
        raise ValueError(
            "`model` must have no parts that the original iGPT lacks. "
            f"Received: a model with {other}. Make one with the "
            "arguments `ImageGPT.SIZES['igpt_s']`."
        )


def _tokenizer(found, sizes, path):
    """The tokenizer of a checkpoint's palette and size of images."""
    colors = sizes.vocabulary_size
    if len(found.get("palette", ())) != colors:
        raise ValueError(
            f"`palette` must be the checkpoint's {colors} colours. Received: "
            f"{len(found.get('palette', ()))} colours, for {path}. Pass "
            "`palette`: OpenAI's is kmeans_centers.npy."
        )
    side = math.isqrt(sizes.num_cells)
    image_size = found.get("image_size", (side, side))
    if math.prod(image_size) != sizes.num_cells:
        raise ValueError(
            f"`image_size` must have {sizes.num_cells} pixels, the "
            f"checkpoint's positions. Received: image_size={image_size}, for "
            f"{path}. Pass `image_size`."
        )
    tokenizer = PaletteTokenizer(image_size, colors)
    tokenizer.set_palette(found["palette"])
    return tokenizer
