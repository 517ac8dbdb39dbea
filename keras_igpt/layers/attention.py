"""Attention: who looks at whom, rotary positions, and its cache.

Axes: B batch, T query length, S key length, H heads, D head size.
"""

from typing import Any

import keras
from keras import ops

from keras_igpt.annotations import Tensor
from keras_igpt.layers.primitives import dense, norm
from keras_igpt.layers.rotary import rotate
from keras_igpt.operations import in_training_step, one_pass, put

# Queries compared with keys at once, in a pass over a whole sequence.
CHUNK = 128


def prefix_causal_mask(
    queries: Tensor, keys: Tensor, visible: Tensor
) -> Tensor:
    """Who may look at whom: all see the prompt, cells see cells before them.

    With a prompt of 2 and 2 cells, rows being the one who looks:
    `[[1 1 0 0], [1 1 0 0], [1 1 1 0], [1 1 1 1]]`. Positions of the prompt
    that hold nothing are seen by nobody.

    Args:
        queries: int32 tensor of shape `(T,)`, positions of those who look.
        keys: int32 tensor of shape `(S,)`, positions of those looked at.
        visible: bool tensor of shape `(B, P)`, False where a prompt holds
            nothing; B may be 1 for all alike.

    Returns:
        bool tensor of shape `(B, T, S)`.
    """
    prompt_length = ops.shape(visible)[1]
    mask = ops.logical_or(
        keys[None, :] <= queries[:, None], keys[None, :] < prompt_length
    )
    cells = ops.shape(keys)[0] - prompt_length
    visible = ops.pad(visible, [(0, 0), (0, cells)], constant_values=True)
    return ops.logical_and(mask[None], visible[:, None])


def attention_bias(mask: Tensor, dtype: Any) -> Tensor:
    """What to add to scores: 0 where `mask` is True, else about -infinity.

    Adding is cheaper than selecting, above all backwards.

    Args:
        mask: bool tensor of shape `(B, T, S)`.
        dtype: of the scores.

    Returns:
        float tensor of shape `(B, 1, T, S)`, finite in every dtype.
    """
    open_, shut = (
        ops.convert_to_tensor(value, dtype) for value in (0.0, _lowest(dtype))
    )
    return ops.where(mask, open_, shut)[:, None]


def _lowest(dtype):
    """A number that scores can be added to, and whose exponential is 0."""
    half = keras.backend.standardize_dtype(dtype) == "float16"
    return -3e4 if half else -1e30


@keras.saving.register_keras_serializable("keras_igpt")
class Attention(keras.layers.Layer):
    """Multi-head attention, over a whole sequence or over a cache.

    Args:
        hidden_dim: int. Width of the residual stream.
        num_heads: int. Divides `hidden_dim`.
        prompt_length: int. Positions in front that all may look at.
        qk_norm: bool. Normalise every head's query and key.
        use_bias: bool. Biases in both projections.
        output_scale: float. Standard deviation of the output projection's
            initial weights, relative to `1 / sqrt(hidden_dim)`.
        score_scale: float. Factor on the scores, beside `1 / sqrt(head_dim)`.
        asks: bool. It looks at what others have read: there is no projection
            to keys and values, and the cache is left as it is.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        prompt_length: int = 0,
        qk_norm: bool = True,
        use_bias: bool = False,
        output_scale: float = 1.0,
        score_scale: float = 1.0,
        asks: bool = False,
        **kwargs: Any,
    ) -> None:
        # Caches stay of the type that their loop reads.
        super().__init__(autocast=False, **kwargs)
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.prompt_length = prompt_length
        self.asks = asks
        self.head_dim = hidden_dim // num_heads
        self.qk_norm = qk_norm
        self.use_bias = use_bias
        self.output_scale = output_scale
        self.score_scale = score_scale
        name = "query" if asks else "query_key_value"
        units = hidden_dim if asks else 3 * hidden_dim
        projection = dense(units, use_bias, 1.0, self.dtype_policy, name)
        setattr(self, name, projection)
        self.output_projection = dense(
            hidden_dim, use_bias, output_scale, self.dtype_policy, "output"
        )
        if qk_norm:
            self.query_norm = norm(self.dtype_policy, "query_norm")
        if qk_norm and not asks:
            self.key_norm = norm(self.dtype_policy, "key_norm")

    def build(self) -> None:
        first = self.query if self.asks else self.query_key_value
        first.build((None, None, self.hidden_dim))
        self.output_projection.build((None, None, self.hidden_dim))
        if self.qk_norm:
            self.query_norm.build((None, None, None, self.head_dim))
        if self.qk_norm and not self.asks:
            self.key_norm.build((None, None, None, self.head_dim))

    def call(
        self,
        x: Tensor,
        bias: Tensor,
        angles: Tensor | None = None,
        cache: tuple[Tensor, Tensor] | None = None,
        index: Tensor | None = None,
        factor: Tensor | None = None,
    ) -> Tensor:
        """Mixes positions.

        Args:
            x: float tensor of shape `(B, T, hidden_dim)`.
            bias: float tensor of shape `(B or 1, 1, T, S)`, added to the
                scores, as `attention_bias` makes it.
            angles: float32 tensor of shape `(T, head_dim // 2)` or `(B, T,
                head_dim // 2)`, or None for no rotary positions.
            cache: None, and the keys are those of `x`; or a pair of float
                tensors, keys `(B H, D, S)` and values `(B H, S, D)`.
            index: int32 scalar tensor. Where in the cache `x` begins.
            factor: float32 tensor of shape `(T,)`, of queries and keys that
                are turned; None for 1.

        Returns:
            Tuple of the output, of shape `(B, T, hidden_dim)`, and the pair of
            keys and values that were looked at, shaped as a cache.
        """
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        bias = ops.cast(bias, self.compute_dtype)
        if angles is not None:
            # Models of half precision have learned with such angles.
            angles = ops.cast(angles, self.compute_dtype)
        if self.asks:
            return self._ask(x, bias, angles, cache), cache
        query, key, value = ops.split(
            ops.reshape(
                self.query_key_value(x),
                (batch, length, 3 * self.num_heads, self.head_dim),
            ),
            3,
            axis=2,
        )  # (B, T, H, D)
        if self.qk_norm:
            query, key = self.query_norm(query), self.key_norm(key)
        if angles is not None:
            query = rotate(query, angles, factor)
            key = rotate(key, angles, factor)
        if self.score_scale != 1:
            query = query * self.score_scale
        if cache is None:
            x = causal_attention(query, key, value, bias, self.prompt_length)
            cache = cache_layout(key, value)
        else:
            key, value = cache_layout(key, value)
            cache = write_cache(cache, key, value, index)
            x = cached_attention(query, *cache, bias)
        x = ops.reshape(x, (batch, length, self.hidden_dim))
        return self.output_projection(x), cache

    def _ask(self, x, bias, angles, cache):
        """Looks at a cache that holds all there is to see."""
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        shape = (batch, length, self.num_heads, self.head_dim)
        query = ops.reshape(self.query(x), shape)
        if self.qk_norm:
            query = self.query_norm(query)
        if angles is not None:
            query = rotate(query, angles)
        if self.score_scale != 1:
            query = query * self.score_scale
        x = cached_attention(query, *cache, bias)
        x = ops.reshape(x, (batch, length, self.hidden_dim))
        return self.output_projection(x)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "num_heads": self.num_heads,
            "prompt_length": self.prompt_length,
            "qk_norm": self.qk_norm,
            "use_bias": self.use_bias,
            "output_scale": self.output_scale,
            "score_scale": self.score_scale,
            "asks": self.asks,
        }


def cache_layout(key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Two `(B, T, H, D)` to `(B H, D, T)` and `(B H, T, D)`.

    A step multiplies caches in these layouts as they are. In any other XLA
    copies each of them whole, once or more, in every step.
    """
    batch, length, heads, width = ops.shape(key)
    key = ops.transpose(key, (0, 2, 3, 1))
    value = ops.transpose(value, (0, 2, 1, 3))
    return (
        ops.reshape(key, (batch * heads, width, length)),
        ops.reshape(value, (batch * heads, length, width)),
    )


def write_cache(
    cache: tuple[Tensor, Tensor], key: Tensor, value: Tensor, index: Tensor
) -> tuple[Tensor, Tensor]:
    """A cache with some positions more, in its own type.

    Args:
        cache: pair of float tensors, keys `(B H, D, S)` and values `(B H, S,
            D)`.
        key, value: float tensors of shape `(B H, D, T)` and `(B H, T, D)`.
        index: int32 scalar tensor. Where in the cache they begin.
    """
    return tuple(
        put(old, ops.cast(new, old.dtype), index, axis)
        for old, new, axis in zip(cache, (key, value), (2, 1))
    )


def cached_attention(
    query: Tensor, keys: Tensor, values: Tensor, bias: Tensor
) -> Tensor:
    """Attention of one position, or a few, over a cache.

    Args:
        query: float tensor of shape `(B, T, H, D)`.
        keys: float tensor of shape `(B H, D, S)`.
        values: float tensor of shape `(B H, S, D)`.
        bias: float tensor of shape `(B or 1, 1, T, S)`.

    Returns:
        float tensor of shape `(B, T, H, D)`.
    """
    batch, count, heads, width = ops.shape(query)
    dtype = query.dtype
    query = ops.transpose(query * width**-0.5, (0, 2, 1, 3))
    query = ops.reshape(query, (batch * heads, count, width))
    query, bias = (ops.cast(one, keys.dtype) for one in (query, bias))
    x = attended(query, keys, values, bias)
    x = ops.reshape(x, (batch, heads, count, width))
    return ops.cast(ops.transpose(x, (0, 2, 1, 3)), dtype)


def attended(
    query: Tensor, keys: Tensor, values: Tensor, bias: Tensor
) -> Tensor:
    """What queries find, all heads alike.

    In a training step the gradient is written out: that of a softmax needs
    the mean of its gradients, which is the product of the output and its own
    (Dao et al. 2022, https://arxiv.org/abs/2205.14135, appendix B.2), a sum
    over a head's width instead of all keys.

    Args:
        query: float tensor of shape `(B H, T, D)`, scaled.
        keys, values, bias: as `cached_attention` takes them.

    Returns:
        float tensor of shape `(B H, T, D)`.
    """
    if not in_training_step():
        return _attended(query, keys, values, bias)[0]

    @ops.custom_gradient
    def attend(query, keys, values):
        x, weights = _attended(query, keys, values, bias)

        def gradient(upstream):
            mean = ops.cast(upstream, "float32") * ops.cast(x, "float32")
            mean = ops.sum(mean, axis=-1, keepdims=True)
            of_weights = ops.matmul(upstream, _turned(values))
            of_scores = _of_scores(weights, of_weights, mean)
            return (
                ops.matmul(of_scores, _turned(keys)),
                ops.matmul(_turned(query), of_scores),
                ops.matmul(_turned(weights), upstream),
            )

        return x, gradient

    return attend(query, keys, values)


def _attended(query, keys, values, bias):
    """What queries find, and their weights `(B H, T, S)`."""
    scores = ops.matmul(query, keys)
    rows, count, length = ops.shape(scores)
    # One axis for all heads, where a bias is the same for all.
    each = (ops.shape(bias)[0], -1, count, length)
    scores = ops.reshape(
        ops.reshape(scores, each) + bias, (rows, count, length)
    )
    weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
    weights = ops.cast(weights, values.dtype)
    return ops.matmul(weights, values), weights


def _turned(x):
    return ops.transpose(x, (0, 2, 1))


@one_pass(learned=0)
def _of_scores(weights, of_weights, mean):
    dtype = weights.dtype
    # Two that are nearly alike: bfloat16 would keep little of what is left.
    weights, of_weights = (
        ops.cast(one, "float32") for one in (weights, of_weights)
    )
    return ops.cast(weights * (of_weights - mean), dtype)


def causal_attention(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor, prompt_length: int
) -> Tensor:
    """Attention over a whole sequence, in chunks of queries.

    A chunk is compared with the keys up to its own end only, which leaves
    out almost half of the scores.

    Args:
        query, key, value: float tensors of shape `(B, T, H, D)`.
        bias: float tensor of shape `(B or 1, 1, T, T)`, which forbids what
            lies behind a position, but for the prompt.
        prompt_length: int. Positions in front that all may look at.

    Returns:
        float tensor of shape `(B, T, H, D)`.
    """
    length = query.shape[1]
    if length is None or length < 2 * CHUNK:
        return _attention(query, key, value, bias)
    size = -(-length // (length // CHUNK))
    starts = range(0, length, size)
    parts = []
    for start, part in zip(starts, ops.split(query, list(starts[1:]), axis=1)):
        stop = min(start + size, length)
        end = min(max(stop, prompt_length), length)
        parts.append(
            _attention(
                part,
                first_positions(key, end),
                first_positions(value, end),
                bias[:, :, start:stop, :end],
            )
        )
    return ops.concatenate(parts, axis=1)


def _attention(query, key, value, bias):
    if in_training_step():
        return cached_attention(query, *cache_layout(key, value), bias)
    return ops.dot_product_attention(query, key, value, bias=bias)


def first_positions(x: Tensor, count: int) -> Tensor:
    """`x[:, :count]`; TensorFlow's gradient of that form is far slower."""
    shape = (ops.shape(x)[0], count, *x.shape[2:])
    return ops.slice(x, (0, 0, 0, 0), shape)
