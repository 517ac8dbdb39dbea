"""LlamaGen's class-conditional Transformers, loaded.

Sun et al. 2024, "Autoregressive Model Beats Diffusion",
https://arxiv.org/abs/2406.06525; weights of
https://github.com/FoundationVision/LlamaGen and files fine-tuned from them.
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_igpt.annotations import PathLike
from keras_igpt.layers.primitives import empty_weights
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.transfer import place_of
from keras_igpt.operations import assign_part
from keras_igpt.pretrained.llamagen.class_names import class_names
from keras_igpt.pretrained.llamagen.names import (
    BUFFER,
    check_fits,
    rows,
    sizes_of,
)
from keras_igpt.pretrained.tensor_files import check_complete, open_tensors


def load(
    path: PathLike,
    tokenizer: keras.layers.Layer,
    num_heads: int | None = None,
    text_length: int = 0,
    edits: Sequence[str] = (),
    dtype: Any = None,
) -> ImageGPT:
    """Loads a class-conditional Transformer, such as `c2i_L_256.pt`.

    A tensor is read at a time, and nothing in the file is run. PyTorch is
    not needed. What is added to it, captions or edits, begins as zeros: the
    model generates as before until it has learned.

    Args:
        path: a `.pt` or `.safetensors` file; one that a training wrote too.
        tokenizer: the tokenizer whose tokens it was trained on, of the same
            grid of cells: see `load_tokenizer`.
        num_heads: int. Attention heads, which the file does not tell.
            Default: those of the released model of this depth and width.
        text_length: int. Bytes of the longest caption; 0 for none.
        edits: tuple of str. Edits that it is to learn, as `ImageGPT` takes
            them.
        dtype: str, as `"bfloat16"`, or a Keras policy; None for Keras's own.

    Returns:
        An `ImageGPT`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of LlamaGen's Transformers, not whole, or
            does not fit the tokenizer; the error names what is missing,
            extra or of another shape.
    """
    dtype = checked_dtype(dtype)
    with open_tensors(path) as file:
        sizes = sizes_of(file, path, num_heads)
        table = rows(sizes)
        check_complete(
            file,
            {name: row.shape for row in table for name in row.names},
            path,
            lambda name: name == BUFFER,
            "a Transformer of LlamaGen's",
        )
        check_fits(file, path, sizes, tokenizer)
        # What is added begins at random, but for the zeros that hide it.
        with empty_weights():
            model = ImageGPT(
                tokenizer,
                num_layers=sizes.num_layers,
                num_heads=sizes.num_heads,
                hidden_dim=sizes.hidden_dim,
                inner_dim=sizes.inner_dim,
                num_classes=sizes.num_classes,
                class_names=class_names(sizes.num_classes),
                text_length=text_length,
                edits=edits,
                qk_norm=False,
                start="class",
                cell_embedding=False,
                rotary_base=10_000.0,
                plain_guidance=True,
                dtype=dtype,
            )
        weights = {place_of(weight): weight for weight in model.weights}
        for row in table:
            for start, part in row.parts(file, sizes):
                # Kernels have the axes of theirs changed.
                axis = part.ndim - 1 if row.is_kernel else 0
                assign_part(weights[row.place], part, start, axis)
    return model


def checked_dtype(dtype: Any) -> keras.DTypePolicy:
    """A policy of Keras's that weights can be read in.

    Args:
        dtype: as `load` takes it.

    Raises:
        ValueError: if it is none, or not of floats.
    """
    try:
        policy = keras.dtype_policies.get(dtype)
        known = not policy.quantization_mode
        known = known and keras.backend.is_float_dtype(policy.variable_dtype)
    except ValueError:
        known = False
    if not known:
        raise ValueError(
            "`dtype` must be a type of floats, as 'float32' or 'bfloat16', or "
            f"a policy of Keras's. Received: dtype={dtype!r}. For smaller "
            "weights, call `quantize` of the model that is loaded."
        )
    return policy
