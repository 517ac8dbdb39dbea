"""The decoding loop with a sampler of `keras_nlp`: tokens in, tokens out."""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_igpt.annotations import Array, Tensor
from keras_igpt.compiling import CompiledFunction
from keras_igpt.generation.guidance import guidance_at
from keras_igpt.generation.loop import grow, next_logits, prefill
from keras_igpt.generation.pieces import Pieces


class SamplerDecoder:
    """As `Decoder`, with a `keras_nlp` sampler choosing the tokens.

    The sampler draws from a generator of its own, one for the whole batch,
    and always goes on to the end of the image.

    Args:
        model, guided: as `Decoder` takes them.
        sampler: a `keras_nlp.samplers.Sampler`.
    """

    def __init__(self, model: Any, guided: bool, sampler: Callable) -> None:
        self.model = model
        self.guided = guided
        self.sampler = sampler
        self.decode = CompiledFunction(
            model, self._decode, state=sampler.variables
        )

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
        """As `Decoder.__call__`, in one piece."""
        del last, pieces
        guidance = {k: v for k, v in settings.items() if "guidance" in k}
        return self.decode(conditions, tokens, known, prefix, guidance)

    def _decode(self, conditions, tokens, known, prefix, guidance):
        model = self.model
        caches = prefill(model, conditions, prefix, self.guided)

        def next_step(tokens, caches, cell):
            scale = None
            if self.guided:
                done = ops.cast(cell + 1, "float32") / model.num_cells
                scale = guidance_at(cell, guidance, done)
            logits, caches = next_logits(model, tokens, cell, caches, scale)
            return logits, None, caches

        return self.sampler(
            next_step,
            prompt=tokens,
            cache=grow(caches, model.prompt_length + model.num_cells),
            index=ops.convert_to_tensor(ops.shape(prefix)[1], "int32"),
            mask=known,
            model=model,
        )
