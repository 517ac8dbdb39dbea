"""Images from conditions and tokens, some of them known: in batches, compiled.

Axes: B images, n candidates of each, N cells, C channels.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt import progress
from keras_igpt.annotations import Array
from keras_igpt.argument_checks import check_positive
from keras_igpt.compiling import CompiledFunction, num_workers
from keras_igpt.generation.candidates import (
    candidate_nats,
    candidate_seeds,
    likeliest,
    repeated,
)
from keras_igpt.generation.guidance import wanted
from keras_igpt.generation.loop import Decoder
from keras_igpt.generation.parallel import ParallelDecoder
from keras_igpt.generation.pieces import UNWATCHED, Canvas, Pieces
from keras_igpt.generation.plans import checked_request, make_plan
from keras_igpt.generation.sampler_decoder import SamplerDecoder
from keras_igpt.generation.settings import check_sampler_alone, check_settings
from keras_igpt.images.arrays import slices
from keras_igpt.prompts.conditions import NEGATIVE

# Images generated at a time: the largest bounds the caches' memory, below the
# smallest a second processor would only read the same weights again.
MAX_BATCH = 64
MIN_BATCH = 8

# Seconds between two looks at what is being generated.
WATCHED = 0.25

OnStep = Callable[[int, Callable[[], Array]], None]


class ImageDecoder:
    """Writes the cells of images that are not known; keeps what is compiled.

    May be called from several threads.

    Args:
        model: an `ImageGPT`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._functions = {}
        self._lock = threading.Lock()

    def __call__(
        self, *args: Any, on_step: OnStep | None = None, **kwargs: Any
    ) -> Array:
        """Writes what is not known, and decodes all.

        Args:
            args, kwargs: as `stream` takes them.
            on_step: function of how many cells are known or written by now,
                and of a function that gives the images as they are.

        Returns:
            uint8 array `(B, height, width, C)`.
        """
        stream = self.stream(*args, watched=on_step is not None, **kwargs)
        # Closed at once if `on_step` raises: its threads end.
        with contextlib.closing(stream) as steps:
            while True:
                try:
                    canvas = next(steps)
                except StopIteration as end:
                    return end.value
                if on_step is not None:
                    on_step(canvas.done, canvas.preview)

    def stream(
        self,
        conditions: dict[str, Array],
        tokens: Array,
        known: Array,
        watched: bool = True,
        sampler: Any = None,
        jit_compile: bool = True,
        steps: int | None = None,
        step_schedule: str | None = None,
        order: Any = None,
        best_of: int = 1,
        verbose: bool = True,
        **settings: Any,
    ) -> Generator[Canvas, None, Array]:
        """Writes what is not known, piece by piece.

        Cells known in all images are read at once if they are in front, and
        not at all if they are at the end.

        Args:
            conditions: dict of int32 arrays with B rows.
            tokens: int32 array `(B, N)`.
            known: bool array `(B, N)`.
            watched: bool. Whether somebody looks at what is yielded.
            sampler, …: as `ImageGPT.generate`.

        Yields:
            The canvas, after each piece.

        Returns:
            uint8 array `(B, height, width, C)`.
        """
        check_positive("best_of", best_of, MAX_BATCH)
        count = len(tokens)
        if sampler is not None:
            check_sampler_alone(settings)
            _get_sampler(sampler)
        settings = check_settings(count, self.model.vocabulary_size, **settings)
        guided = bool(np.any(settings["guidance_scale"] != 1))
        _check_negative(conditions, guided)
        asked = {"steps": steps, "step_schedule": step_schedule, "order": order}
        asked = checked_request(self.model, count, sampler, **asked)
        unknown = np.flatnonzero(~known.all(axis=0))
        if not len(unknown):
            return _at_once(self.images_of(tokens))
        rows = {
            "conditions": conditions,
            "tokens": tokens,
            "known": known,
            "prefix": tokens[:, : unknown[0]],
            "settings": settings,
        }
        if self.model.any_order:
            rows["order"] = asked.pop("order")
            del rows["prefix"]
        decode = self._decoder(tuple(conditions), guided, jit_compile, sampler)

        def write(part, pieces):
            if self.model.any_order:
                known, order = part.pop("known"), part.pop("order")
                plan = make_plan(known, order, **asked)
                return decode(**part, plan=plan, pieces=pieces)
            return decode(**part, last=unknown[-1] + 1, pieces=pieces)

        return self._in_batches(rows, write, best_of, watched, verbose)

    def _in_batches(self, rows, write, best_of, watched, verbose):
        """Images of arrays with B rows, a batch in each thread."""
        count, stop, events = len(rows["tokens"]), Event(), SimpleQueue()
        canvas = Canvas(
            rows["tokens"],
            rows["known"],
            self.images_of,
            self.model.tokenizer.grid_size,
        )

        def generate(chunk):
            size = chunk.stop - chunk.start

            def report(tokens, written):
                # The first candidate of each image; padding is left out.
                shown = slice(None, size * best_of, best_of)
                events.put((chunk, tokens[shown], written()[shown]))

            pieces = Pieces(WATCHED if watched else UNWATCHED, report, stop)
            part = keras.tree.map_structure(
                functools.partial(_power_of_two, chunk=chunk), rows
            )
            if best_of > 1:
                tokens = self._best(part, write, best_of, pieces)
            else:
                tokens = write(part, pieces)
            tokens = ops.convert_to_numpy(tokens)[:size]
            events.put((chunk, tokens, True))
            return self.images_of(tokens)

        workers = num_workers()
        size = min(max(-(-count // workers), MIN_BATCH), MAX_BATCH)
        chunks = slices(count, max(size // best_of, 1))
        pool = ThreadPoolExecutor(workers)
        futures = [pool.submit(generate, chunk) for chunk in chunks]
        for future in futures:
            future.add_done_callback(events.put)
        cells = (~canvas.written).sum() if verbose else None
        try:
            with progress.bar("generating", cells) as advance:
                left = len(futures)
                while left:
                    event = events.get()
                    if isinstance(event, Future):
                        event.result()  # raises what went wrong there
                        left -= 1
                        continue
                    before = canvas.done
                    canvas.put(*event)
                    advance(canvas.done - before)
                    yield canvas
        finally:
            # Threads that nobody waits for end after the piece they are at.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return np.concatenate([future.result() for future in futures])

    def _best(self, part, write, count, pieces):
        """Of so many candidates of each image the likeliest one's tokens."""
        part = repeated(part, count)
        settings = part["settings"]
        own = settings["seed"][::count]
        settings["seed"] = candidate_seeds(own, count)
        asked = wanted(part["conditions"])
        tokens = write(part, pieces)
        nats_of = self.function("candidates", candidate_nats(self.model))
        nats = ops.convert_to_numpy(nats_of(tokens, asked))
        return likeliest(ops.convert_to_numpy(tokens), nats, count)

    def encode(self, images: Any) -> Array:
        """int32 array `(B, N)` of images that fit the tokenizer."""
        encode = self.function("encode", self.model.tokenizer.encode)
        return ops.convert_to_numpy(encode(images))

    def images_of(self, tokens: Any) -> Array:
        """uint8 array `(B, height, width, C)` of tokens."""
        decode = self.function("decode", self.model.tokenizer.decode)
        return ops.convert_to_numpy(decode(tokens))

    # === Compiled functions ===

    def function(self, name: str, function: Callable) -> CompiledFunction:
        """A function of tensors, compiled at its first use."""
        with self._lock:
            if name not in self._functions:
                compiled = CompiledFunction(self.model, function)
                self._functions[name] = compiled
            return self._functions[name]

    def _decoder(self, asked, guided, jit_compile, sampler):
        """The decoder for a kind of request, kept for the next one.

        Of `keras_nlp` samplers the last one that came as a name is kept;
        nothing tells whether an object has been changed.
        """
        kind = "loop" if sampler is None else "sampler"
        key = (asked, guided, jit_compile, sampler)
        with self._lock:
            decoders = self._functions.setdefault(kind, {})
            if key in decoders:
                return decoders[key]
            if sampler is None:
                made = ParallelDecoder if self.model.any_order else Decoder
                decoder = made(self.model, guided, jit_compile)
            else:
                chosen = _get_sampler(sampler)
                decoder = SamplerDecoder(self.model, guided, chosen)
                decoders.clear()
            if sampler is None or isinstance(sampler, str):
                decoders[key] = decoder
            return decoder


def _at_once(images):
    """As `stream`, where nothing is to be written."""
    yield from ()
    return images


def _check_negative(conditions, guided):
    if NEGATIVE in conditions and not guided:
        raise ValueError(
            "`negative_text` must come with a `guidance_scale` above 1, which "
            "leads away from it. Received: guidance_scale=1. Take 2, or leave "
            "`negative_text` out."
        )


def _power_of_two(rows, chunk):
    """Rows of a chunk, the last one repeated: few sizes, few compilations."""
    width = 1 << (chunk.stop - chunk.start - 1).bit_length()
    chosen = np.minimum(chunk.start + np.arange(width), chunk.stop - 1)
    return np.take(rows, chosen, axis=0)


def _get_sampler(sampler):
    """The sampler of a name, or the one that is given."""
    import keras_nlp

    try:
        found = keras_nlp.samplers.get(sampler)
    except ValueError:
        found = None
    # A name that is not known comes back as it was.
    if not isinstance(found, keras_nlp.samplers.Sampler):
        raise ValueError(
            "`sampler` must be a `keras_nlp.samplers` object or a name such "
            "as 'greedy', 'top_k', 'top_p', 'random' and 'beam'. "
            f"Received: sampler={sampler!r}."
        )
    return found
