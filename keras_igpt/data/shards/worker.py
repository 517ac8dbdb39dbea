"""What one worker does: a shard of images becomes a file of rows."""

import functools
import itertools
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_igpt.data.shards import places, work, writer
from keras_igpt.data.shards.fingerprint import tokenizer_fingerprint

# Images tokenised at once, at most, and pixels of them.
BATCH = 256

PIXELS = 2**20

# Variable of the environment with the number of the process that waits for
# this one.
WAITING = "KERAS_IGPT_TOKENIZE"

# One shard after the other is tokenised in a process: it has one tokenizer.
_one_shard = threading.Lock()

_one_load = threading.Lock()


def load_tokenizer(
    tokenizer_class: type, config: str, out: str, fingerprint: str
) -> Any:
    """Makes the tokenizer of a plan, once for a process.

    Args:
        tokenizer_class: of it.
        config: JSON of its configuration.
        out: folder of the shards.
        fingerprint: what it must have.

    Raises:
        ValueError: if it has another.
    """
    with _one_load:
        return _load_tokenizer(tokenizer_class, config, out, fingerprint)


@functools.lru_cache(maxsize=1)
def _load_tokenizer(tokenizer_class, config, out, fingerprint):
    tokenizer = tokenizer_class.from_config(json.loads(config))
    if not tokenizer.built:
        tokenizer.build()
    tokenizer.set_weights(work.read_weights(out))
    tokenizer.adapted = True
    found = tokenizer_fingerprint(tokenizer)
    if found != fingerprint:
        raise ValueError(
            "Every worker must have the tokenizer and the version of "
            f"keras_igpt that the shards were begun with. Received: {found}, "
            f"not {fingerprint}."
        )
    return tokenizer


def write_shard(
    out: str, plan: work.Plan, tokenizer: Any, split: str, shard: int
) -> None:
    """Tokenises the images of one shard, unless it is there already.

    Args:
        out: folder of the shards.
        plan: what they are made of.
        tokenizer: as `load_tokenizer` returns it.
        split: str.
        shard: int, its number.
    """
    path = places.join(out, plan.file(split, shard))
    if places.is_file(path):
        return
    rejected, groups = [], []
    with _one_shard, places.new_file(path) as temporary:
        images = work.read_images(out, plan, split, shard)
        rows = _rows(images, plan, tokenizer, rejected, groups)
        count = writer.write_file(temporary, rows, plan.manifest)
        done = {"rows": count, "rejected": rejected}
        if "group" in plan.manifest.columns:
            done["groups"] = groups
        # Before the shard itself, which is renamed when this block ends.
        work.write_done(out, split, shard, done)


def _rows(images, plan, tokenizer, rejected, groups):
    """Rows of a shard, in the order of its images."""
    columns = plan.manifest.columns
    for batch in _batches(images, plan.image_shape, rejected):
        _end_if_left()
        tokens = tokenizer.encode_all(np.stack([x["image"] for x in batch]))
        for row, codes in zip(batch, tokens):
            row["tokens"] = codes
            groups.append(row.get("group"))
            yield {name: row[name] for name in columns}


def _batches(
    images: Iterator, image_shape: tuple[int, int, int], rejected: list
) -> Iterator[list[dict[str, Any]]]:
    """Images of use in lists; the others are noted."""
    height, width, _ = image_shape
    size = max(1, min(BATCH, PIXELS // (height * width)))

    def usable():
        for name, image in images:
            if isinstance(image, str):
                rejected.append((name, image))
            else:
                yield image

    good = usable()
    while batch := list(itertools.islice(good, size)):
        yield batch


def _end_if_left():
    """Ends a worker whose main process was killed: nobody waits for it."""
    waiting = os.environ.get(WAITING)
    if waiting is None:
        return
    try:
        os.kill(int(waiting), 0)
    except ProcessLookupError:
        os._exit(1)
