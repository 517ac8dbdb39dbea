import json

import numpy as np
import pytest

import keras_igpt
from keras_igpt.atomic_files import replacing, save_json, save_model
from keras_igpt.models import transfer
from keras_igpt.models.transfer import save_packed
from keras_igpt.pretrained import loading


def test_replacing_puts_the_file_in_place(tmp_path):
    with replacing(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"


def test_failure_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OSError, match="disk full"):
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("ha")
            raise OSError("disk full")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_failure_leaves_no_other_file(tmp_path):
    with pytest.raises(OSError):
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("ha")
            raise OSError
    assert list(tmp_path.iterdir()) == []


def test_failing_save_leaves_the_old_model(tmp_path, fresh_model, monkeypatch):
    path = tmp_path / "model.keras"
    save_model(fresh_model, path)
    before = path.read_bytes()

    def fail(self, target):
        target.write_bytes(b"half a file")
        raise OSError("No space left on device")

    monkeypatch.setattr(keras_igpt.ImageGPT, "save", fail)
    with pytest.raises(OSError, match="No space"):
        save_model(fresh_model, path)
    assert path.read_bytes() == before


def test_save_json_reads_back(tmp_path):
    save_json(tmp_path / "a.json", {"wörter": [1, 2]})
    content = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert content == {"wörter": [1, 2]}


@pytest.mark.parametrize("name", ["", "best.keras"])
def test_load_takes_a_file_or_a_folder(tmp_path, tiny_model, name):
    save_model(tiny_model, tmp_path / "best.keras")
    loaded = keras_igpt.load(tmp_path / name)
    np.testing.assert_array_equal(
        loaded.generate(labels=1, seed=0), tiny_model.generate(labels=1, seed=0)
    )


def test_load_prefers_the_best_model(tmp_path, tiny_model, tiny_unconditional):
    save_model(tiny_model, tmp_path / "last.keras")
    save_model(tiny_unconditional, tmp_path / "best.keras")
    assert keras_igpt.load(tmp_path).num_classes == 0


def test_load_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        keras_igpt.load(tmp_path / "none.keras")


def test_load_names_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="must hold one of best.keras"):
        keras_igpt.load(tmp_path)


def test_load_knows_shipped_models_by_name(tmp_path, tiny_model, monkeypatch):
    save_model(tiny_model, tmp_path / "mine" / "model.keras")
    monkeypatch.setattr(loading, "SHIPPED", (tmp_path / "none", tmp_path))
    assert keras_igpt.load("mine").num_classes == tiny_model.num_classes


def test_load_prefers_a_folder_to_a_shipped_model(
    tmp_path, tiny_model, tiny_unconditional, monkeypatch
):
    save_model(tiny_model, tmp_path / "ships" / "mine" / "model.keras")
    save_model(tiny_unconditional, tmp_path / "mine" / "last.keras")
    monkeypatch.setattr(loading, "SHIPPED", (tmp_path / "ships",))
    monkeypatch.chdir(tmp_path)
    assert keras_igpt.load("mine").num_classes == 0


def test_load_names_the_shipped_models(tmp_path, tiny_model, monkeypatch):
    save_model(tiny_model, tmp_path / "mine" / "model.keras")
    monkeypatch.setattr(loading, "SHIPPED", (tmp_path,))
    with pytest.raises(FileNotFoundError, match=r"one of \['mine'\]"):
        keras_igpt.load("mime")


def test_packed_model_is_half_as_large(tmp_path, fresh_model):
    fresh_model.compile()
    fresh_model.save(tmp_path / "whole.keras")
    save_packed(fresh_model, tmp_path / "packed.keras")
    whole, packed = (
        (tmp_path / name).stat().st_size
        for name in ("whole.keras", "packed.keras")
    )
    assert packed < whole / 2


def test_packed_model_scores_as_before(tmp_path, fresh_model):
    images = fresh_model.generate(labels=1, num_images=4, seed=0)
    save_packed(fresh_model, tmp_path / "packed.keras")
    loaded = keras_igpt.load(tmp_path / "packed.keras")
    np.testing.assert_allclose(
        loaded.score(images, labels=1),
        fresh_model.score(images, labels=1),
        rtol=1e-3,
    )


def test_packed_model_computes_in_float32(tmp_path, fresh_model):
    config = {**fresh_model.get_config(), "dtype": "mixed_bfloat16"}
    model = type(fresh_model).from_config(config)
    save_packed(model, tmp_path / "packed.keras")
    loaded = keras_igpt.load(tmp_path / "packed.keras")
    assert loaded.blocks[0].attention.compute_dtype == "float32"


def test_rounding_keeps_eleven_bits():
    weights = np.float32([1 + 2**-10, 1 + 2**-12, 1.0, -0.1, 0.0])
    rounded = transfer._rounded(weights)
    np.testing.assert_array_equal(rounded[:3], [1 + 2**-10, 1.0, 1.0])
    np.testing.assert_allclose(rounded, weights, rtol=2**-11)
