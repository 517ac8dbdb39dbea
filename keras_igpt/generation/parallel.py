"""Decoding in any order, several cells at once: tokens in, tokens out.

Each step asks for a group of cells, draws their tokens and reads them. Which
cells are asked when is planned before (`plans.py`), for each image by itself.

Axes: B batch, N cells, G cells of a group, V vocabulary.
"""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.compiling import CompiledFunction
from keras_igpt.generation.guidance import guidance_at, guide, with_nulls
from keras_igpt.generation.pieces import Pieces
from keras_igpt.generation.plans import Plan, filled_up, is_written
from keras_igpt.generation.sampling import sample, uniforms
from keras_igpt.operations import loop_dtype


class ParallelDecoder:
    """Compiled decoding in any order, for one way of sampling.

    A program serves every plan whose groups fit into its size.

    Args:
        model: an `ImageGPT` with `order="any"`.
        guided: bool. Whether any guidance scale differs from 1.
        jit_compile: bool. Run the steps under XLA.
    """

    def __init__(self, model: Any, guided: bool, jit_compile: bool) -> None:
        self.model = model
        self.guided = guided
        self.prefill = CompiledFunction(
            model, functools.partial(prefill, model, guided=guided)
        )
        self.uniforms = CompiledFunction(
            model, functools.partial(uniforms, count=model.num_cells)
        )
        self.grow = functools.cache(
            lambda length: CompiledFunction(
                model, functools.partial(grow, length=length)
            )
        )

        @functools.cache
        def compiled(size):
            steps = GroupSteps(model, guided, size)
            return CompiledFunction(model, steps, jit_compile)

        self.steps = compiled
        self.compiled = set()

    def __call__(
        self,
        conditions: dict[str, Array],
        tokens: Array,
        plan: Plan,
        settings: dict[str, Array],
        pieces: Pieces | None = None,
    ) -> Tensor:
        """Writes the cells that a plan asks for.

        Args:
            conditions: dict of arrays with B rows, the prompt's contents.
            tokens: int32 array `(B, N)`. Known tokens in their cells.
            plan: as `make_plan` makes it.
            settings: dict of `(B,)` arrays, as `check_settings` makes them.
            pieces: how the steps are cut into pieces; told of each.

        Returns:
            int32 tensor of shape `(B, N)`.
        """
        pieces = Pieces() if pieces is None else pieces
        caches = self.prefill(conditions, tokens, plan.known, plan.count)
        draws = self.uniforms(settings["seed"])
        begin = self.model.prompt_length + 1 + plan.known.shape[1]
        caches = self.grow(_room(plan, begin, self.model))(caches)
        index = np.int32(begin)
        parts = _parts(plan.sizes)
        shared = plan.queue, plan.starts, draws, plan.count, settings

        def run(size, first, last, *state):
            first, last = np.int32(first), np.int32(last)
            return self.steps(size)(first, last, *state, *shared)

        state = index, tokens, caches
        self._compile_all(
            lambda part: run(part[0], part[1], part[1], *state),
            parts,
            (tokens.shape, caches["visible"].shape),
        )
        for size, first, last in parts:
            for begin, end in pieces(first, last):
                state = run(size, begin, end, *state)
                pieces.done(state[1], functools.partial(is_written, plan, end))
        return state[1]

    def _compile_all(self, run_nothing, parts, shapes):
        """Compiles what is new side by side, rather than on the way."""
        new = {}
        for part in parts:
            key = (part[0], *map(tuple, shapes))
            if key not in self.compiled:
                new[key] = part
        if len(new) > 1:
            with ThreadPoolExecutor() as pool:
                list(pool.map(run_nothing, new.values()))
        self.compiled.update(new)


def decode(
    model: Any,
    conditions: dict[str, Tensor],
    tokens: Tensor,
    plan: Plan,
    draws: Tensor,
    settings: dict[str, Tensor],
    guided: bool,
) -> Tensor:
    """As `ParallelDecoder`, in one piece: to be part of a larger graph.

    Groups are as large as they are: nothing is filled up.

    Args:
        model, guided: as `ParallelDecoder` takes them.
        conditions, tokens, settings: tensors as its call takes them.
        plan: of tensors; its `sizes` are not looked at.
        draws: float32 tensor of shape `(B, N)`, uniform in [0, 1).

    Returns:
        int32 tensor of shape `(B, N)`.
    """
    caches = prefill(model, conditions, tokens, plan.known, plan.count, guided)
    begin = ops.shape(caches["visible"])[1]
    widths = ops.max(plan.starts[:, 1:] - plan.starts[:, :-1], axis=0)
    caches = grow(caches, begin + ops.sum(widths))
    steps = ops.sum(ops.cast(widths > 0, "int32"))
    shared = plan.queue, plan.starts, draws, plan.count, settings
    first = ops.zeros((), "int32")
    return GroupSteps(model, guided)(
        first, steps, begin, tokens, caches, *shared
    )[1]


def prefill(
    model: Any,
    conditions: dict[str, Tensor],
    tokens: Tensor,
    cells: Tensor,
    count: Tensor,
    guided: bool,
) -> dict:
    """Caches of the prompt and known cells; of the null prompt when guided.

    Args:
        model, guided: as `ParallelDecoder` takes them.
        conditions, tokens: as its call takes them.
        cells, count: the plan's `known` and `count`.
    """
    if guided:
        conditions = with_nulls(model, conditions, tokens)
        tokens, cells, count = (
            ops.concatenate([x, x]) for x in (tokens, cells, count)
        )
    known = ops.arange(ops.shape(cells)[1], dtype="int32")[None]
    known = known < count[:, None]
    tokens = ops.take_along_axis(tokens, cells, axis=1)
    return model.prefill_known(conditions, tokens, cells, known)


def _parts(sizes):
    """Runs of steps of one size: `(size, first, last)`, `last` left out."""
    parts, first = [], 0
    for size, steps in itertools.groupby(sizes):
        last = first + len(list(steps))
        parts.append((size, first, last))
        first = last
    return parts


def _room(plan, begin, model):
    """Positions that caches need, of few different numbers."""
    widths = np.diff(plan.starts, axis=1).max(axis=0)
    places = np.cumsum([0, *widths])
    filled = [place + size for place, size in zip(places, plan.sizes)]
    most = begin + max(filled, default=0)
    usual = model.prompt_length + 1 + model.num_cells
    if most <= usual:
        return usual
    return usual + filled_up(most - usual)


def grow(caches: dict, length: int | Tensor) -> dict:
    """Appends zeros to caches of S positions until S is `length`.

    They are of the type then in which the loop reads them.
    """
    more = length - ops.shape(caches["visible"])[1]

    def pad(pair):
        keys, values = (ops.cast(one, loop_dtype(one.dtype)) for one in pair)
        return (
            ops.pad(keys, [(0, 0), (0, 0), (0, more)]),
            ops.pad(values, [(0, 0), (0, more), (0, 0)]),
        )

    return {
        **caches,
        "blocks": tuple(map(pad, caches["blocks"])),
        "memory": pad(caches["memory"]),
        "visible": ops.pad(caches["visible"], [(0, 0), (0, more)]),
    }


class GroupSteps:
    """Steps whose groups are filled up to one size.

    Args:
        model, guided: as `ParallelDecoder` takes them.
        size: int, G. None for each group's own, in graphs that allow it.
    """

    def __init__(
        self, model: Any, guided: bool, size: int | None = None
    ) -> None:
        self.model = model
        self.guided = guided
        self.size = size

    def __call__(
        self,
        first: Tensor,
        last: Tensor,
        index: Tensor,
        tokens: Tensor,
        caches: dict,
        queue: Tensor,
        starts: Tensor,
        draws: Tensor,
        count: Tensor,
        settings: dict[str, Tensor],
    ) -> tuple[Tensor, Tensor, dict]:
        """Asks, draws and reads from step `first` up to `last`.

        Args:
            first, last: int32 scalar tensors.
            index: int32 scalar tensor. Where in the caches to go on.
            tokens: int32 tensor of shape `(B, N)`.
            caches: with room for the groups.
            queue, starts: as `Plan` has them.
            draws: float32 tensor of shape `(B, N)`, uniform in [0, 1).
            count: int32 `(B,)`, how many cells were known before.
            settings: dict of tensors of shape `(B,)`.

        Returns:
            Tuple of the index, the tokens and the caches after these steps.
        """

        def body(step, index, tokens, caches):
            begin, end = (
                ops.take(starts, step + more, axis=1) for more in (0, 1)
            )
            cells, valid = self._group(queue, begin, end)
            found = self._draw(
                cells, count + begin, count + end, caches, draws, settings
            )
            tokens = _written(tokens, cells, valid, found)
            caches = self._read(found, cells, valid, index, caches)
            return step + 1, index + ops.max(end - begin), tokens, caches

        state = (first, index, tokens, caches)
        return ops.while_loop(lambda step, *_: step < last, body, state)[1:]

    def _group(self, queue, begin, end):
        """Cells `(B, G)` of a step, and which of them are asked."""
        size = ops.max(end - begin) if self.size is None else self.size
        places = begin[:, None] + ops.arange(size, dtype="int32")
        most = self.model.num_cells - 1
        cells = ops.take_along_axis(queue, ops.minimum(places, most), axis=1)
        return cells, places < end[:, None]

    def _draw(self, cells, before, after, caches, draws, settings):
        """Tokens `(B, G)` for cells, as many being known before and after."""
        size = ops.shape(cells)[1]
        asked = ops.concatenate([cells, cells]) if self.guided else cells
        logits = self.model.ask(asked, caches)
        logits = ops.reshape(logits, (-1, self.model.vocabulary_size))
        if self.guided:
            done = ops.cast(after, "float32") / self.model.num_cells
            scale = guidance_at(before, settings, done)
            plain = self.model.config["plain_guidance"]
            logits = guide(logits, ops.repeat(scale, size), plain)
        token = sample(
            logits,
            ops.reshape(ops.take_along_axis(draws, cells, axis=1), (-1,)),
            *(
                ops.repeat(settings[name], size)
                for name in ("temperature", "top_k", "top_p")
            ),
        )
        return ops.reshape(token, (-1, size))

    def _read(self, tokens, cells, valid, index, caches):
        if self.guided:
            tokens, cells, valid = (
                ops.concatenate([x, x]) for x in (tokens, cells, valid)
            )
        return self.model.read_group(tokens, cells, valid, index, caches)


def _written(tokens, cells, valid, found):
    """Tokens `(B, N)` with those of a group in their cells."""
    places = ops.arange(ops.shape(tokens)[1], dtype="int32")
    cells, valid, found = (
        ops.expand_dims(x, -1) for x in (cells, valid, found)
    )
    here = ops.logical_and(cells == places, valid)
    written = ops.sum(ops.where(here, found, 0), axis=1)
    return ops.where(ops.any(here, axis=1), written, tokens)
