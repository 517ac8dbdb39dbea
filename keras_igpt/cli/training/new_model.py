"""The model that a training run begins with."""

import math
from typing import Any

from keras_igpt import data as datasets
from keras_igpt.data.batches import (
    check_columns,
    check_tokenizer,
    column_names,
)
from keras_igpt.data.shards.dataset import TokenDataset
from keras_igpt.layers.feed_forward import inner_width
from keras_igpt.models.image_gpt import ImageGPT
from keras_igpt.models.transfer import add_lora, from_model
from keras_igpt.tokenizers.palette import PaletteTokenizer
from keras_igpt.tokenizers.vq import VQTokenizer
from keras_igpt.training.distributed.strategies import check_widths
from keras_igpt.training.distributed.workers import scope, share_weights
from keras_igpt.training.run_options import TrainingOptions
from keras_igpt.training.schedule import default_optimizer

# Bytes of captions that a new model reads; longer ones are cut.
MAX_TEXT = 128

# Captions of shards that are looked at to find the longest.
SAMPLED = 10_000

# Dropout where each weight has fewer tokens of data than that: a new model soon
# knows them by heart.
DROPOUT = {1: 0.2, 4: 0.1}


def new_model(
    options: TrainingOptions,
    images: Any,
    start: ImageGPT | None = None,
    tokenizer: Any = None,
    strategy: Any = None,
) -> ImageGPT:
    """A model for a run, compiled, its tokenizer adapted.

    Args:
        options: what was asked for.
        images: what `keras_igpt.data.load` returns.
        start: a model to go on from, or None.
        tokenizer: that of `start`, or of another model; None for a new one.
        strategy: as `new_strategy` returns it; None for one device.

    Raises:
        ValueError: if data or options lack what the model needs.
    """
    _check_widths(options, start, strategy)
    if not start and tokenizer is None:
        tokenizer = _new_tokenizer(options, images)
    with scope(strategy):
        model = _untrained(options, images, start, tokenizer)
    # What data or options lack is found before the tokenizer's minutes.
    check_tokenizer(images, model.tokenizer)
    check_columns(images, model.edit_set.shown)
    first = next(datasets.batches(images, 1))
    for column in model.edit_set.columns:
        model.edit_set.column(column, first)
    # On one device, by each worker; one of them counts.
    if not model.tokenizer.adapted:
        _adapt(tokenizer, options, images)
    share_weights(strategy, model.tokenizer.weights)
    return model


def _check_widths(options, start, strategy):
    if start:
        inner_dim = start.blocks[0].feed_forward.inner_dim
        check_widths(start.config["hidden_dim"], inner_dim, strategy)
        return
    size = ImageGPT.SIZES[options.model]
    inner_dim = inner_width(
        size["hidden_dim"], size.get("activation", "swiglu")
    )
    check_widths(size["hidden_dim"], inner_dim, strategy)


def _untrained(options, images, start, tokenizer):
    names = images.class_names if options.labels else []
    wanted = {
        "num_classes": len(names),
        "class_names": tuple(names),
        "edits": tuple(options.edits),
        "dropout": options.dropout or 0.0,
        "dtype": options.precision,
    }
    # Places of a caption's bytes are counted from its end.
    known = start.text_length if start else 0
    if options.captions and "text" in column_names(images):
        wanted["text_length"] = known or _text_length(images)
    else:
        wanted["text_length"] = 0
    if start:
        if start.config["start"] == "class" and not names:
            for name in ("num_classes", "class_names"):  # It needs classes.
                wanted.pop(name)
        model = from_model(start, **wanted)
        if options.lora:
            add_lora(model, start, options.lora)
    else:
        wanted["order"] = options.order or "raster"
        size = ImageGPT.SIZES[options.model]
        if options.dropout is None:
            count = datasets.num_images(images)
            wanted["dropout"] = default_dropout(size, tokenizer, count)
        model = ImageGPT(tokenizer, **size, **wanted)
    model.compile(default_optimizer(options.ema, options.optimizer))
    return model


def default_dropout(
    size: dict[str, Any], tokenizer: Any, num_images: int | None
) -> float:
    """Dropout for a new model: some if it would learn its data by heart.

    Args:
        size: arguments of `ImageGPT`, as `ImageGPT.SIZES` has them.
        tokenizer: the model's.
        num_images: int, of the data; None if it is not known.

    Returns:
        float: 0.2, 0.1 or 0.0.
    """
    if num_images is None:
        return 0.0
    # Of the blocks; Kaplan et al. 2020, https://arxiv.org/abs/2001.08361.
    weights = 12 * size["num_layers"] * size["hidden_dim"] ** 2
    tokens = num_images * math.prod(tokenizer.grid_size)
    few = (rate for each, rate in DROPOUT.items() if tokens < each * weights)
    return next(few, 0.0)


def _new_tokenizer(options, images):
    height, width, channels = images.image_shape
    if isinstance(images, TokenDataset):
        raise ValueError(
            "`--tokenizer-from`, or `--init-from`, must name the model whose "
            "tokenizer has made the shards: they hold tokens, not what they "
            f"mean. Received: --data {options.data} without one."
        )
    if options.tokenizer == "palette":
        default = 16 if channels == 1 else 512
        colors = default if options.colors is None else options.colors
        return PaletteTokenizer((height, width), colors, channels)
    return VQTokenizer(
        (height, width),
        options.codes,
        channels,
        quantizer=options.tokenizer,
        cell_size=options.cell_size,
    )


def _adapt(tokenizer, options, images):
    if options.tokenizer == "palette":
        tokenizer.adapt(images)
    else:
        tokenizer.adapt(
            images, minutes=options.tokenizer_minutes, seed=options.seed
        )


def _text_length(images):
    """Bytes of the longest caption, at most 128; of shards, of a sample."""
    if isinstance(images, TokenDataset):
        some = images.without_images().sample(SAMPLED)
        read = datasets.arrays(some, lambda batch: {"text": batch["text"]})
        lengths = [len(text.encode("utf-8")) for text in read["text"]]
        return min(max(lengths), MAX_TEXT)
    texts = images.map(lambda image: image["text"])
    lengths = [len(text) for text in texts.as_numpy_iterator()]
    return min(max(lengths, default=0), MAX_TEXT)
