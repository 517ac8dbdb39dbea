"""Folders of iGPT checkpoints: what they hold, and what they must.

A folder is read as sizes, tensors, the model's options and the tokenizer's.
"""

import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, ArrayLike, PathLike
from keras_igpt.argument_checks import check_positive, checked_image_size
from keras_igpt.layers.primitives import NORM_EPSILON
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.pretrained.json_objects import json_object
from keras_igpt.pretrained.openai.names import (
    Sizes,
    from_tensorflow,
    is_buffer,
    is_of_training,
    rows,
    tensorflow_shapes,
    tensorflow_sizes,
)
from keras_igpt.pretrained.tensor_files import (
    Tensor,
    check_complete,
    read_folder,
    read_tensorflow,
)

# What transformers takes if config.json says nothing, and what it must be.
DEFAULTS = {
    "vocab_size": 513,
    "n_positions": 1024,
    "n_embd": 512,
    "n_layer": 24,
    "n_head": 8,
    "n_inner": None,
    "activation_function": "quick_gelu",
    "scale_attn_by_inverse_layer_idx": False,
}

ACTIVATIONS = ("quick_gelu", "gelu")

ALLOWED = {
    "model_type": ("imagegpt",),
    "activation_function": ACTIVATIONS,
    "layer_norm_epsilon": (NORM_EPSILON,),
    "scale_attn_weights": (True,),
    "add_cross_attention": (False,),
}

# What a folder says: its sizes and tensors, options of `ImageGPT`, and the
# palette and size of images for the tokenizer, as far as it has them.
Content = tuple[Sizes, dict[str, Tensor], dict[str, Any], dict[str, Any]]

# === Hugging Face folders ===


def read_huggingface(folder: pathlib.Path) -> Content:
    """Sizes, tensors, the model's options, and the tokenizer's.

    Raises:
        ValueError: if it is no iGPT's, or not complete.
    """
    config = {**DEFAULTS, **_json(folder / "config.json")}
    for name, allowed in ALLOWED.items():
        if config.get(name, allowed[0]) not in allowed:
            raise ValueError(
                f"`{name}` in config.json must be one of {allowed}. "
                f"Received: {name}={config[name]!r} in {folder}."
            )
    tensors = read_folder(folder)
    sizes = _sizes(config, len(tensors), folder)
    expected = {row.name: row.shape for row in rows(sizes)}
    check_complete(tensors, expected, folder, is_buffer)
    options = {
        "activation": config["activation_function"],
        "scale_by_layer": config["scale_attn_by_inverse_layer_idx"],
        "use_bias": True,
    }
    return sizes, tensors, options, _preprocessing(folder)


def _sizes(config, num_tensors, folder):
    """Sizes that config.json says, of a folder with so many tensors."""
    if config["n_inner"] is None:
        config["n_inner"] = 4 * config["n_embd"]
    names = ("n_layer", "n_head", "n_embd", "n_inner", "n_positions")
    try:
        for name in (*names, "vocab_size"):
            check_positive(name, config[name])
    except ValueError as error:
        raise ValueError(
            f"{error} Received in: {folder}/config.json."
        ) from None
    # Before names of all layers are made.
    if config["n_layer"] > num_tensors:
        raise ValueError(
            "`n_layer` in config.json must be the number of blocks that there "
            f"are weights for. Received: n_layer={config['n_layer']}, and "
            f"{num_tensors} tensors in {folder}."
        )
    return Sizes(*(config[name] for name in names), config["vocab_size"] - 1)


def _preprocessing(folder):
    """Palette and size of images, as far as the folder has them."""
    path = folder / "preprocessor_config.json"
    content = _json(path) if path.exists() else {}
    found = {}
    try:
        if content.get("clusters") is not None:
            found["palette"] = checked_palette(content["clusters"])
        size = content.get("size")
        if isinstance(size, dict) and "height" in size:
            size = (size["height"], size.get("width"))
        if size is not None and not isinstance(size, dict):
            found["image_size"] = checked_image_size(size)
    except ValueError as error:
        raise ValueError(f"{error} Received in: {path}.") from None
    return found


def _json(path):
    return json_object(path.read_bytes(), path)


def config_content(sizes: Sizes, config: Mapping[str, Any]) -> dict[str, Any]:
    """What `config.json` says of a model with this `config`."""
    return {
        "architectures": ["ImageGPTForCausalImageModeling"],
        "model_type": "imagegpt",
        "vocab_size": sizes.vocabulary_size + 1,
        "n_positions": sizes.num_cells,
        "n_embd": sizes.hidden_dim,
        "n_layer": sizes.num_layers,
        "n_head": sizes.num_heads,
        "n_inner": sizes.inner_dim,
        "activation_function": config["activation"],
        "resid_pdrop": config["dropout"],
        "embd_pdrop": config["dropout"],
        "attn_pdrop": 0.0,
        "layer_norm_epsilon": NORM_EPSILON,
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": config["scale_by_layer"],
        "reorder_and_upcast_attn": False,
        "tie_word_embeddings": False,
    }


def preprocessor_content(model: ImageGPT) -> dict[str, Any]:
    """What `preprocessor_config.json` says of the model's tokenizer."""
    height, width = model.tokenizer.image_size
    palette = ops.convert_to_numpy(model.tokenizer.codebook)
    return {
        "image_processor_type": "ImageGPTImageProcessor",
        "clusters": np.broadcast_to(palette, (len(palette), 3)).tolist(),
        "do_color_quantize": True,
        "do_normalize": True,
        "do_resize": True,
        "resample": 2,
        "size": {"height": height, "width": width},
    }


# === OpenAI's checkpoints ===


def read_openai(path: pathlib.Path) -> Content:
    """As `read_huggingface`, of a TensorFlow checkpoint and a `.npy` file."""
    prefix = _newest(path)
    tensors = read_tensorflow(prefix)
    sizes = tensorflow_sizes(tensors, prefix)
    start = "model/sos" in tensors
    expected = tensorflow_shapes(sizes, start)
    check_complete(tensors, expected, prefix, is_of_training)
    options = {} if start else {"objective": "bert"}
    return sizes, from_tensorflow(tensors, sizes), options, _npy(prefix.parent)


def _newest(path):
    """The checkpoint that is meant, without `.index`."""
    if path.suffix == ".index":
        path = path.with_suffix("")
    if path.with_name(f"{path.name}.index").exists():
        return path
    found = {
        int(match[1]): file.with_suffix("")
        for file in path.glob("model.ckpt-*.index")
        if (match := re.search(r"-(\d+)\.index$", file.name))
    }
    if not found:
        raise FileNotFoundError(
            "`path` must be a folder with config.json or model.ckpt-*.index. "
            f"Received: path={path}, which has neither."
        )
    return found[max(found)]


def _npy(folder):
    """The palette, if one file in the folder must be it."""
    files = list(folder.glob("*.npy"))
    named = [file for file in files if file.stem == "kmeans_centers"]
    if len(named or files) != 1:
        return {}
    return {"palette": checked_palette((named or files)[0])}


def checked_palette(palette: ArrayLike | PathLike) -> Array:
    """float32 `(colours, 3)` of an array, a list or a `.npy` file."""
    source = "palette"
    try:
        if isinstance(palette, (str, pathlib.Path)):
            source = str(palette)
            # Mapped, a file cannot say that it is larger than it is.
            palette = np.load(palette, mmap_mode="r", allow_pickle=False)
        shape = np.shape(palette)
        fits = len(shape) == 2 and shape[1] == 3
        palette = np.asarray(palette, "float32") if fits else None
    except (ValueError, TypeError, EOFError, OverflowError) as error:
        raise ValueError(
            "`palette` must be finite numbers of shape `(colours, 3)`. "
            f"Received: {source}, which cannot be read "
            f"with allow_pickle=False: {error}."
        ) from None
    if palette is None or not np.all(np.isfinite(palette)):
        raise ValueError(
            "`palette` must be finite numbers of shape `(colours, 3)`. "
            f"Received: {source} of shape {shape}."
        )
    return palette
