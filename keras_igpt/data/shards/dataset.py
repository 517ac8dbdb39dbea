"""A split of shards as a data set: what `load` opens, and `prepare` streams."""

import io
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.data.checks import as_texts
from keras_igpt.data.shards.fingerprint import tokenizer_fingerprint
from keras_igpt.data.shards.manifest import FILE, FORMAT
from keras_igpt.data.shards.reader import ShardReader
from keras_igpt.holding_out import VALIDATION_IMAGES

TEXTS = ("text", "group", "style")

FORMATS = ("PNG", "JPEG")


class TokenDataset:
    """Rows of one split, read when they are asked for.

    It has the attributes of what `keras_igpt.data.load` returns, and is taken
    where that is taken by all that needs no `tf.data.Dataset`. Pixels are
    decoded where they are asked for.

    Args:
        reader: a `ShardReader`, or what has its methods.
        chosen: int64 array, the rows that count; None for all.
        left_out: int64 array in order, rows that do not; None for none.
        images: bool. Whether `read` decodes images, which takes most time.

    Attributes:
        manifest: `Manifest`, what the rows are.
        skipped: list, empty: what is damaged was left out when it was written.
    """

    def __init__(
        self,
        reader: ShardReader,
        chosen: Array | None = None,
        left_out: Array | None = None,
        images: bool = True,
    ) -> None:
        self.reader = reader
        self.chosen = chosen
        self.left_out = np.array([], "int64") if left_out is None else left_out
        self.images = images
        self.manifest = reader.manifest
        self.skipped = []

    def __len__(self):
        rows = self.reader if self.chosen is None else self.chosen
        return len(rows) - len(self.left_out)

    @property
    def num_images(self) -> int:
        """How many rows there are."""
        return len(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what each row has."""
        images = () if self.images else ("image", "source")
        return tuple(n for n in self.manifest.columns if n not in images)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of the labels; or []."""
        return list(self.manifest.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that were tokenised."""
        return (*self.manifest.image_size, self.manifest.channels)

    def take(self, count: int) -> "TokenDataset":
        """The first rows, as `tf.data.Dataset.take`."""
        return self._some(np.arange(min(count, len(self))))

    def sample(self, count: int) -> "TokenDataset":
        """At most so many rows, always the same, from all over the split."""
        if count >= len(self):
            return self
        draw = np.random.default_rng(0)
        return self._some(np.sort(draw.choice(len(self), count, replace=False)))

    def without_images(self) -> "TokenDataset":
        """The same rows without their images."""
        return TokenDataset(self.reader, self.chosen, self.left_out, False)

    def parts(self) -> "tuple[TokenDataset, TokenDataset]":
        """What to learn from, and rows to choose the best model by.

        The latter are of the split "validation", if there is one; else those
        that were set aside when the shards were written. They are a few
        hundred at most. If the split has one group alone, both are all of it.
        """
        splits, train = self.manifest.splits, self.reader.split == "train"
        if train and "validation" in splits:
            reader = ShardReader(self.reader.folder, "validation")
            return self, TokenDataset(reader).sample(VALIDATION_IMAGES)
        aside = np.array(self.manifest.held_out, "int64")
        if not train or not len(aside) or self.chosen is not None:
            return self, self
        return (
            TokenDataset(self.reader, left_out=aside),
            TokenDataset(self.reader, aside),
        )

    def check_tokenizer(self, tokenizer: Any) -> None:
        """Refuses a tokenizer that did not make these tokens.

        Args:
            tokenizer: a Keras layer, as models have it.

        Raises:
            ValueError: if it is another.
        """
        wanted, found = self.image_shape, tuple(tokenizer.image_shape)
        if wanted != found:
            raise ValueError(
                "The shards must be of images of the model's shape, "
                f"{found}. Received: {str(self.reader.folder)!r} of images of "
                f"shape {wanted}. Write others with `keras-igpt tokenize`."
            )
        fingerprint = tokenizer_fingerprint(tokenizer)
        if fingerprint != self.manifest.tokenizer_fingerprint:
            raise ValueError(
                "The shards must be made by the model's own tokenizer, "
                f"{fingerprint:.19}…. Received: {str(self.reader.folder)!r}, "
                f"made by {self.manifest.tokenizer_fingerprint:.19}…, a "
                f"{self.manifest.tokenizer_class}. Make the model with that "
                "one, or write others with `keras-igpt tokenize`."
            )

    def check_columns(self, wanted: Iterable[str]) -> None:
        """Refuses shards without columns that are needed.

        Args:
            wanted: names of columns.

        Raises:
            ValueError: naming those that are not there.
        """
        missing = [name for name in wanted if name not in self.columns]
        if missing:
            fix = "Write them from data that has them"
            if "image" in missing:
                fix = "Write them without --no-images"
            raise ValueError(
                f"The shards must have the columns {list(wanted)}. Received: "
                f"{str(self.reader.folder)!r} without {missing}. {fix}, by "
                "`keras-igpt tokenize`."
            )

    def read(self, numbers: Array) -> dict[str, Any]:
        """Rows by number, as `keras_igpt.data.batches` yields them.

        Args:
            numbers: int array `(R,)`.

        Returns:
            dict of "tokens", uint `(R, cells)`; and, of these that there are,
            "label" int32 `(R,)`; "text", "style" and "group", object arrays of
            str `(R,)`; "paired" bool `(R,)`; "image" and "source", uint8
            `(R, height, width, channels)`.

        Raises:
            ValueError: if a file is damaged.
        """
        found = self.reader.read(self._numbers(np.asarray(numbers)))
        for name in ("image", "source"):
            encoded = found.pop(name, None)
            if encoded is not None and self.images:
                found[name] = self._decoded(encoded)
        for name in {*TEXTS} & {*found}:
            found[name] = as_texts(found[name])
        if "label" in found:
            found["label"] = found["label"].astype("int32")
        return found

    def batches(self, batch_size: int) -> Iterator[dict[str, Any]]:
        """Walks once over all rows, in order."""
        for first in range(0, len(self), batch_size):
            last = min(first + batch_size, len(self))
            yield self.read(np.arange(first, last))

    def _some(self, numbers):
        chosen = self._numbers(numbers)
        return TokenDataset(self.reader, chosen, images=self.images)

    def _numbers(self, numbers):
        """Numbers of rows of the reader."""
        if self.chosen is not None:
            return self.chosen[numbers]
        # As many further on as rows before are left out.
        before = self.left_out - np.arange(len(self.left_out))
        return numbers + np.searchsorted(before, numbers, "right")

    def _decoded(self, encoded):
        from PIL import Image

        height, width, channels = self.image_shape
        images = np.empty((len(encoded), *self.image_shape), "uint8")
        for i, content in enumerate(encoded):
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                # Before its pixels are decoded: it may claim to be huge.
                if image.size != (width, height):
                    raise ValueError(
                        "Images of shards must have the width and height that "
                        f"the manifest says, {(width, height)}. Received: "
                        f"{image.size}. Write the shards anew."
                    )
                pixels = image.convert("RGB" if channels == 3 else "L")
                images[i] = np.asarray(pixels).reshape(self.image_shape)
        return images


def is_shards(source: Any) -> bool:
    """Whether something is a folder of shards, or the path of one."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = pathlib.Path(source).expanduser() / FILE
    if not path.is_file():
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        # A folder of images may have a file of that name, too.
        return FORMAT in file.read(1_000)


def open_shards(
    folder: PathLike,
    split: str,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> TokenDataset:
    """Opens one split of shards.

    Args:
        folder: as `keras-igpt tokenize` has written it.
        split: str, one of the manifest's.
        image_size, channels: what the images must have; None for any.

    Raises:
        ValueError: if there is no such split, or the images are others.
    """
    folder = pathlib.Path(folder).expanduser()
    dataset = TokenDataset(ShardReader(folder, split))
    *size, depth = dataset.image_shape
    wrong = image_size is not None and tuple(image_size) != tuple(size)
    if wrong or channels not in (None, depth):
        raise ValueError(
            "`image_size` and `channels` must be those of the images that were "
            f"tokenised, {tuple(size)} and {depth}. Received: image_size="
            f"{image_size}, channels={channels} for {str(folder)!r}. Leave "
            "them out, or write other shards with `keras-igpt tokenize`."
        )
    return dataset
