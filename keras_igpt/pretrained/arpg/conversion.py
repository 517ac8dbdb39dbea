"""ARPG's class-conditional models, loaded: any order, several cells at once.

Li et al. 2025, "Autoregressive Image Generation with Randomized Parallel
Decoding", https://arxiv.org/abs/2503.10568; weights of
https://github.com/hp-l33/ARPG.
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_igpt.annotations import PathLike
from keras_igpt.layers.primitives import empty_weights
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.transfer import place_of
from keras_igpt.operations import assign_part
from keras_igpt.pretrained.arpg.names import check_fits, rows, sizes_of
from keras_igpt.pretrained.llamagen.class_names import class_names
from keras_igpt.pretrained.llamagen.conversion import checked_dtype
from keras_igpt.pretrained.tensor_files import check_complete, open_tensors

# What its authors generate with.
STEPS = 64


def load(
    path: PathLike,
    tokenizer: keras.layers.Layer,
    num_heads: int | None = None,
    text_length: int = 0,
    edits: Sequence[str] = (),
    dtype: Any = None,
) -> ImageGPT:
    """Loads a model of any order, such as `arpg_300m.pt`.

    A tensor is read at a time, and nothing in the file is run. PyTorch is
    not needed. What is added to it, captions or edits, begins as zeros: the
    model generates as before until it has learned.

    Args:
        path: a `.pt` or `.safetensors` file; one that a training wrote too.
        tokenizer: the tokenizer whose tokens it was trained on: LlamaGen's
            for cells of 16 pixels, see `keras_igpt.llamagen.load_tokenizer`.
        num_heads: int. Attention heads, which the file does not tell.
            Default: those of the released model of this width.
        text_length: int. Bytes of the longest caption; 0 for none.
        edits: tuple of str. Edits that it is to learn, as `ImageGPT` takes
            them.
        dtype: str, as `"bfloat16"`, or a Keras policy; None for Keras's own.

    Returns:
        An `ImageGPT` with `order="any"`, which takes 64 steps if it is not
        asked otherwise.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of ARPG's models, not whole, or does not fit
            the tokenizer; the error names what is missing, extra or of
            another shape.
    """
    dtype = checked_dtype(dtype)
    with open_tensors(path) as file:
        sizes = sizes_of(file, path, num_heads)
        table = rows(sizes)
        check_complete(
            file,
            {name: row.shape for row in table for name in row.names},
            path,
            lambda name: False,
            "a model of ARPG's",
        )
        check_fits(path, sizes, tokenizer)
        cells = tokenizer.grid_size[0] * tokenizer.grid_size[1]
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
                order="any",
                steps=min(STEPS, cells),
                step_schedule="arccos",
                dtype=dtype,
            )
        weights = {place_of(weight): weight for weight in model.weights}
        for row in table:
            for start, part in row.parts(file, sizes):
                # Kernels have the axes of theirs changed.
                axis = part.ndim - 1 if row.is_kernel else 0
                assign_part(weights[row.place], part, start, axis)
    return model
