"""The network that reads cell after cell, row by row.

What goes into a cell is the token before it and the cell's place, and it sees
the prompt and all cells before.

Axes: B batch, P prompt positions, T cells read, N cells of the image, V
vocabulary, H heads, D width of a head, d width of the model.
"""

from typing import Any

from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.attention import attention_bias, prefix_causal_mask


def read(
    model: Any,
    conditions: dict[str, Tensor],
    tokens: Tensor,
    training: bool | None = None,
    start: bool = True,
    states: list | None = None,
) -> tuple[Tensor, dict]:
    """Reads the prompt and the first T cells in one pass.

    Args:
        model: an `ImageGPTNetwork` with `order="raster"`.
        conditions: dict of tensors with B rows, as the model is called with.
        tokens: int32 tensor of shape `(B, T)`.
        training, start: as the model is called with.
        states: list. The input of every block is appended, `(B, T, d)`.

    Returns:
        Tuple of what the last block gives for the cells, float `(B, T, d)`,
        and a dict as `ImageGPTNetwork.prefill` returns it.
    """
    batch, length = ops.shape(tokens)[0], ops.shape(tokens)[1]
    given = ops.cast(tokens, "int32")
    if start and model.objective == "autoregressive":
        first = ops.full((batch, 1), model.start_token, dtype="int32")
        given = ops.concatenate([first, given], axis=1)[:, :length]
    masked = conditions.get("masked")
    if masked is not None:
        masked = ops.cast(masked, "bool")
    conditions = model.with_edit(conditions, batch)
    caches, prompt, visible = model.read_prompt(conditions, training)
    cells = ops.arange(length, dtype="int32")
    x = model.embedding(given, cells, masked, caches.get("start"))
    x = model.embedding_dropout(x, training=training)
    if model.source_encoder and "source" in conditions:
        caches["source"] = model.source_encoder(
            conditions["source"], training=training
        )
        x = x + caches["source"][:, :length]
    if "summary" in caches:
        x = x + caches["summary"]
    if prompt is not None:
        x = ops.concatenate([prompt, x], axis=1)
    if model.objective == "bert":
        visible = ops.pad(visible, [(0, 0), (0, length)], constant_values=True)
    length = length + model.prompt_length
    x, blocks = _transform(
        model,
        x,
        ops.arange(length, dtype="int32"),
        length,
        visible,
        training=training,
        states=states,
    )
    caches = {**caches, "blocks": blocks, "visible": visible}
    return x[:, model.prompt_length :], caches


def step(
    model: Any, previous: Tensor, cell: Tensor, caches: dict
) -> tuple[Tensor, dict]:
    """Reads one cell or a few, given the caches of all before.

    Args:
        model: an `ImageGPTNetwork` with `order="raster"`.
        previous, cell, caches: as `ImageGPTNetwork.step` takes them.

    Returns:
        Tuple of float32 logits `(B, T, V)` and the caches with the cells.
    """
    cells = cell + ops.arange(previous.shape[1], dtype="int32")
    x = model.embedding(previous, cells, start=caches.get("start"))
    if "summary" in caches:
        x = x + caches["summary"]
    if "source" in caches:
        x = x + ops.take(caches["source"], cells, axis=1)
    places = model.prompt_length + cells
    length = ops.shape(caches["blocks"][0][0])[2]
    hidden, blocks = _transform(
        model, x, places, length, caches["visible"], caches["blocks"]
    )
    return model.logits(hidden), {**caches, "blocks": blocks}


def empty_caches(model: Any, batch: int | Tensor) -> dict:
    """As `ImageGPTNetwork.empty_caches`, of `batch` rows."""
    width = model.config["hidden_dim"] // model.config["num_heads"]
    rows = batch * model.config["num_heads"]

    def zeros(*shape):
        return ops.zeros(shape, dtype=model.compute_dtype)

    blocks = tuple(
        (zeros(rows, width, 0), zeros(rows, 0, width)) for _ in model.blocks
    )
    return {"blocks": blocks, "visible": all_visible()}


def all_visible() -> Tensor:
    """Which positions of a prompt without any are seen, bool `(1, 0)`."""
    return ops.ones((1, 0), dtype="bool")


def _transform(
    model, x, places, length, visible, caches=None, training=None, states=None
):
    """Through all blocks, looking at `length` positions."""
    mask = prefix_causal_mask(
        places, ops.arange(length, dtype="int32"), visible
    )
    bias = attention_bias(mask, model.compute_dtype)
    angles = None
    if model.angles is not None:
        angles = ops.take(model.angles, places, axis=0)
    factor = None
    if model.factor is not None:
        factor = ops.take(model.factor, places, axis=0)
    index = None if caches is None else places[0]
    written = []
    for i, block in enumerate(model.blocks):
        if states is not None:
            states.append(x[:, model.prompt_length :])
        x, cache = block(
            x,
            bias,
            angles,
            cache=None if caches is None else caches[i],
            index=index,
            training=training,
            factor=factor,
        )
        written.append(cache)
    return x, tuple(written)
