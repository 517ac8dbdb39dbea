"""Codebooks: a cell's vector in, the number of its code out, and back.

`VectorQuantizer` learns its codes (van den Oord et al. 2017,
https://arxiv.org/abs/1711.00937), `ScalarQuantizer` needs none: its codes
are the points of a fixed grid (Mentzer et al. 2023,
https://arxiv.org/abs/2309.15505).

Axes: M vectors, D their size, K codes.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_igpt.annotations import Array, ArrayLike, Tensor

# Levels of each dimension, as the paper recommends them for so many codes.
SCALAR_LEVELS = {
    240: (8, 6, 5),
    512: (8, 8, 8),
    1000: (8, 5, 5, 5),
    4375: (7, 5, 5, 5, 5),
}


@keras.saving.register_keras_serializable("keras_igpt")
class VectorQuantizer(keras.layers.Layer):
    """The nearest of K learned unit vectors.

    Codes follow the vectors they stand for by a moving average (van den Oord
    et al. 2017, appendix A). Vectors and codes have length 1 (Yu et al. 2021,
    https://arxiv.org/abs/2110.04627, section 3.2), so that no code is out of
    reach, and a code that is hardly used starts anew from a vector of the
    batch (Dhariwal et al. 2020, https://arxiv.org/abs/2005.00341, section 3).

    Args:
        codebook_size: int. K.
        code_dim: int. D.
        decay: float. Share of the average that one batch leaves in place.
        restart_below: float. Codes used less often than this share of the
            mean start anew.
    """

    def __init__(
        self,
        codebook_size: int,
        code_dim: int = 8,
        decay: float = 0.99,
        restart_below: float = 0.05,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.codebook_size = codebook_size
        self.code_dim = code_dim
        self.decay = decay
        self.restart_below = restart_below
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: tuple | None = None) -> None:
        """Makes the codebook and its averages."""

        def state(shape, name):
            return self.add_weight(
                shape=shape,
                initializer="zeros",
                dtype="float32",
                trainable=False,
                name=name,
            )

        self.codebook = state((self.codebook_size, self.code_dim), "codebook")
        self.sums = state((self.codebook_size, self.code_dim), "sums")
        self.counts = state((self.codebook_size,), "counts")

    def start(self, vectors: Array) -> None:
        """Starts with the k-means centres of some vectors.

        Args:
            vectors: float32 array of shape `(M, D)`, M at least K.
        """
        vectors = ops.convert_to_numpy(unit(vectors))
        self.set_codes(k_means(vectors, self.codebook_size, batch_size=4096))

    def set_codes(self, codes: Array) -> None:
        """Takes codes, each as if it had stood for one vector.

        Args:
            codes: float32 array of shape `(K, D)`, of any length.
        """
        codes = ops.convert_to_numpy(unit(codes))
        self.codebook.assign(codes)
        self.sums.assign(codes)
        self.counts.assign(np.ones(self.codebook_size, "float32"))

    def call(
        self, vectors: Tensor, training: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        """Replaces vectors by their codes.

        Args:
            vectors: float32 tensor of shape `(M, D)`.
            training: bool. Move the codes, and add the loss that keeps
                vectors near theirs.

        Returns:
            Tuple of the codes `(M, D)`, through which gradients pass
            straight, and int32 numbers `(M,)`.
        """
        vectors = unit(vectors)
        numbers = self.numbers(vectors)
        codes = self.codes(numbers)
        if training:
            away = ops.mean(ops.sum((vectors - codes) ** 2, axis=-1))
            self.add_loss(0.25 * away)
            self._follow(ops.stop_gradient(vectors), numbers)
        return vectors + ops.stop_gradient(codes - vectors), numbers

    def bounded(self, vectors: Tensor) -> Tensor:
        """float32 `(M, D)`: vectors as they are compared with codes."""
        return unit(vectors)

    def numbers(self, vectors: Tensor) -> Tensor:
        """int32 `(M,)`: the codes nearest to vectors `(M, D)`."""
        likeness = ops.matmul(unit(vectors), ops.transpose(self.codebook))
        return ops.cast(ops.argmax(likeness, axis=-1), "int32")

    def codes(self, numbers: Tensor) -> Tensor:
        """float32 `(…, D)`: the codes that numbers stand for."""
        return ops.take(self.codebook, numbers, axis=0)

    def _follow(self, vectors, numbers):
        counts = ops.segment_sum(
            ops.ones_like(vectors[:, 0]), numbers, self.codebook_size
        )
        sums = ops.segment_sum(vectors, numbers, self.codebook_size)
        counts = self._average(self.counts, counts)
        sums = self._average(self.sums, sums)
        # === Codes that are hardly used start anew ===
        dead = counts < self.restart_below * ops.mean(counts)
        chosen = keras.random.randint(
            (self.codebook_size,),
            0,
            ops.shape(vectors)[0],
            seed=self.seed_generator,
        )
        counts = ops.where(dead, ops.mean(counts), counts)
        fresh = ops.take(vectors, chosen, axis=0) * counts[:, None]
        sums = ops.where(dead[:, None], fresh, sums)
        self.counts.assign(counts)
        self.sums.assign(sums)
        self.codebook.assign(unit(sums))

    def _average(self, old, new):
        return self.decay * old + (1 - self.decay) * new

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "codebook_size": self.codebook_size,
            "code_dim": self.code_dim,
            "decay": self.decay,
            "restart_below": self.restart_below,
        }


@keras.saving.register_keras_serializable("keras_igpt")
class ScalarQuantizer(keras.layers.Layer):
    """Every dimension rounded to a few levels ("FSQ"): nothing to tune.

    Args:
        codebook_size: int, one of `SCALAR_LEVELS`.
    """

    def __init__(self, codebook_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        if codebook_size not in SCALAR_LEVELS:
            raise ValueError(
                "`codebook_size` must be one of "
                f"{sorted(SCALAR_LEVELS)} with quantizer='fsq'. "
                f"Received: codebook_size={codebook_size!r}."
            )
        self.codebook_size = codebook_size
        self.levels = np.array(SCALAR_LEVELS[codebook_size], "int32")
        self.code_dim = len(self.levels)
        # Number of a code: its levels, read as digits.
        self.places = np.cumprod([1, *self.levels[:-1]]).astype("int32")

    def build(self, input_shape: tuple | None = None) -> None:
        """There is nothing to build."""

    def start(self, vectors: Array) -> None:
        """There is nothing to start: the grid is fixed."""

    def call(
        self, vectors: Tensor, training: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `VectorQuantizer.call`."""
        bounded = self._bounded(vectors)
        rounded = ops.round(bounded)
        numbers = self._numbers(rounded)
        codes = bounded + ops.stop_gradient(rounded - bounded)
        return self._scaled(codes), numbers

    def bounded(self, vectors: Tensor) -> Tensor:
        """float32 `(M, D)`: what is rounded to codes, spread likewise."""
        return self._scaled(self._bounded(vectors))

    def numbers(self, vectors: Tensor) -> Tensor:
        """int32 `(M,)`: the codes of vectors `(M, D)`."""
        return self._numbers(ops.round(self._bounded(vectors)))

    def codes(self, numbers: Tensor) -> Tensor:
        """float32 `(…, D)`: the codes that numbers stand for."""
        digits = ops.floor_divide(numbers[..., None], self.places)
        digits = ops.mod(digits, self.levels)
        return self._scaled(ops.cast(digits, "float32"))

    def _bounded(self, vectors):
        """Into the open interval from -0.5 to levels - 0.5."""
        return ops.multiply(self.levels, ops.sigmoid(vectors)) - 0.5

    def _numbers(self, rounded):
        # Sigmoids reach 0 and 1 in float32, and would round to no level.
        digits = ops.clip(rounded, 0, self.levels - 1)
        numbers = ops.multiply(ops.cast(digits, "int32"), self.places)
        return ops.sum(numbers, axis=-1)

    def _scaled(self, digits):
        """Levels spread from -1 to 1."""
        scale = (2.0 / (self.levels - 1)).astype("float32")
        return ops.multiply(digits, scale) - 1.0

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "codebook_size": self.codebook_size}


QUANTIZERS = {"vq": VectorQuantizer, "fsq": ScalarQuantizer}


def unit(vectors: Tensor) -> Tensor:
    """Vectors `(M, D)` at length 1."""
    return ops.normalize(ops.cast(vectors, "float32"), axis=-1)


def k_means(
    vectors: Array, num_centers: int, batch_size: int, seed: int = 0
) -> Array:
    """Centres of vectors, each as near as can be to those around it.

    Args:
        vectors: float array of shape `(M, D)`, M at least `num_centers`.
        num_centers: int.
        batch_size: int. How many vectors a step of the search looks at.
        seed: int. Same vectors and seed, same centres.

    Returns:
        float32 array of shape `(num_centers, D)`.
    """
    from sklearn.cluster import MiniBatchKMeans

    search = MiniBatchKMeans(
        num_centers, batch_size=batch_size, n_init=1, random_state=seed
    )
    return search.fit(vectors).cluster_centers_.astype("float32")


def perplexity(counts: ArrayLike) -> float:
    """Number of codes that, used evenly, would be as hard to guess.

    Args:
        counts: array of shape `(K,)`, how often each code was used.

    Returns:
        float, from 1 to K.
    """
    share = np.asarray(counts, "float64") / max(np.sum(counts), 1)
    share = share[share > 0]
    return math.exp(-float(np.sum(share * np.log(share))))
