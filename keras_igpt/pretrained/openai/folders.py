"""Folders of iGPT checkpoints: what they hold, and what they must.

A folder is read as sizes, tensors, the model's options and the tokenizer's.
"""

import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, ArrayLike, PathLike
from keras_igpt.argument_checks import checked_image_size
from keras_igpt.layers.primitives import NORM_EPSILON
from keras_igpt.models.image_gpt import ImageGPT
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
    sizes = Sizes(
        config["n_layer"],
        config["n_head"],
        config["n_embd"],
        config["n_inner"] or 4 * config["n_embd"],
        config["n_positions"],
        config["vocab_size"] - 1,
    )
    tensors = read_folder(folder)
    expected = {row.name: row.shape for row in rows(sizes)}
    check_complete(tensors, expected, folder, is_buffer)
    options = {
        "activation": config["activation_function"],
        "scale_by_layer": config["scale_attn_by_inverse_layer_idx"],
        "use_bias": True,
    }
    return sizes, tensors, options, _preprocessing(folder)


def _preprocessing(folder):
    """Palette and size of images, as far as the folder has them."""
    path = folder / "preprocessor_config.json"
    content = _json(path) if path.exists() else {}
    found = {}
    if content.get("clusters") is not None:
        found["palette"] = checked_palette(content["clusters"])
    size = content.get("size")
    if isinstance(size, dict):
        size = (size["height"], size["width"]) if "height" in size else None
    if size is not None:
        found["image_size"] = checked_image_size(size)
    return found


def _json(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError:
        raise ValueError(
            f"{path.name} must be JSON. Received: {path}, which is not."
        ) from None


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
    if isinstance(palette, (str, pathlib.Path)):
        source = str(palette)
        palette = np.load(palette, allow_pickle=False)
    palette = np.asarray(palette, "float32")
    if palette.ndim != 2 or palette.shape[1] != 3:
        raise ValueError(
            "`palette` must have shape `(colours, 3)`. "
            f"Received: {source} of shape {palette.shape}."
        )
    return palette
