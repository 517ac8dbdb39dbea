"""Opens image files of known formats, and nothing else."""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any

from keras_igpt.annotations import PathLike

# Of a file: some readers take all of it into memory.
MAX_BYTES = 2**29

# No PostScript among them: Pillow would run Ghostscript.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM")
FORMATS += ("ICO", "TGA", "PCX", "SGI", "JPEG2000", "AVIF", "HEIF")

HEIC = (".heic", ".heif")

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


@contextlib.contextmanager
def open_image(path: PathLike) -> Iterator[Any]:
    """Opens an image of one of `FORMATS`; its pixels are not read yet.

    Args:
        path: str or pathlib.Path.

    Yields:
        PIL.Image.Image, closed at the end.

    Raises:
        OSError: if it is no regular file, so that no pipe is waited for, is
            larger than `MAX_BYTES`, or no image of these formats.
    """
    from PIL import Image

    # Looked at before it is opened, which some devices notice, and after.
    _check_regular(os.stat(path))
    with open(path, "rb", opener=_open_at_once) as file:
        _check_regular(os.fstat(file.fileno()))
        _register_heif(file)
        Image.init()
        formats = [name for name in FORMATS if name in Image.OPEN]
        with Image.open(file, formats=formats) as image:
            check_not_a_bomb(image)
            yield image


def forget_other_formats() -> None:
    """Makes Pillow open `FORMATS` alone in this process, whoever asks it.

    For a server: its libraries open what strangers send without asking here.
    """
    from PIL import Image

    Image.init()
    for name in set(Image.OPEN) - set(FORMATS):
        del Image.OPEN[name]
    Image.ID[:] = [name for name in Image.ID if name in FORMATS]


def suffixes() -> set[str]:
    """Endings of files that are images, in small letters, each with a dot."""
    from PIL import Image

    formats = Image.registered_extensions().items()
    return {suffix for suffix, name in formats if name in FORMATS} | {*HEIC}


def _open_at_once(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(status):
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    if status.st_size > MAX_BYTES:
        raise OSError(f"larger than {MAX_BYTES // 2**20} MiB")


def _register_heif(file):
    head = file.read(12)
    file.seek(0)
    if head[4:8] != b"ftyp" or head[8:] not in _BRANDS:
        return
    try:
        import pillow_heif
    except ImportError as error:
        raise OSError(
            "a HEIC file, which needs `pip install 'keras_igpt[heif]'`"
        ) from error
    pillow_heif.register_heif_opener()


def check_not_a_bomb(image: Any) -> None:
    """Raises if Pillow would warn, or raise, for an image's size."""
    # Pillow only warns between once and twice the limit.
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise Image.DecompressionBombError
