"""Tests of reading PyTorch's files without it."""

import pathlib

import numpy as np
import pytest
import torch_archive
from torch_archive import dictionary, name, tensor, value, write_raw

from keras_igpt.pretrained.torch_files import TorchFile

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "released"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pt"


@pytest.fixture
def golden():
    with TorchFile(GOLDEN / "pt_reader.pt") as file:
        yield file


# === What is read ===


def test_tensors_are_those_of_the_reference(golden):
    expected = np.load(GOLDEN / "pt_reader.npz")
    assert set(golden) == set(expected.files) - {"meta"}
    for key in golden:
        found = golden.read(key)
        assert found.shape == golden.shape(key) == expected[key].shape
        np.testing.assert_array_equal(
            found.astype(expected[key].dtype), expected[key]
        )


def test_types_are_kept(golden):
    types = {golden.dtype(key) for key in golden}
    assert {"bfloat16", "float16", "float64", "int64", "bool"} <= types
    assert all(golden.read(k).dtype.name == golden.dtype(k) for k in golden)


def test_rows_are_read_alone(golden):
    key = next(k for k in golden if len(golden[k].shape) == 2)
    whole = golden.read(key)
    np.testing.assert_array_equal(golden[key].read(1, 2), whole[1:2])


@pytest.mark.parametrize("wrapped", ["model", "module", "state_dict", None])
def test_weights_are_found_where_they_are(path, wrapped):
    array = np.arange(6, dtype="float32").reshape(2, 3)
    torch_archive.write(path, {"table": array}, wrapped)
    with TorchFile(path) as file:
        np.testing.assert_array_equal(file.read("table"), array)


def test_what_training_left_beside_is_left_aside(path):
    settings = name("argparse Namespace") + b")\x81" + value({"lr": 1}) + b"b"
    content = {"model": dictionary({"x": tensor(0, 2, (2,), (1,))})}
    content |= {"optimizer": value({"state": {}}), "args": settings}
    write_raw(path, dictionary(content), [bytes(8)])
    with TorchFile(path) as file:
        assert list(file) == ["x"]


def test_state_of_a_dictionary_is_left_aside(path):
    made = name("collections OrderedDict") + b")R"
    made += b"(" + value("x") + tensor(0, 2, (2,), (1,)) + b"u"
    made += value({"_metadata": {}}) + b"b"
    write_raw(path, dictionary({"model": made}), [bytes(8)])
    with TorchFile(path) as file:
        assert file.shape("x") == (2,)


# === What is refused ===


def refused(path):
    with pytest.raises(ValueError, match="Received") as caught:
        TorchFile(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_call_of_print_is_refused_and_not_made(capsys):
    assert "__builtin__.print" in refused(GOLDEN / "pt_refused.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("called", ["os system", "posix system"])
def test_commands_are_not_run(path, tmp_path, called):
    command = f"touch {tmp_path / 'ran'}"
    call = name(called) + b"(" + value(command) + b"tR"
    write_raw(path, dictionary({"model": call}))
    assert called.replace(" ", ".") in refused(path)
    assert not (tmp_path / "ran").exists()


def test_call_within_a_tensor_is_refused(path):
    call = name("builtins eval") + b"(" + value("1 + 1") + b"tR"
    rebuild = name("torch._utils _rebuild_tensor_v2")
    content = rebuild + b"(" + call + b"tR"
    write_raw(path, dictionary({"model": dictionary({"x": content})}))
    assert "builtins.eval" in refused(path)


def test_attribute_of_a_known_module_is_refused(path):
    write_raw(path, dictionary({"x": name("torch._utils os.system")}))
    assert "os.system" in refused(path)


def test_state_of_a_function_is_refused(path):
    state = name("torch._utils _rebuild_tensor_v2") + value({"made": 1}) + b"b"
    write_raw(path, dictionary({"x": state}))
    assert "state" in refused(path)


def test_deep_keys_are_refused(path):
    key = b")" + b"\x85" * 100_000
    write_raw(path, b"}" + key + b"Ns")
    assert "key" in refused(path)


def test_huge_place_in_memory_is_harmless(path):
    content = dictionary({"x": tensor(0, 2, (2,), (1,))})
    write_raw(path, content + b"r\xff\xff\xff\xff", [bytes(8)])
    with TorchFile(path) as file:
        assert file.shape("x") == (2,)


@pytest.mark.parametrize(
    "count, size, strides, offset",
    [
        (2, (2**40,), (0,), 0),
        (2, (2**62, 2**62), (0, 0), 0),
        (2, (0, 2**50), (1, 1), 0),
        (2, (3,), (1,), 0),
        (2, (2,), (1,), 1),
        (2, (2,), (-1,), 1),
        (2, (-2,), (1,), 0),
        (2, (2,), (1,), -1),
        (2, (2.0,), (1,), 0),
        (2, (2,), (1, 1), 0),
        (2, (1,) * 40, (1,) * 40, 0),
        (25 * 2**30, (25 * 2**30,), (1,), 0),
    ],
)
def test_impossible_tensors_are_refused(path, count, size, strides, offset):
    content = {"x": tensor(0, count, size, strides, offset)}
    write_raw(path, dictionary(content), [bytes(8)])
    refused(path)


def test_compressed_entries_are_refused(path):
    content = dictionary({"x": tensor(0, 2**20, (2**20,), (1,))})
    write_raw(path, content, [bytes(2**22)], compression=8)
    assert "compressed" in refused(path)


def test_entry_declared_larger_than_the_file_is_refused(path):
    torch_archive.write(path, {"x": np.zeros(4, "float32")})
    torch_archive.declared_larger(path, "any/data/0", 2**32 - 2)
    assert "declared" in refused(path)


def test_truncated_file_is_refused(path):
    torch_archive.write(path, {"x": np.zeros(4000, "float32")})
    path.write_bytes(path.read_bytes()[:9000])
    assert "a part of an archive" in refused(path)


def test_damaged_numbers_are_refused_when_read(path):
    torch_archive.write(path, {"x": np.ones(1000, "float32")})
    content = path.read_bytes().replace(b"\x80\x3f" * 2, b"\x80\x3e" * 2)
    content = content.replace(b"\x00\x00\x80\x3f", b"\x00\x00\x80\x3e", 1)
    path.write_bytes(content)
    with TorchFile(path) as file, pytest.raises(ValueError, match="CRC"):
        file.read("x")


def test_files_before_pytorch_1_6_are_refused_by_name(path):
    path.write_bytes(
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.rest"
    )
    assert "before PyTorch 1.6" in refused(path)


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"\x80\x02}."])
def test_foreign_files_are_refused(path, content):
    path.write_bytes(content)
    assert "no archive" in refused(path)


def test_value_in_place_of_tensors_is_refused(path):
    write_raw(path, value([1, 2]))
    assert "dictionary" in refused(path)


def test_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError, match="weights.pt"):
        TorchFile(path)


def test_missing_numbers_are_named(path):
    write_raw(path, dictionary({"x": tensor(7, 2, (2,), (1,))}), [bytes(8)])
    assert "'7'" in refused(path)
