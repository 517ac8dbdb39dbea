"""One split of a folder of images, decoded ahead by threads."""

import collections
import concurrent.futures
import math
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, Tensor
from keras_igpt.data.folder_index import (
    MAX_NAMED,
    SPLIT_FOLDERS,
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
        index = index_folder(root)
        self.class_names = name_classes(index.splits["all"])
        self.class_ids = {n: i for i, n in enumerate(self.class_names)}
        self.records = pick_split(root, index, split)
        self.notes = list(index.notes)
        self.has = {
            field
            for field in ("label", "text", "source", "style", "group")
            if any(getattr(r, field) is not None for r in self.records)
        }
        pairs = [r for r in self.records if r.source is not None]
        self.has_plain = 0 < len(pairs) < len(self.records)
        if not pairs or any(r.style is None for r in pairs):
            self.has.discard("style")
        self.skipped = [
            (str(path), why)
            for path, why in index.unused
            if split == "all" or not _is_of_others(path, root, index, split)
        ]
        self.num_files = len(self.records) + len(self.skipped)
        self._note_incomplete()
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

    def _note_incomplete(self):
        """Images that lie beside class folders belong to no class."""
        if "text" in self.has:
            without = sum(record.text is None for record in self.records)
            if without:
                self.notes.append(f"{without} images have no caption, but ''")
        if "label" not in self.has:
            return
        for record in self.records:
            if record.label is None:
                reason = "not in the folder of a class"
                self.skipped.append((str(record.path), reason))

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
        for record, result in self._results(known_bad):
            if isinstance(result, str):
                self.skipped.append((str(record.path), result))
            else:
                yield record, result

    def _results(self, known_bad):
        """Decodes in a few threads, never far ahead of the reader."""
        pool = concurrent.futures.ThreadPoolExecutor(NUM_WORKERS)
        waiting = collections.deque()
        try:
            for record in self.records:
                if str(record.path) in known_bad:
                    continue
                waiting.append((record, pool.submit(self._decode, record)))
                if len(waiting) >= self._look_ahead():
                    record, future = waiting.popleft()
                    yield record, future.result()
            for record, future in waiting:
                yield record, future.result()
        finally:
            pool.shutdown(cancel_futures=True)

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
