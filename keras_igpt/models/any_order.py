"""The network that reads and asks in any order of cells.

Half of the blocks read the prompt, START and cells that are known. What they
give is a memory, and the other half asks it for the tokens of cells: one
question per cell, and none sees another, so that any number of cells can be
asked at once (Li et al. 2025, "ARPG", https://arxiv.org/abs/2503.10568).

A plan says when each cell is asked: cells of one step do not see each other
when they are asked, and see each other, both ways, once they are read. With a
step for each cell it is an order.

Positions are the prompt's, START, and the cells, which stand in the cache in
the order in which they were read.

Axes: B batch, P prompt positions, N cells of the image, T or G cells read or
asked, S positions in the cache, d width of the model.
"""

from typing import Any

from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.attention import (
    attention_bias,
    cache_layout,
    write_cache,
)

# When the prompt and START are read: before the first step, which is 0.
PROMPT_STEP, START_STEP = -2, -1


def plan_of(order: Tensor) -> Tensor:
    """When each cell is asked, int32 `(B, N)`, if they are asked in an order.

    Args:
        order: int32 tensor of shape `(B, N)`, cells in the order of asking.
    """
    return ops.cast(ops.argsort(order, axis=-1), "int32")


def read(
    model: Any,
    inputs: dict[str, Tensor],
    training: bool | None = None,
    states: list | None = None,
) -> Tensor:
    """What the last block gives for each cell, asked by a plan.

    Args:
        model: an `ImageGPTNetwork` with `order="any"`.
        inputs: as the model is called with; `"plan"`, int32 `(B, N)`, the step
            that asks each cell, or `"order"`, int32 `(B, N)`, the cells in
            their order. Neither: row by row.
        training: bool. Apply dropout.
        states: list. The input of every block is appended, `(B, N, d)`; for
            the first that asks, who knows only its question, what the memory
            is made of.

    Returns:
        float tensor of shape `(B, N, d)`, by cell, row by row.
    """
    tokens = ops.cast(inputs["tokens"], "int32")
    cells = ops.arange(model.num_cells, dtype="int32")
    plan = cells[None]
    if "order" in inputs:
        plan = plan_of(inputs["order"])
    if "plan" in inputs:
        plan = ops.cast(inputs["plan"], "int32")
    told, x, visible = _content(model, inputs, tokens, cells, training)
    steps = _with_prompt(model, plan)
    visible = ops.pad(
        visible, [(0, 0), (0, model.num_cells + 1)], constant_values=True
    )
    before = steps[:, None, :] <= steps[:, :, None]
    _, memory = _read_all(
        model,
        x,
        _bias(model, ops.logical_and(before, visible[:, None])),
        _places(model, cells),
        training=training,
        states=states,
    )
    seen = steps[:, None, :] < plan[:, :, None]
    bias = _bias(model, ops.logical_and(seen, visible[:, None]))
    return _ask(model, cells, told, memory, bias, training, states)


def prefill(
    model: Any,
    conditions: dict[str, Tensor],
    tokens: Tensor,
    cells: Tensor,
    known: Tensor,
) -> dict:
    """Reads the prompt and what is known, each cell seeing those before it.

    Args:
        model: an `ImageGPTNetwork` with `order="any"`.
        conditions: as `ImageGPTNetwork.prefill` takes them.
        tokens, cells: int32 tensors of shape `(B, T)`, known tokens and their
            cells, in the order of reading.
        known: bool tensor of shape `(B, T)`, False for what only fills up.

    Returns:
        dict as `ImageGPTNetwork.prefill` returns it, with, in addition,
        `"memory"`, a pair of caches like those of a block; `"visible"` is of
        all S positions.
    """
    told, x, visible = _content(model, conditions, tokens, cells)
    start = ops.ones((ops.shape(tokens)[0], 1), dtype="bool")
    visible = ops.broadcast_to(
        visible, (ops.shape(tokens)[0], model.prompt_length)
    )
    visible = ops.concatenate([visible, start, known], axis=1)
    steps = ops.arange(ops.shape(tokens)[1], dtype="int32")[None]
    steps = _with_prompt(model, steps)
    before = steps[:, None, :] <= steps[:, :, None]
    blocks, memory = _read_all(
        model,
        x,
        _bias(model, ops.logical_and(before, visible[:, None])),
        _places(model, cells),
    )
    return {**told, "blocks": blocks, "memory": memory, "visible": visible}


def read_group(
    model: Any,
    tokens: Tensor,
    cells: Tensor,
    valid: Tensor,
    index: Tensor,
    caches: dict,
) -> dict:
    """Reads a group of cells, which see each other and all before.

    Args:
        model: an `ImageGPTNetwork` with `order="any"`.
        tokens, cells: int32 tensors of shape `(B, G)`.
        valid: bool tensor of shape `(B, G)`, False for what only fills up.
        index: int32 scalar tensor. Where in the caches the group begins.
        caches: as `prefill` returns them, with room for the group.

    Returns:
        The caches with the group.
    """
    x = model.embedding(tokens, cells)
    x = _with_told(x, cells, caches)
    length = ops.shape(caches["visible"])[1]
    count = ops.shape(tokens)[1]
    positions = ops.arange(length, dtype="int32")[:, None]
    # One-hot: which member of the group a position holds.
    members = positions == index + ops.arange(count, dtype="int32")[None]
    here = ops.any(
        ops.logical_and(members[None], valid[:, None]), axis=-1
    )  # (B, S)
    inside = ops.any(members, axis=-1)[None]
    visible = ops.where(inside, here, caches["visible"])
    blocks, memory = _read_all(
        model,
        x,
        _bias(model, visible[:, None]),
        model.prompt_length + 1 + cells,
        caches["blocks"],
        index,
    )
    memory = write_cache(caches["memory"], *memory, index)
    return {**caches, "blocks": blocks, "memory": memory, "visible": visible}


def ask(model: Any, cells: Tensor, caches: dict) -> Tensor:
    """float32 logits `(B, G, V)` of cells `(B, G)`, given what was read."""
    bias = _bias(model, caches["visible"][:, None])
    memory = caches["memory"]
    return model.logits(_ask(model, cells, caches, memory, bias))


def _content(model, conditions, tokens, cells, training=None):
    """What is told to all, the positions' vectors, and which are seen."""
    batch = ops.shape(tokens)[0]
    conditions = model.with_edit(conditions, batch)
    told, prompt, visible = model.read_prompt(conditions, training)
    first = ops.full((batch, 1), model.start_token, dtype="int32")
    ids = ops.concatenate([first, tokens], axis=1)
    padding = [(0, 0)] * (len(cells.shape) - 1) + [(1, 0)]
    at = ops.pad(cells, padding)
    x = model.embedding(ids, at, start=told.get("start"))
    x = model.embedding_dropout(x, training=training)
    if model.source_encoder and "source" in conditions:
        told["source"] = model.source_encoder(
            conditions["source"], training=training
        )
        of_cells = _at_cells(told["source"], cells)
        x = x + ops.pad(of_cells, [(0, 0), (1, 0), (0, 0)])
    if "summary" in told:
        x = x + told["summary"]
    if prompt is not None and not model.class_start:
        x = ops.concatenate([prompt, x], axis=1)
    return told, x, visible


def _read_all(
    model,
    x,
    bias,
    places,
    caches=None,
    index=None,
    training=None,
    states=None,
):
    """Through the blocks that read: their caches, and the memory's part."""
    angles, factor = _turns(model, places)
    written = []
    for i, block in enumerate(model.reading_blocks):
        if states is not None:
            states.append(x[:, model.prompt_length + 1 :])
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
    if states is not None:
        states.append(x[:, model.prompt_length + 1 :])
    memory = cache_layout(*model.memory(x, angles, factor))
    return tuple(written), memory


def _ask(model, cells, told, memory, bias, training=None, states=None):
    """What the last block gives for cells `(T,)` or `(B, T)`."""
    x = model.embedding.ask(cells)
    if len(cells.shape) == 1:
        rows = ops.shape(memory[0])[0] // model.config["num_heads"]
        x = ops.broadcast_to(x[None], (rows, *x.shape))
    x = _with_told(x, cells, told)
    angles, _ = _turns(model, model.prompt_length + 1 + cells)
    for i, block in enumerate(model.asking_blocks):
        if states is not None and i > 0:
            states.append(x)
        x, _ = block(x, bias, angles, cache=memory, training=training)
    return x


def _with_told(x, cells, told):
    """Adds what the prompt says to all, and what is known of each cell."""
    if "source" in told:
        x = x + _at_cells(told["source"], cells)
    return x + told["summary"] if "summary" in told else x


def _at_cells(vectors, cells):
    """Vectors `(B, N, d)` of cells `(T,)` or `(B, T)`."""
    if len(cells.shape) == 1:
        return ops.take(vectors, cells, axis=1)
    return ops.take_along_axis(vectors, ops.expand_dims(cells, -1), axis=1)


def _places(model, cells):
    """Places of the prompt, START and cells: what the angles are taken by."""
    front = ops.arange(model.prompt_length + 1, dtype="int32")
    if len(cells.shape) == 2:
        shape = (ops.shape(cells)[0], model.prompt_length + 1)
        front = ops.broadcast_to(front[None], shape)
    return ops.concatenate([front, model.prompt_length + 1 + cells], axis=-1)


def _turns(model, places):
    """Angles and factors of places; only what is no cell has a factor."""
    if model.angles is None:
        return None, None
    factor = None
    if model.factor is not None:
        each = places if len(places.shape) == 1 else places[0]
        factor = ops.take(model.factor, each, axis=0)
    return ops.take(model.angles, places, axis=0), factor


def _with_prompt(model, steps):
    """Steps `(B, P + 1 + T)` of all positions, from those of cells."""
    rows = ops.shape(steps)[0]
    prompt = ops.full((rows, model.prompt_length), PROMPT_STEP, "int32")
    start = ops.full((rows, 1), START_STEP, "int32")
    return ops.concatenate([prompt, start, steps], axis=1)


def _bias(model, mask):
    return attention_bias(mask, model.compute_dtype)
