"""Reads rows of shards by their numbers, in any order."""

import collections
import pathlib
import threading
from typing import Any

import numpy as np

from keras_igpt.annotations import Array, PathLike
from keras_igpt.data.shards import rows
from keras_igpt.data.shards.manifest import Manifest, read_manifest

# Files that are open at once, at most: systems often allow 1,024.
MAX_OPEN = 256

# Of single rows, here and there.
OPTIONS = "readahead_buffer_size:0"

BUFFER = 32_768


class ShardReader:
    """The rows of one split, read by random access.

    Nothing is opened before it is needed, and what is kept in memory does not
    grow with the rows, but for the index that each open file has. May be
    used by several threads, and pickled for several processes.

    Args:
        folder: has shards and their manifest.
        split: str, one of the manifest's.

    Attributes:
        manifest: `Manifest`, what the rows are.
        split: str.

    Raises:
        ValueError: if the folder has no complete shards, or not that split.
    """

    def __init__(self, folder: PathLike, split: str = "train"):
        self.folder = pathlib.Path(folder)
        self.manifest: Manifest = read_manifest(folder)
        if split not in self.manifest.splits:
            raise ValueError(
                f"`split` must be one of {list(self.manifest.splits)}. "
                f"Received: split={split!r} of {str(folder)!r}."
            )
        self.split = split
        self._files = self.manifest.files(split)
        counts = self.manifest.splits[split].shard_rows
        self._starts = np.cumsum([0, *counts])
        self._begin()

    def _begin(self):
        self._open = collections.OrderedDict()
        self._lock = threading.Lock()

    def __len__(self):
        return int(self._starts[-1])

    def __getstate__(self):
        kept = dict(self.__dict__)
        del kept["_open"], kept["_lock"]
        return kept

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._begin()

    def read(self, indices: Array) -> dict[str, Any]:
        """Rows by their numbers, in the order that is asked for.

        Args:
            indices: int array `(R,)` of numbers below `len(self)`.

        Returns:
            dict of columns, as the manifest names them: "tokens" `(R, cells)`
            of the smallest unsigned dtype; "label" int64 `(R,)`; "paired"
            bool `(R,)`; "text", "group" and "style" lists of R str; "image"
            and "source" lists of R encoded images, as bytes.

        Raises:
            IndexError: if there is no such row.
            ValueError: if a file is damaged.
        """
        indices = np.asarray(indices)
        if indices.ndim != 1 or indices.size and indices.dtype.kind not in "iu":
            raise ValueError(
                "`indices` must be whole numbers of shape `(rows,)`. Received: "
                f"shape={indices.shape}, dtype={indices.dtype}."
            )
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(
                f"`indices` must be from 0 to {len(self) - 1}. Received: from "
                f"{indices.min()} to {indices.max()}."
            )
        # Each row once, those of a file together.
        wanted, places = np.unique(indices, return_inverse=True)
        shards = np.searchsorted(self._starts, wanted, "right") - 1
        records = []
        for shard in np.unique(shards):
            numbers = wanted[shards == shard] - self._starts[shard]
            records += self._records(int(shard), numbers.tolist())
        chosen = [records[place] for place in places.tolist()]
        try:
            return rows.decode(chosen, self.manifest)
        except Exception as error:  # protobuf's, and those of our checks
            raise ValueError(
                "Shards must have the rows that their manifest says. Received: "
                f"{str(self.folder)!r}, of which: {type(error).__name__}: "
                f"{error!s:.300}. Write them anew."
            ) from error

    def _records(self, shard, numbers):
        """Bytes of rows of one file."""
        try:
            return self._file(shard).read(numbers)
        except Exception as error:  # of C++, of several kinds
            raise ValueError(
                "Shards must be whole ArrayRecord files. Received: "
                f"{str(self.folder / self._files[shard])!r}, of which: "
                f"{error!s:.300}. Write them anew."
            ) from error

    def _file(self, shard):
        """An open file; that which was not used longest is closed."""
        with self._lock:
            if shard not in self._open:
                self._open[shard] = self._opened(shard)
                if len(self._open) > MAX_OPEN:
                    # Closed when no thread reads from it any more.
                    self._open.popitem(last=False)
            self._open.move_to_end(shard)
            return self._open[shard]

    def _opened(self, shard):
        from array_record.python import array_record_module

        path = self.folder / self._files[shard]
        if not path.is_file():
            raise OSError("there is no such file")
        file = array_record_module.ArrayRecordReader(
            str(path), options=OPTIONS, file_reader_buffer_size=BUFFER
        )
        count = self.manifest.splits[self.split].shard_rows[shard]
        if file.num_records() != count:
            raise OSError(f"it has {file.num_records()} rows, not {count}")
        return file
