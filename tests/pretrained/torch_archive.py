"""Archives such as PyTorch writes, made without it, whole or spoilt."""

import pickle
import struct
import zipfile

import numpy as np

STORAGES = {"float32": "Float", "int64": "Long"}


def name(text):
    """The instruction that names something, as `"os system"`."""
    return b"c" + text.replace(" ", "\n").encode() + b"\n"


def value(plain):
    """The instructions that make a plain value."""
    return pickle.dumps(plain, 2)[2:-1]


def tensor(key, count, size, strides, offset=0, kind="Float"):
    """The instructions that make a tensor of a storage."""
    storage = (
        b"(" + value("storage") + name(f"torch {kind}Storage")
        + value(str(key)) + value("cpu") + value(count) + b"tQ"
    )  # fmt: skip
    view = value(offset) + value(size) + value(strides) + value(False)
    hooks = name("collections OrderedDict") + b")R"
    rebuild = name("torch._utils _rebuild_tensor_v2")
    return rebuild + b"(" + storage + view + hooks + b"tR"


def dictionary(items):
    """The instructions that make a dictionary of others."""
    return b"}(" + b"".join(value(k) + v for k, v in items.items()) + b"u"


def write_raw(path, instructions, storages=(), **options):
    """An archive with these instructions and numbers."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("any/data.pkl", b"\x80\x02" + instructions + b".")
        archive.writestr("any/byteorder", "little")
        for key, content in enumerate(storages):
            archive.writestr(f"any/data/{key}", content)
    return path


def write(path, arrays, wrapped=None):
    """An archive of arrays; under a name, if one is given."""
    items = {}
    for key, (label, array) in enumerate(arrays.items()):
        steps = tuple(s // array.itemsize for s in array.strides)
        kind = STORAGES[array.dtype.name]
        items[label] = tensor(key, array.size, array.shape, steps, kind=kind)
    content = dictionary(items)
    if wrapped:
        content = dictionary({wrapped: content})
    storages = [np.ascontiguousarray(a).tobytes() for a in arrays.values()]
    return write_raw(path, content, storages)


def declared_larger(path, entry, size):
    """Says in the archive's table that an entry has so many bytes."""
    content = bytearray(path.read_bytes())
    place = content.rindex(entry.encode()) - 46
    content[place + 20 : place + 28] = struct.pack("<II", size, size)
    path.write_bytes(content)
    return path
