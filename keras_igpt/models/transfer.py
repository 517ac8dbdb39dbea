"""New models that begin with what another one has learned, and packed files."""

import zipfile
from typing import Any

import keras
import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import check_positive
from keras_igpt.atomic_files import replacing
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.token_model import TokenModel


def from_model(model: ImageGPT, **changes: Any) -> ImageGPT:
    """A new model with the tokenizer and the weights of another.

    It may have more to listen to, such as classes, captions or edits; what
    the other has no weights for, or weights of another shape, begins anew.

    Args:
        model: may be compiled; stays as it is.
        changes: arguments of `ImageGPT` that are to differ, and `dtype`.

    Returns:
        The new model, not compiled.

    Raises:
        ValueError: if the model is quantized, which cannot learn.
    """
    if model.quantization:
        raise ValueError(
            "`model` must not be quantized, for its weights are rounded. "
            f"Received: a model with quantization={model.quantization!r}. "
            "Pass the model that it was made of."
        )
    config = {**model.get_config(), **changes, "tokenizer": model.tokenizer}
    if "num_classes" in changes:
        # Names are of the classes that there were.
        config["class_names"] = changes.get("class_names", ())
    for name in ("name", "quantization"):
        config.pop(name, None)
    new = type(model)(**config)
    for weight, learned in _learned(new, model):
        weight.assign(keras.ops.convert_to_numpy(learned))
    return new


def add_lora(model: ImageGPT, start: ImageGPT, rank: int) -> None:
    """Leaves what a model has from another one as it is, and adds to it.

    What learns is what `start` had no weights for, and two small matrices
    beside each projection of the blocks, whose product begins as zero (Hu et
    al. 2021, https://arxiv.org/abs/2106.09685). They are added to the weights
    when the model is saved.

    Args:
        model: as `from_model` returns it, of `start`.
        start: the other model.
        rank: int. The matrices' smaller side; at most the model's width.
    """
    check_positive("lora", rank, model.config["hidden_dim"])
    for weight, _ in _learned(model, start):
        weight.trainable = False
    for block in model.blocks:
        for layer in block._flatten_layers():
            if isinstance(layer, keras.layers.Dense):
                layer.enable_lora(rank)


def _learned(new, model):
    """Weights of a new model, each beside that of the model it comes from."""
    known = {place_of(weight): weight for weight in _weights(model)}
    for weight in _weights(new):
        learned = known.get(place_of(weight))
        if learned is not None and learned.shape == weight.shape:
            yield weight, learned


def _weights(model):
    """Trainable weights, without those of the tokenizer, which is shared."""
    shared = {id(weight) for weight in model.tokenizer.weights}
    return [w for w in model.trainable_weights if id(w) not in shared]


def place_of(weight: keras.Variable) -> str:
    """A weight's path inside its model, whatever the model is called."""
    return weight.path.partition("/")[2]


def save_packed(model: TokenModel, path: PathLike) -> None:
    """Saves a model to be passed on: about half of the size.

    The file has no optimizer's state. Its weights keep 11 significant bits,
    as float16's do. All of its parts compute in float32, whatever the model
    was trained in: a classifier's backbone and the tokenizer as well. What
    LoRA learned is added to the weights. The model itself stays as it is.

    Args:
        model: an `ImageGPT` or an `ImageGPTClassifier`.
        path: name of the `.keras` file, replaced whole or not at all.
    """
    copy = type(model).from_config(_in_float32(model.get_config()))
    with replacing(path) as temporary:
        if len(copy.weights) == len(model.weights):
            copy.set_weights(model.get_weights())
        else:
            _set_merged(copy, model, temporary)
        copy.set_weights([_rounded(weight) for weight in copy.get_weights()])
        copy.save(temporary)
        _compress(temporary)


def _set_merged(copy, model, beside):
    """Sets the weights of a model with LoRA: Keras's files have them added."""
    file = beside.with_name(f"{beside.stem}.weights.h5")
    try:
        model.save_weights(file)
        copy.load_weights(file)
    finally:
        file.unlink(missing_ok=True)


def _in_float32(config):
    """A config of which every part, however deep inside, has that policy."""
    if not isinstance(config, dict):
        return config
    return {
        name: "float32" if name == "dtype" else _in_float32(value)
        for name, value in config.items()
    }


def _rounded(array):
    """float32 to 11 significant bits, to nearest; others as they are."""
    if array.dtype != np.float32:
        return array
    bits = array.view(np.uint32) + np.uint32(1 << 12)
    return (bits & np.uint32(0xFFFFE000)).view(np.float32)


def _compress(path):
    """Writes a zip archive again, deflated."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
