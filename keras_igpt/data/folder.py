"""One split of a folder of images, decoded ahead by threads."""

import collections
import concurrent.futures
import math
import pathlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from keras_igpt.annotations import Array, Tensor
from keras_igpt.data.folder_index import (
    MAX_NAMED,
    SPLIT_FOLDERS,
    FolderIndex,
    Record,
    index_folder,
    name_classes,
    pick_split,
)
from keras_igpt.images.files import decode, reason, upright_size
from keras_igpt.images.opening import open_image

NUM_WORKERS = 4

LOOK_AHEAD = 16

# Of images of their own size that wait to be read: 256 MiB.
WAITING_BYTES = 2**28


class SplitFiles(NamedTuple):
    """The images of one split, and what is known of them, unopened."""

    records: list[Record]
    class_names: list[str]  # the same for every split
    has: set[str]  # of label, text, source, style and group
    has_plain: bool  # whether some are pairs and some are not
    skipped: list[tuple[str, str]]  # what is of no use, with the reason
    num_files: int  # those of no use among them
    notes: list[str]


def split_files(
    root: pathlib.Path, index: FolderIndex, split: str
) -> SplitFiles:
    """What a folder's index says of one split.

    Args:
        root: pathlib.Path of the folder.
        index: what `index_folder` found in it.
        split: str. "train", "test", "validation" or "all".

    Raises:
        ValueError: if there is no such split, or no image in it.
    """
    names = name_classes(index.splits["all"])
    records = pick_split(root, index, split)
    notes = list(index.notes)
    has = {
        field
        for field in ("label", "text", "source", "style", "group")
        if any(getattr(r, field) is not None for r in records)
    }
    pairs = [r for r in records if r.source is not None]
    has_plain = 0 < len(pairs) < len(records)
    if not pairs or any(r.style is None for r in pairs):
        has.discard("style")
    skipped = [
        (str(path), why)
        for path, why in index.unused
        if split == "all" or not _is_of_others(path, root, index, split)
    ]
    num_files = len(records) + len(skipped)
    _note_incomplete(records, has, notes, skipped)
    return SplitFiles(records, names, has, has_plain, skipped, num_files, notes)


def _note_incomplete(records, has, notes, skipped):
    """Images that lie beside class folders belong to no class."""
    if "text" in has:
        without = sum(record.text is None for record in records)
        if without:
            notes.append(f"{without} images have no caption, but ''")
    if "label" not in has:
        return
    for record in records:
        if record.label is None:
            skipped.append((str(record.path), "not in the folder of a class"))


def map_ahead(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    look_ahead: Callable[[], int],
) -> Iterator[tuple[Any, Any]]:
    """Calls a function in a few threads, never far ahead of the reader.

    Args:
        function: of one item.
        items: iterable.
        look_ahead: function that says how many results may wait.

    Yields:
        Tuples of an item and its result, in order.
    """
    pool = concurrent.futures.ThreadPoolExecutor(NUM_WORKERS)
    waiting = collections.deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) >= look_ahead():
                item, future = waiting.popleft()
                yield item, future.result()
        for item, future in waiting:
            yield item, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


class ImageFolder:
    """One split of a folder, decoded each time it is walked over.

    Args:
        root: pathlib.Path of an existing folder.
        split: str. "train", "test", "validation" or "all".
        image_size: tuple `(height, width)`, or None to keep the files' size.
        resize: function from a uint8 array `(height, width, 3)` to an array
            or tensor of `image_size`. Not called if `image_size` is None.

    Attributes:
        class_names: list of str, the same for every split.
        image_shape: tuple `(height, width, 3)` of every example's image.
        skipped: list of `(path, reason)` of what is of no use; filled on as
            bad files are met.
    """

    def __init__(
        self,
        root: pathlib.Path,
        split: str,
        image_size: tuple[int, int] | None,
        resize: Callable[[Array], Tensor],
    ):
        self.image_size = image_size
        self.resize = resize
        self.image_shape = None
        self.num_reported = 0
        files = split_files(root, index_folder(root), split)
        self.records, self.class_names = files.records, files.class_names
        self.class_ids = {n: i for i, n in enumerate(self.class_names)}
        self.has, self.has_plain = files.has, files.has_plain
        self.skipped, self.notes = files.skipped, files.notes
        self.num_files = files.num_files
        if image_size is None:
            _check_one_size(self.records)
        self.image_shape = self._first_image(root).shape

    def examples(self) -> Iterator[dict[str, Any]]:
        """Yields dictionaries with TFDS's keys; reports at the end."""
        for record, images in self._decode_ahead():
            example = dict(zip(("image", "source"), images))
            if "label" in self.has:
                example["label"] = np.int32(self.class_ids[str(record.label)])
            for key in self.has & {"text", "style", "group"}:
                example[key] = getattr(record, key) or ""
            if self.has_plain:
                example["paired"] = record.source is not None
                example.setdefault("source", np.zeros_like(images[0]))
            yield example
        self._report()

    def _first_image(self, root):
        for _, images in self._decode_ahead():
            return images[0]
        raise ValueError(
            "`source` must hold at least one usable image. Received: "
            f"source={str(root)!r}, where every image file is unusable: "
            f"{_list_skipped(self.skipped)}. Replace these files."
        )

    def _decode_ahead(self):
        """Yields records with their images; notes the files it skips."""
        known_bad = {path for path, _ in self.skipped}
        usable = (r for r in self.records if str(r.path) not in known_bad)
        for record, result in map_ahead(self._decode, usable, self._look_ahead):
            if isinstance(result, str):
                self.skipped.append((str(record.path), result))
            else:
                yield record, result

    def _look_ahead(self):
        """How many images may wait: few large ones."""
        if self.image_size is not None:
            return LOOK_AHEAD
        if self.image_shape is None:
            return 1
        size = (1 + ("source" in self.has)) * math.prod(self.image_shape)
        return max(1, min(LOOK_AHEAD, WAITING_BYTES // size))

    def _decode(self, record):
        """A list of the record's images, or a str: why it is skipped."""
        images = []
        for path in filter(None, (record.path, record.source)):
            image = self._decode_file(path, images)
            if isinstance(image, str):
                return image
            images.append(image)
        return images

    def _decode_file(self, path, before):
        """uint8 array `(height, width, 3)`, or a str: why it is no use."""
        try:
            image = decode(path, self.image_size)
            if self.image_size is not None:
                image = np.asarray(self.resize(image))
            wanted = before[0].shape if before else self.image_shape
            if wanted not in (None, image.shape):
                return f"of shape {image.shape}, not {wanted}"
            return image
        # Pillow's readers raise nearly anything on a damaged file.
        except Exception as error:
            return reason(path, error)

    def _report(self):
        said = []
        if len(self.skipped) > self.num_reported:
            said.append(
                f"Skipped {len(self.skipped)} of {self.num_files} image "
                f"files: {_list_skipped(self.skipped)}. All of them are in "
                "the data set's attribute `skipped`."
            )
        if self.notes:
            said.append(f"Note: {'; '.join(self.notes)}.")
        self.num_reported, self.notes = len(self.skipped), []
        if said:
            warnings.warn(" ".join(said), UserWarning, stacklevel=2)


def _is_of_others(path, root, index, split):
    """Whether a file is in the folder of another split."""
    first = path.relative_to(root).parts[0]
    return first != split and first in SPLIT_FOLDERS and first in index.splits


def _list_skipped(skipped):
    named = "; ".join(
        f"{path:.300}: {why:.300}" for path, why in skipped[:MAX_NAMED]
    )
    more = len(skipped) - MAX_NAMED
    return f"{named}; and {more} more" if more > 0 else named


def _check_one_size(records):
    first = None
    for record in records:
        try:
            with open_image(record.path) as image:
                size = upright_size(image)
        except Exception:  # will be skipped with its reason when decoded
            continue
        first = first or (record.name, size)
        if size != first[1]:
            raise ValueError(
                "`image_size` must be given when images differ in size. "
                f"Received: image_size=None, {first[0]!r} of {first[1]} and "
                f"{record.name!r} of {size} (width, height). Pass "
                "image_size=64, or another size."
            )
