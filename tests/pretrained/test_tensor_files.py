"""Tests of readers of other programs' files."""

import json
import tracemalloc

import numpy as np
import original
import pytest
import safetensors.numpy
import torch_archive

from keras_igpt.pretrained import tensor_files
from keras_igpt.pretrained.tensor_files import Tensor


def as_tensors(arrays):
    return {k: Tensor(a.shape, lambda a=a: a) for k, a in arrays.items()}


def write_raw(path, header, content=b""):
    """A `.safetensors` file with any header."""
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)
    return path


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return {
        "table": generator.normal(size=(3, 4)).astype("float32"),
        "gain": np.arange(5, dtype="float32"),
        "number": np.array(2.0, "float32"),
    }


@pytest.fixture
def path(arrays, tmp_path):
    path = tmp_path / "model.safetensors"
    tensor_files.write_safetensors(path, as_tensors(arrays))
    return path


# === safetensors ===


def test_rows_of_safetensors_are_read_alone(path, arrays):
    found = tensor_files.read_safetensors(path)["table"].read(1, 3)
    np.testing.assert_array_equal(found, arrays["table"][1:3])


def test_what_is_written_is_read(path, arrays):
    found = tensor_files.read_safetensors(path)
    assert set(found) == set(arrays)
    for name, tensor in found.items():
        assert tensor.shape == arrays[name].shape
        np.testing.assert_array_equal(tensor.read(), arrays[name])


def test_safetensors_package_reads_what_is_written(path, arrays):
    found = safetensors.numpy.load_file(path)
    assert set(found) == set(arrays)
    for name, array in found.items():
        np.testing.assert_array_equal(array, arrays[name])


def test_transposed_tensors_are_written_as_they_look(tmp_path):
    turned = np.arange(6, dtype="float32").reshape(2, 3).T
    path = tmp_path / "a.safetensors"
    tensor_files.write_safetensors(path, as_tensors({"x": turned}))
    found = tensor_files.read_safetensors(path)["x"].read()
    np.testing.assert_array_equal(found, turned)


def test_bfloat16_is_read(tmp_path):
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    content = np.array([0x3F80, 0xC000], "<u2").tobytes()
    path = write_raw(tmp_path / "a.safetensors", {"x": entry}, content)
    found = tensor_files.read_safetensors(path)["x"].read()
    np.testing.assert_array_equal(found.astype("float32"), [1.0, -2.0])


def test_nothing_is_read_before_it_is_asked_for(path):
    found = tensor_files.read_safetensors(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        found["gain"].read()


@pytest.mark.parametrize("count", [4, 20, -1])
def test_file_that_ends_early_is_named(path, count):
    path.write_bytes(path.read_bytes()[:count])
    with pytest.raises(ValueError, match="must be a whole safetensors file"):
        tensor_files.read_safetensors(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        {"dtype": "F9", "shape": [4], "data_offsets": [0, 4]},
    ],
    ids=["wrong length", "behind the end", "unknown type"],
)
def test_header_that_lies_is_named(tmp_path, entry):
    path = write_raw(tmp_path / "a.safetensors", {"x": entry}, bytes(4))
    with pytest.raises(ValueError, match="whole.* of .* bytes. Error while"):
        tensor_files.read_safetensors(path)


def test_type_that_numpy_lacks_is_named(tmp_path):
    entry = {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}
    path = write_raw(tmp_path / "a.safetensors", {"x": entry}, bytes(4))
    with pytest.raises(ValueError, match="with x of type F8_E4M3"):
        tensor_files.read_safetensors(path)


def test_failure_leaves_the_old_file(path):
    before = path.read_bytes()

    def fail():
        raise OSError("No space left")

    with pytest.raises(OSError, match="No space"):
        tensor_files.write_safetensors(path, {"x": Tensor((2,), fail)})
    assert path.read_bytes() == before


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    arrays = {f"w{i}": np.zeros(2**18, "float32") for i in range(8)}
    path = tmp_path / "a.safetensors"
    tensor_files.write_safetensors(path, as_tensors(arrays))
    tracemalloc.start()
    for tensor in tensor_files.read_safetensors(path).values():
        tensor.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * 2**20


# === Folders ===


def test_parts_of_a_model_are_one(arrays, tmp_path):
    files = {}
    for i, (name, array) in enumerate(arrays.items()):
        files[name] = f"model-{i}-of-3.safetensors"
        tensor_files.write_safetensors(
            tmp_path / files[name], as_tensors({name: array})
        )
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    found = tensor_files.read_folder(tmp_path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name].read(), array)


def test_safetensors_comes_before_pytorch(path, tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"not looked at")
    assert "gain" in tensor_files.read_folder(tmp_path)


def test_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="which has neither"):
        tensor_files.read_folder(tmp_path)


# === PyTorch ===


def test_either_kind_of_file_opens_alike(arrays, path, tmp_path):
    copy = torch_archive.write(tmp_path / "model.bin", arrays)
    for file in (path, copy):
        with tensor_files.open_tensors(file) as opened:
            assert opened.shape("table") == (3, 4)
            assert opened.dtype("table") == "float32"
            np.testing.assert_array_equal(opened.read("table"), arrays["table"])


def test_pytorch_file_of_a_folder_is_read(arrays, tmp_path):
    torch_archive.write(tmp_path / "pytorch_model.bin", arrays)
    found = tensor_files.read_folder(tmp_path)
    np.testing.assert_array_equal(found["gain"].read(), arrays["gain"])


# === TensorFlow ===


def test_tensorflow_variables_are_read(tmp_path):
    variables = original.random_variables()
    original.write_checkpoint(tmp_path, variables)
    found = tensor_files.read_tensorflow(tmp_path / "model.ckpt-7")
    assert set(found) == set(variables)
    for name, array in variables.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name].read(), array)


# === Checks ===


def test_complete_checkpoint_passes(arrays):
    shapes = {name: array.shape for name, array in arrays.items()}
    tensor_files.check_complete(as_tensors(arrays), shapes, "here")


def test_all_faults_are_in_one_error(arrays):
    shapes = {"table": (4, 3), "gain": (5,), "bias": (2,)}
    with pytest.raises(ValueError) as error:
        tensor_files.check_complete(as_tensors(arrays), shapes, "here")
    text = str(error.value)
    assert "missing: bias" in text and "extra: number" in text
    assert "of another shape: table (3, 4) (not (4, 3))" in text


def test_long_lists_are_cut():
    shapes = {f"w{i}": () for i in range(10)}
    with pytest.raises(ValueError, match="w7 and 2 more"):
        tensor_files.check_complete({}, shapes, "here")


def test_ignored_names_may_be_there(arrays):
    tensor_files.check_complete(as_tensors(arrays), {}, "here", str.isalpha)
