"""LlamaGen's image tokenizers, loaded.

Sun et al. 2024, "Autoregressive Model Beats Diffusion",
https://arxiv.org/abs/2406.06525; weights of
https://github.com/FoundationVision/LlamaGen.
"""

import numpy as np

from keras_igpt.annotations import PathLike
from keras_igpt.pretrained.llamagen.tokenizer_names import (
    CODEBOOK,
    IGNORED,
    rows,
    sizes,
)
from keras_igpt.pretrained.tensor_files import check_complete, open_tensors
from keras_igpt.tokenizers.conv_vq import ConvVQTokenizer


def load_tokenizer(
    path: PathLike, image_size: int | tuple[int, int] = (256, 256)
) -> ConvVQTokenizer:
    """Loads an image tokenizer of LlamaGen's, such as `vq_ds16_c2i.pt`.

    A tensor is read at a time, and nothing in the file is run. PyTorch is
    not needed.

    Args:
        path: a `.pt` or `.safetensors` file; of 16 or 8 pixels a cell.
        image_size: int, or tuple of height and width in pixels, multiples of
            the cells' size. The weights fit any.

    Returns:
        A `ConvVQTokenizer`, ready to encode. Its `adapt` trains it on.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of LlamaGen's tokenizers, or not whole; the
            error names what is missing, extra or of another shape.
    """
    with open_tensors(path) as file:
        found = sizes(file, path)
        table = rows(found)
        expected = {name: row.shape for row in table for name in row.names}
        expected[CODEBOOK] = found["codebook_size"], found["code_dim"]
        check_complete(
            file,
            expected,
            path,
            lambda name: name == IGNORED,
            "a tokenizer of LlamaGen's",
        )
        tokenizer = ConvVQTokenizer(image_size, **found)
        weights = {_place(weight): weight for weight in tokenizer.weights}
        for row in table:
            weight = weights[row.place]
            weight.assign(row.ours(file, tuple(weight.shape)))
        tokenizer.set_codebook(np.asarray(file.read(CODEBOOK), "float32"))
    return tokenizer


def _place(weight):
    """Where a weight is in the tokenizer: `encoder/conv_in/kernel`."""
    parts = weight.path.split("/")
    start = next(
        (i for i, part in enumerate(parts) if part in ("encoder", "decoder")),
        0,
    )
    return "/".join(parts[start:])
