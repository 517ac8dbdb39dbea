"""A folder of pictures: finds, splits, names, decodes and reports them.

Layouts: pictures alone, one subfolder per class, or `metadata.csv` /
`metadata.jsonl` next to them (Hugging Face "imagefolder"); each of these
either once, or once per split in `train/`, `test/` and `validation/`.
"""

import collections
import concurrent.futures
import csv
import json
import os
import pathlib
import typing
import warnings
import zlib

import numpy as np

SPLIT_FOLDERS = ("train", "test", "validation")
METADATA = ("metadata.csv", "metadata.jsonl")
NUM_WORKERS = 4
LOOK_AHEAD = 16
OVERSAMPLING = 4
LARGE = 2**22
MAX_NAMED = 10
MAX_CLASSES = 65536


class Record(typing.NamedTuple):
    """A picture file, not yet opened."""

    path: pathlib.Path
    name: str  # relative to the folder, with "/" on every system
    label: typing.Any = None  # str or int, before it becomes a class id
    text: typing.Any = None


class PictureFolder:
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
        skipped: list of `(path, reason)`, filled as bad files are met.
    """

    def __init__(self, root, split, image_size, resize):
        self.image_size = image_size
        self.resize = resize
        self.image_shape = None
        self.skipped = []
        self.num_reported = 0
        splits = _find_splits(root)
        self.class_names = _name_classes(splits["all"])
        self.class_ids = {n: i for i, n in enumerate(self.class_names)}
        self.records = _pick_split(root, splits, split)
        self.has_label = any(r.label is not None for r in self.records)
        self.has_text = all(r.text is not None for r in self.records)
        self._drop_unlabelled()
        if image_size is None:
            _check_one_size(self.records)
        self.image_shape = self._first_image(root).shape

    def examples(self):
        """Yields dictionaries of image, label and text; reports at the end."""
        for record, image in self._decode_ahead():
            example = {"image": image}
            if self.has_label:
                example["label"] = np.int32(self.class_ids[str(record.label)])
            if self.has_text:
                example["text"] = record.text
            yield example
        self._report()

    def _drop_unlabelled(self):
        """Pictures that lie beside class folders belong to no class."""
        if not self.has_label:
            return
        for record in self.records:
            if record.label is None:
                reason = "not in the folder of a class"
                self.skipped.append((str(record.path), reason))

    def _first_image(self, root):
        for record, image in self._decode_ahead():
            return image
        raise ValueError(
            "`source` must hold at least one usable picture. Received: "
            f"source={str(root)!r}, where every picture file is unusable: "
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
                if len(waiting) >= LOOK_AHEAD:
                    record, future = waiting.popleft()
                    yield record, future.result()
            for record, future in waiting:
                yield record, future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _decode(self, record):
        """uint8 array `(height, width, 3)`, or a str: why it is skipped."""
        try:
            image = decode(record.path, self.image_size)
            if self.image_size is not None:
                image = np.asarray(self.resize(image))
            if self.image_shape not in (None, image.shape):
                return f"of shape {image.shape}, not {self.image_shape}"
            return image
        # Pillow's readers raise nearly anything on a damaged file.
        except Exception as error:
            return _reason(record.path, error)

    def _report(self):
        if len(self.skipped) == self.num_reported:
            return
        self.num_reported = len(self.skipped)
        warnings.warn(
            f"Skipped {len(self.skipped)} of {len(self.records)} picture "
            f"files: {_list_skipped(self.skipped)}. All of them are in the "
            "data set's attribute `skipped`.",
            UserWarning,
            stacklevel=2,
        )


def decode(path, image_size=None):
    """Decodes a picture file as it is meant to be seen.

    EXIF rotation is applied, transparent parts become white, 16-bit grey is
    scaled to 8 bits, and of an animation the first frame is taken.

    Args:
        path: str or pathlib.Path.
        image_size: tuple `(height, width)` that the picture will be resized
            to. JPEG files, and pictures of over 4 million pixels, are then
            reduced to no less than four times that size.

    Returns:
        uint8 array of shape `(height, width, 3)`.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        _check_not_a_bomb(picture)
        if image_size is not None:
            # Square, because EXIF may swap the sides.
            side = OVERSAMPLING * max(image_size)
            picture.draft(None, (side, side))
        ImageOps.exif_transpose(picture, in_place=True)
        picture = _to_rgb(picture)
        if image_size is not None and _num_pixels(picture) > LARGE:
            rows, columns = image_size
            times = min(picture.height // rows, picture.width // columns)
            picture = picture.reduce(max(1, times // OVERSAMPLING))
        return np.array(picture)


def transparency(path):
    """Where a picture is more transparent than not.

    Args:
        path: str or pathlib.Path.

    Returns:
        bool array of shape `(height, width)`, or None if nothing is.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        _check_not_a_bomb(picture)
        ImageOps.exif_transpose(picture, in_place=True)
        alpha = np.array(picture.convert("RGBA"))[..., 3]
    return alpha < 128 if (alpha < 128).any() else None


def _num_pixels(picture):
    return picture.width * picture.height


def _to_rgb(picture):
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _scale_deep_grey(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _check_not_a_bomb(picture):
    # Pillow only warns between once and twice the limit.
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and _num_pixels(picture) > limit:
        raise Image.DecompressionBombError


def _scale_deep_grey(picture):
    from PIL import Image

    values = np.array(picture)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise OSError(f"pixels of unknown range (mode {picture.mode})")
    # 65535 = 257 * 255, so this rounds exactly.
    grey = (values.astype("int64") + 128) // 257
    return Image.fromarray(grey.astype("uint8"))


def _reason(path, error):
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, FileNotFoundError):
        return "no such file"
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        return "empty file"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture that Pillow can read"
    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    if isinstance(error, bombs):
        return "more pixels than PIL.Image.MAX_IMAGE_PIXELS"
    return str(error) or type(error).__name__


def _list_skipped(skipped):
    named = "; ".join(f"{path}: {why}" for path, why in skipped[:MAX_NAMED])
    more = len(skipped) - MAX_NAMED
    return f"{named}; and {more} more" if more > 0 else named


def _find_splits(root):
    """Dictionary of the available splits, each a list of records."""
    names = [name for name in SPLIT_FOLDERS if (root / name).is_dir()]
    if not names:
        return _hash_splits(_mixed(_read_folder(root, root)))
    _check_only_splits(root, names)
    splits = {name: _mixed(_read_folder(root, root / name)) for name in names}
    splits["all"] = [record for name in names for record in splits[name]]
    return splits


def _check_only_splits(root, names):
    inside = [name for name in _picture_names(root) if "/" in name]
    folders = {name.split("/")[0] for name in inside}
    if not folders <= set(names):
        raise ValueError(
            "`source` must have either splits or classes as its subfolders. "
            f"Received: source={str(root)!r} with pictures in "
            f"{sorted(folders)}. Keep only {list(SPLIT_FOLDERS)}, or rename "
            f"the class folders {names}."
        )


def _mixed(records):
    """A fixed order that does not show one class after the other."""
    return sorted(records, key=lambda r: (_hash(r.name), r.name))


def _hash(name):
    return zlib.crc32(name.encode("utf-8", "surrogateescape"))


def _hash_splits(records):
    return {
        "train": [r for r in records if _hash(r.name) % 10 != 0],
        "test": [r for r in records if _hash(r.name) % 10 == 0],
        "all": records,
    }


def _pick_split(root, splits, split):
    if split not in splits:
        raise ValueError(
            f"`split` must be one of {list(splits)} for this folder. "
            f"Received: split={split!r}, source={str(root)!r}."
        )
    if not splits["all"]:
        raise ValueError(
            "`source` must be a folder with pictures. Received: "
            f"source={str(root)!r}, which has no file with the suffix of a "
            "picture. Put .png or .jpg files there or in one subfolder per "
            "class."
        )
    if not splits[split]:
        raise ValueError(
            f"`split` must have at least one picture. Received: "
            f"split={split!r} of source={str(root)!r}, which is empty; its "
            f"{len(splits['all'])} pictures are in the other splits. Use "
            'split="all".'
        )
    return splits[split]


def _read_folder(root, folder):
    for name in METADATA:
        if (folder / name).is_file():
            return _read_metadata(root, folder / name)
    names = _picture_names(folder)
    prefix = folder.relative_to(root)
    return [
        Record(
            folder / name,
            (prefix / name).as_posix(),
            label=name.split("/")[0] if "/" in name else None,
        )
        for name in names
    ]


def _picture_names(folder):
    """Relative names of all files with a suffix that Pillow can open."""
    from PIL import Image

    formats = Image.registered_extensions().items()
    suffixes = {suffix for suffix, kind in formats if kind in Image.OPEN}
    names, visited = [], set()
    for parent, subfolders, files in os.walk(folder, followlinks=True):
        subfolders[:] = [name for name in subfolders if _is_visible(name)]
        if os.path.realpath(parent) in visited:  # links may run in circles
            subfolders.clear()
            continue
        visited.add(os.path.realpath(parent))
        for name in filter(_is_visible, files):
            if os.path.splitext(name)[1].lower() in suffixes:
                path = pathlib.Path(parent, name)
                names.append(path.relative_to(folder).as_posix())
    return sorted(names)


def _is_visible(name):
    return not name.startswith((".", "__MACOSX"))


def _read_metadata(root, path):
    read = _read_csv if path.suffix == ".csv" else _read_jsonl
    try:
        rows = read(path)
    except (ValueError, TypeError, csv.Error) as error:
        raise ValueError(
            f"`{path.name}` must be a readable UTF-8 table. Received: "
            f"{str(path)!r}, which fails with: {error}. Repair the file."
        ) from error
    columns = set().union(*rows) if rows else set()
    if "file_name" not in columns or not columns & {"text", "label"}:
        raise ValueError(
            f"`{path.name}` must have the column `file_name` and at least "
            f"one of `text` and `label`. Received: columns={sorted(columns)} "
            f"in {str(path)!r}. Rename its columns."
        )
    return _table_records(path, root, rows, columns)


def _read_csv(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise csv.Error(
                f"row {number} has more cells than the header (a text with "
                "a comma needs quotes)"
            )
    return rows


def _read_jsonl(path):
    with open(path, encoding="utf-8-sig") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("every line must be a JSON object")
    return rows


def _table_records(path, root, rows, columns):
    labels = [row.get("label") for row in rows]
    if all(isinstance(x, str) and x.isdecimal() for x in labels):
        labels = [int(x) for x in labels]
    records = []
    for number, (row, label) in enumerate(zip(rows, labels), start=1):
        name, text = row.get("file_name") or 0, row.get("text") or ""
        is_label = isinstance(label, (str, int)) and label != ""
        if (
            not (isinstance(name, str) and isinstance(text, str))
            or "label" in columns
            and not is_label
        ):
            raise ValueError(
                f"`{path.name}` must give every picture its file name, text "
                "as a string, and label as a string or int. Received: "
                f"{row} in row {number} of {str(path)!r}. Complete that row."
            )
        file = path.parent / name
        relative = pathlib.Path(os.path.relpath(file, root)).as_posix()
        text = text if "text" in columns else None
        records.append(Record(file, relative, label, text))
    return records


def _name_classes(records):
    """Class names in the order of their ids; whole numbers stay ids."""
    labels = {r.label for r in records} - {None}
    if not labels:
        return []
    if all(isinstance(label, str) for label in labels):
        return sorted(labels)
    if all(type(x) is int and 0 <= x < MAX_CLASSES for x in labels):
        return [str(label) for label in range(max(labels) + 1)]
    raise ValueError(
        f"`label` must be all strings, or all ints in [0, {MAX_CLASSES}). "
        f"Received: labels={sorted(map(str, labels))[:MAX_NAMED]}."
    )


def _upright_size(picture):
    # Pillow decodes a whole PNG file to look for late EXIF.
    is_quick = picture.format != "PNG" or "exif" in picture.info
    orientation = picture.getexif().get(0x0112, 1) if is_quick else 1
    return picture.size[::-1] if orientation >= 5 else picture.size


def _check_one_size(records):
    from PIL import Image

    first = None
    for record in records:
        try:
            with Image.open(record.path) as picture:
                _check_not_a_bomb(picture)
                size = _upright_size(picture)
        except Exception:  # will be skipped with its reason when decoded
            continue
        first = first or (record.name, size)
        if size != first[1]:
            raise ValueError(
                "`image_size` must be given when pictures differ in size. "
                f"Received: image_size=None, {first[0]!r} of {first[1]} and "
                f"{record.name!r} of {size} (width, height). Do pass "
                "image_size=64, or another size."
            )
