"""The decoding loop: tokens in, tokens out; it knows no images.

The loop draws nothing: it is given one uniform number per cell, and
`sampling.py` makes a token of it.

Axes: B batch, N cells, V vocabulary.
"""

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.compiling import CompiledFunction
from keras_igpt.generation.guidance import guidance_at, guide, with_nulls
from keras_igpt.generation.pieces import Pieces
from keras_igpt.generation.sampling import sample, uniforms
from keras_igpt.operations import loop_dtype

# At most so many stretches of cells, each with caches of its own length, and
# none shorter than that: every length is compiled once, which takes longer
# than a few rows save by shorter caches.
STRETCHES = 4

SHORTEST_STRETCH = 128

FEW_IMAGES, SHORTEST_OF_FEW = 16, 256

# Cells that are known in all images of a batch are read so many at once.
RUN = 4


class Decoder:
    """Compiled decoding for one way of sampling.

    The cells are written in a few stretches. In each the caches are only as
    long as its end needs, for attention reads them whole.

    Args:
        model: has `prefill`, `step`, `empty_caches`, `null_conditions`,
            `prompt_length` and `num_cells`.
        guided: bool. Whether any guidance scale differs from 1.
        jit_compile: bool. Run the loop under XLA.
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
            lambda end: CompiledFunction(
                model,
                functools.partial(grow, length=model.prompt_length + end),
            )
        )
        self.write = {
            run: CompiledFunction(
                model,
                Writer(model, guided, run),
                jit_compile,
            )
            for run in (1, RUN)
        }
        self.compiled = set()

    def __call__(
        self,
        conditions: dict[str, Array],
        tokens: Array,
        known: Array,
        prefix: Array,
        last: int,
        settings: dict[str, Array],
        pieces: Pieces | None = None,
    ) -> Tensor:
        """Writes the cells that are not known, from the prefix to `last`.

        Args:
            conditions: dict of arrays with B rows, the prompt's contents.
            tokens: int32 array `(B, N)`. Known tokens in their cells.
            known: bool array `(B, N)`, True where `tokens` stays.
            prefix: int32 array `(B, n)`, the tokens of the first n cells,
                known in all rows. They cost one pass in all.
            last: int. No cell from here on is visited.
            settings: dict of `(B,)` arrays, as `check_settings` makes them.
            pieces: how the cells are cut into pieces; told of each.

        Returns:
            int32 tensor of shape `(B, N)`.
        """
        pieces = Pieces() if pieces is None else pieces
        cell = prefix.shape[1]
        caches = self._read(conditions, prefix)
        draws = self.uniforms(settings["seed"])
        run = RUN if has_run(known[:, cell:last], RUN) else 1

        def write(first, last, tokens, caches):
            first, last = np.int32(first), np.int32(last)
            return self.write[run](
                first, last, tokens, known, draws, caches, settings
            )

        def write_nothing(end):
            write(cell, cell, tokens, self.grow(end)(caches))

        rows = len(tokens) * (1 + self.guided)
        ends = stretches(cell, last, self.model.num_cells, rows)
        # More rows are written by several decoders at once, which compile on
        # the way: all caches side by side would be a part of the peak.
        if rows <= FEW_IMAGES:
            self._compile_all(
                write_nothing,
                [
                    (len(tokens), run, self.write[run].num_states, end)
                    for end in ends
                ],
            )
        begin = cell
        for end in ends:
            caches = self.grow(end)(caches)
            for first, stop in pieces(begin, min(end, last)):
                tokens, caches = write(first, stop, tokens, caches)
                pieces.done(tokens, functools.partial(_written, known, stop))
            begin = end
        return tokens

    def _read(self, conditions, prefix):
        """Caches of the prompt and the prefix, if there is any."""
        if self.model.prompt is None and prefix.shape[1] == 0:
            return self.model.empty_caches(len(prefix) * (1 + self.guided))
        return self.prefill(conditions, prefix)

    def _compile_all(self, write_nothing, sizes):
        """Compiles what is new side by side, rather than on the way."""
        new = [size for size in sizes if size not in self.compiled]
        if len(new) > 1:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda size: write_nothing(size[-1]), new))
        self.compiled.update(new)


def _written(known, stop):
    """Which cells are known or before `stop`, bool `(B, N)`."""
    return known | (np.arange(known.shape[1]) < stop)


def has_run(known: Array, length: int) -> bool:
    """Whether so many cells side by side are known in all images.

    Args:
        known: bool array of shape `(B, N)`.
        length: int.
    """
    together = "".join("01"[here] for here in known.all(axis=0).astype(int))
    return "1" * length in together


def decode(
    model: Any,
    conditions: dict[str, Tensor],
    tokens: Tensor,
    known: Tensor,
    draws: Tensor,
    settings: dict[str, Tensor],
    guided: bool,
) -> Tensor:
    """As `Decoder`, in one piece: to be part of a larger graph.

    Args:
        model, guided: as `Decoder` takes them.
        conditions, tokens, known: tensors as `Decoder.__call__` takes them.
        draws: float32 tensor of shape `(B, N)`, uniform in [0, 1).
        settings: dict of tensors of shape `(B,)`.

    Returns:
        int32 tensor of shape `(B, N)`.
    """
    cells = ops.arange(model.num_cells, dtype="int32")
    unknown = ops.logical_not(ops.all(known, axis=0))
    last = ops.max(ops.where(unknown, cells + 1, 0))
    first = ops.min(ops.where(unknown, cells, last))
    caches = prefill(model, conditions, tokens[:, :first], guided)
    cell = first
    write = Writer(model, guided)
    for end in stretches(0, model.num_cells, model.num_cells):
        # What is read already may be longer than that.
        room = model.prompt_length + ops.maximum(end, first)
        tokens, caches = write(
            cell,
            ops.minimum(end, last),
            tokens,
            known,
            draws,
            grow(caches, room),
            settings,
        )
        cell = ops.maximum(cell, ops.minimum(end, last))
    return tokens


def stretches(
    first: int, last: int, num_cells: int, rows: int | None = None
) -> list[int]:
    """Where the stretches end that lead from cell `first` to `last`.

    Args:
        first, last, num_cells: int.
        rows: int. Of caches; None for many.
    """
    few = rows is not None and rows <= FEW_IMAGES
    shortest = SHORTEST_OF_FEW if few else SHORTEST_STRETCH
    step = max(-(-num_cells // STRETCHES), shortest)
    begins = range(0, min(last, num_cells), step)
    ends = [min(begin + step, num_cells) for begin in begins]
    return [end for end in ends if first < end]


def grow(caches: dict, length: int | Tensor) -> dict:
    """Appends zeros to caches of S positions until S is `length`.

    They are of the type then in which the loop reads them.
    """

    def pad(tensor, axis):
        padding = [(0, 0)] * 3
        padding[axis] = (0, length - ops.shape(tensor)[axis])
        return ops.cast(ops.pad(tensor, padding), loop_dtype(tensor.dtype))

    blocks = tuple(
        (pad(keys, 2), pad(values, 1)) for keys, values in caches["blocks"]
    )
    return {**caches, "blocks": blocks}


def prefill(
    model: Any, conditions: dict[str, Tensor], prefix: Tensor, guided: bool
) -> dict:
    """Caches of prompt and prefix; of the null prompt too when guided.

    The null prompt asks for the same edit of the same source.
    """
    if guided:
        conditions = with_nulls(model, conditions, prefix)
        prefix = ops.concatenate([prefix, prefix])
    return model.prefill(conditions, prefix)


class Writer:
    """The loop: writes cell by cell, reading at once what is known to all.

    Args:
        model, guided: as `Decoder` takes them.
        run: int. So many cells are read at once where all are known; 1 for
            always one by one.
    """

    def __init__(self, model: Any, guided: bool, run: int = 1) -> None:
        self.model = model
        self.guided = guided
        self.run = run

    def __call__(
        self,
        first: Tensor,
        last: Tensor,
        tokens: Tensor,
        known: Tensor,
        draws: Tensor,
        caches: dict,
        settings: dict[str, Tensor],
    ) -> tuple[Tensor, dict]:
        """Writes the cells from `first` up to `last`, its end left out.

        Args:
            first, last: int32 scalar tensors.
            tokens: int32 tensor of shape `(B, N)`.
            known: bool tensor of shape `(B, N)`.
            draws: float32 tensor of shape `(B, N)`, uniform in [0, 1).
            caches: of all positions before `first`, with room up to `last`.
            settings: dict of tensors of shape `(B,)`.

        Returns:
            Tuple of the tokens and the caches with these cells written.
        """
        known_to_all = ops.all(known, axis=0)
        is_run = functools.partial(self._is_run, last, known_to_all)
        read_run = functools.partial(self._read_run, settings)
        write_cell = functools.partial(self._write_cell, known, draws, settings)

        def write_until_run(*state):
            state = _loop(is_run, read_run, state)
            return _loop(
                lambda cell: ops.logical_and(
                    cell < last, ops.logical_not(is_run(cell))
                ),
                write_cell,
                state,
            )

        body = write_cell if self.run == 1 else write_until_run
        state = (first, tokens, caches)
        return _loop(lambda cell: cell < last, body, state)[1:]

    def _is_run(self, last, known_to_all, cell):
        """Whether the cells that begin here are known in all rows."""
        # Beyond the end nothing is: the last cells count several times.
        cells = cell + ops.arange(self.run, dtype="int32")
        cells = ops.minimum(cells, self.model.num_cells - 1)
        whole = ops.all(ops.take(known_to_all, cells))
        return ops.logical_and(whole, cell + self.run <= last)

    def _read_run(self, settings, cell, tokens, caches):
        _, caches = next_logits(
            self.model,
            tokens,
            cell,
            caches,
            self._scale(settings, cell),
            self.run,
        )
        return cell + self.run, tokens, caches

    def _write_cell(self, known, draws, settings, cell, tokens, caches):
        logits, caches = next_logits(
            self.model, tokens, cell, caches, self._scale(settings, cell)
        )
        token = sample(
            logits,
            ops.take(draws, cell, axis=1),
            settings["temperature"],
            settings["top_k"],
            settings["top_p"],
        )
        here = ops.arange(self.model.num_cells, dtype="int32") == cell
        unknown = ops.logical_and(here, ops.logical_not(known))
        return cell + 1, ops.where(unknown, token[:, None], tokens), caches

    def _scale(self, settings, cell):
        if not self.guided:
            return None
        done = ops.cast(cell + 1, "float32") / self.model.num_cells
        return guidance_at(cell, settings, done)


def _loop(goes_on, body, state):
    return ops.while_loop(lambda cell, *_: goes_on(cell), body, state)


def next_logits(
    model: Any,
    tokens: Tensor,
    cell: Tensor,
    caches: dict,
    guidance_scale: Tensor | None,
    count: int = 1,
) -> tuple[Tensor, dict]:
    """Reads some cells: logits `(B, V)` of the last one, and the caches."""
    before = ops.pad(
        tokens, [(0, 0), (1, 0)], constant_values=model.start_token
    )
    previous = ops.take(before, cell + ops.arange(count, dtype="int32"), axis=1)
    if guidance_scale is None:
        logits, caches = model.step(previous, cell, caches)
        return logits[:, -1], caches
    logits, caches = model.step(
        ops.concatenate([previous, previous]), cell, caches
    )
    plain = model.config["plain_guidance"]
    return guide(logits[:, -1], guidance_scale, plain), caches
