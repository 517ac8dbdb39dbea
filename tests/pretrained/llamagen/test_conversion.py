"""Tests of loading LlamaGen's Transformers, against the reference's numbers.

Tokens are read through a palette of as many greys, a pixel a cell.
"""

import json
import os
import pathlib
import pickle
import sys
import zipfile

import keras
import numpy as np
import pytest
import torch_archive
from safetensors.numpy import save_file

import keras_igpt
from keras_igpt.pretrained.llamagen import class_names, names
from keras_igpt.pretrained.torch_files import TorchFile

TESTS = pathlib.Path(__file__).parents[2]
GOLDEN = TESTS / "golden" / "released"
load = keras_igpt.llamagen.load


def away(found, expected):
    """The largest difference, relative to the largest number."""
    return np.abs(np.asarray(found) - expected).max() / np.abs(expected).max()


def greys(grid, codes):
    return keras_igpt.PaletteTokenizer(grid, codes, channels=1)


class Golden:
    """A checkpoint, its tokenizer and what the reference makes of it."""

    def __init__(self, name):
        self.path = GOLDEN / f"llamagen_c2i_{name}.pt"
        self.arrays = dict(np.load(GOLDEN / f"llamagen_c2i_{name}.npz"))
        self.forced = np.load(GOLDEN / f"llamagen_c2i_{name}_forced.npz")
        self.facts = json.loads(str(self.arrays["meta"]))
        self.grid = (self.facts["grid"],) * 2
        self.tokenizer = greys(self.grid, self.facts["vocab_size"])
        self.labels = self.arrays["labels"]

    def load(self, path=None, **options):
        heads = self.facts["n_head"]
        return load(path or self.path, self.tokenizer, heads, **options)

    def inputs(self, labels=None):
        labels = self.labels if labels is None else labels
        return {"tokens": self.arrays["tokens"], "label": labels}

    def greedy(self, model, scale, **options):
        images = model.generate(
            labels=self.labels,
            temperature=0,
            guidance_scale=scale,
            **options,
        )
        return self.tokenizer.encode_all(images)


@pytest.fixture(scope="module", params=["a", "b"])
def golden(request):
    return Golden(request.param)


@pytest.fixture(scope="module")
def model(golden):
    return golden.load()


@pytest.fixture(scope="module")
def small():
    return Golden("a")


@pytest.fixture(scope="module")
def arrays(small):
    """float32 arrays of a file by name."""
    with TorchFile(small.path) as file:
        return {name: file.read(name).astype("float32") for name in file}


def logits(golden, model):
    """Logits for labels, for the null class, and guided 3 times."""
    null = np.full_like(golden.labels, golden.facts["null_class"])
    given = np.asarray(model(golden.inputs()))
    nothing = np.asarray(model(golden.inputs(null)))
    return given, nothing, nothing + 3 * (given - nothing)


def check_logits(golden, model):
    for found, name in zip(
        logits(golden, model), ("logits", "logits_null", "guided3"), strict=True
    ):
        assert away(found, golden.arrays[name]) <= 1e-4, name


# === As the reference ===


def test_logits_are_those_of_the_reference(golden, model):
    check_logits(golden, model)


@pytest.mark.parametrize("scale", [1, 3])
def test_greedy_tokens_are_those_of_the_reference(golden, model, scale):
    np.testing.assert_array_equal(
        golden.greedy(model, scale), golden.arrays[f"greedy_cfg{scale}"]
    )


def test_interval_guides_the_cells_that_the_reference_guides(golden, model):
    last = golden.facts["cfg_interval"] + 2
    found = golden.greedy(model, 3, guidance_interval=(0, last))
    np.testing.assert_array_equal(found, golden.arrays["greedy_cfg3_interval"])


@pytest.mark.parametrize("scale", [1, 3])
def test_edit_that_was_not_learned_is_as_forced(golden, model, scale):
    images = golden.tokenizer.decode_all(golden.arrays["tokens"])
    masks = ~golden.forced["known"].reshape(-1, *golden.grid)
    edited = model.edit(
        images,
        "replace",
        masks,
        golden.labels,
        temperature=0,
        guidance_scale=scale,
    )
    np.testing.assert_array_equal(
        golden.tokenizer.encode_all(edited),
        golden.forced[f"forced_cfg{scale}"],
    )


def test_saved_and_loaded_it_is_the_same(golden, model, tmp_path):
    model.save(tmp_path / "m.keras")
    check_logits(golden, keras_igpt.load(tmp_path / "m.keras"))


@pytest.mark.slow
def test_exported_it_gives_the_same_tokens(golden, model, tmp_path):
    sys.path.insert(0, str(TESTS / "serving"))
    from run_served import Served

    path = model.export(tmp_path / "1", names=["generate"])
    last = golden.facts["cfg_interval"] + 2
    for name, scale, last in (
        ("cfg1", 1, 2**31 - 1),
        ("cfg3", 3, 2**31 - 1),
        ("cfg3_interval", 3, last),
    ):
        found = Served(path)(
            "generate",
            {
                "label": np.array([str(i).encode() for i in golden.labels]),
                "temperature": np.array([0], "float32"),
                "guidance_scale": np.array([scale], "float32"),
                "guidance_last": np.array([last], "int32"),
            },
        )["tokens"]
        np.testing.assert_array_equal(found, golden.arrays[f"greedy_{name}"])


# === Files ===


def test_safetensors_give_the_same(small, arrays, tmp_path):
    save_file(arrays, tmp_path / "c2i.safetensors")
    check_logits(small, small.load(tmp_path / "c2i.safetensors"))


@pytest.mark.parametrize("key", ["model", "module", "state_dict", None])
def test_weights_lie_where_programs_put_them(small, arrays, tmp_path, key):
    path = torch_archive.write(tmp_path / "c2i.pt", arrays, key)
    check_logits(small, small.load(path))


def test_old_files_hold_angles_too(small, arrays, tmp_path):
    angles = np.zeros((37, 8, 2), "float32")
    path = torch_archive.write(
        tmp_path / "c2i.pt", {**arrays, "freqs_cis": angles}
    )
    check_logits(small, small.load(path))


def test_other_precision_computes_in_it(small):
    model = small.load(dtype="bfloat16")
    assert model.head.kernel.dtype == "bfloat16"
    found = np.asarray(model(small.inputs()))
    assert away(found, small.arrays["logits"]) < 0.1


def test_released_sizes_have_their_heads():
    assert names.HEADS[24, 3200] == 32
    assert {width // heads for (_, width), heads in names.HEADS.items()} == {
        *(64, 100, 128)
    }


# === What is added ===


def test_what_is_added_changes_nothing_at_first(small):
    model = small.load(text_length=12, edits=("inpaint",))
    text = np.random.default_rng(0).integers(0, 256, (len(small.labels), 12))
    size = (*small.grid, 2)
    inputs = {
        **small.inputs(),
        "text": text.astype("int32"),
        "edit": np.ones(len(text), "int32"),
        "source": np.full((len(text), *size), 255, "uint8"),
    }
    np.testing.assert_array_equal(model(inputs), small.load()(small.inputs()))


def test_what_is_added_begins_at_random(small):
    model = small.load(text_length=12, edits=("inpaint",))
    text = model.prompt.parts[-1]
    assert np.any(text.byte_embedding.embeddings)
    block = model.source_encoder.blocks[0]
    assert np.any(block.attention.query_key_value.kernel)
    assert np.any(model.prompt_summary.hidden.kernel)


def photographs(small):
    """Images with labels and captions."""
    count = 8
    random = np.random.default_rng(0)
    return {
        "image": random.integers(0, 256, (count, *small.grid, 1), "uint8"),
        "label": np.arange(count) % 3,
        "text": ["a ball", "a goal"] * (count // 2),
    }


@pytest.mark.slow
@pytest.mark.parametrize("rank", [None, 4])
def test_what_is_added_learns(small, rank):
    model = small.load(text_length=12, edits=("inpaint",))
    if rank:
        for block in model.blocks:
            block.attention.query_key_value.enable_lora(rank)
    model.compile(keras.optimizers.AdamW(1e-3))
    batches = model.prepare(photographs(small), batch_size=8)
    losses = model.fit(batches, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.any(model.prompt_summary.output_projection.kernel)
    assert np.any(model.source_encoder.output_projection.kernel)


# === Names of classes ===


def test_imagenet_has_a_name_for_each_class():
    assert len(set(class_names.class_names(1000))) == 1000


def test_imagenet_names_are_in_their_order():
    names = class_names.class_names(1000)
    assert names[805] == "soccer ball" and "goldfish" in names[1]


def test_other_classes_have_no_names():
    assert class_names.class_names(7) == ()


# === What is refused ===


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda x: x.pop("norm.weight"), "missing: norm.weight"),
        (lambda x: x.update(more=x["norm.weight"]), "extra: more"),
        (
            lambda x: x.update({"norm.weight": np.zeros(9, "float32")}),
            "another shape: norm.weight",
        ),
        (lambda x: x.pop("output.weight"), "missing: output.weight"),
        (lambda x: x.pop("tok_embeddings.weight"), "tok_embeddings.weight"),
        (
            lambda x: x.pop("layers.1.attention.wqkv.weight"),
            "missing: layers.1",
        ),
    ],
)
def test_wrong_tensors_are_named(small, arrays, tmp_path, change, words):
    changed = dict(arrays)
    change(changed)
    path = torch_archive.write(tmp_path / "c2i.pt", changed)
    with pytest.raises(ValueError, match=f"(?s)Received.*{words}"):
        small.load(path)


def test_part_of_a_file_is_refused(small, tmp_path):
    whole = small.path.read_bytes()
    (tmp_path / "c2i.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="only a part"):
        small.load(tmp_path / "c2i.pt")


def test_file_of_a_tokenizer_is_refused(small):
    with pytest.raises(ValueError, match="0 layers.*tok_embeddings"):
        load(GOLDEN / "llamagen_vq_b.pt", small.tokenizer)


def test_missing_file_is_named(small, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.pt"):
        load(tmp_path / "none.pt", small.tokenizer)


def test_heads_must_be_known(small):
    with pytest.raises(ValueError, match="`num_heads` must be given.*4 layers"):
        load(small.path, small.tokenizer)


def test_heads_must_divide_the_width(small):
    with pytest.raises(ValueError, match="`hidden_dim` must be a multiple"):
        load(small.path, small.tokenizer, 3)


def test_tokenizer_must_have_as_many_tokens(small):
    with pytest.raises(ValueError, match="128 tokens.*Received: 64"):
        load(small.path, greys(small.grid, 64), 4)


def test_tokenizer_must_have_as_many_cells_as_there_are_angles(
    small, arrays, tmp_path
):
    angles = np.zeros((50, 8, 2), "float32")
    path = torch_archive.write(
        tmp_path / "c2i.pt", {**arrays, "freqs_cis": angles}
    )
    with pytest.raises(ValueError, match=r"49 cells.*\(6, 6\)"):
        small.load(path)


def test_released_name_tells_the_grid(small):
    sizes = names.Sizes(12, 12, 768, 2048, 128, 1000)
    with pytest.raises(ValueError, match="576 cells"):
        names.check_fits({}, "c2i_B_384_CCA.pt", sizes, small.tokenizer)


@pytest.mark.parametrize("path", [None, 3, ["a.pt"], b"a.pt"])
def test_path_must_be_one(small, path):
    with pytest.raises(ValueError, match="`path` must be the name of a file"):
        load(path, small.tokenizer)


@pytest.mark.parametrize(
    "dtype", ["real", "int8", "int8_from_float32", "bool", 3]
)
def test_type_must_be_of_floats(small, dtype):
    with pytest.raises(ValueError, match="`dtype` must be a type of floats"):
        small.load(dtype=dtype)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float16"])
def test_policies_are_types_too(small, dtype):
    assert small.load(dtype=dtype).dtype_policy.name == dtype


@pytest.mark.parametrize("edits", ["inpaint", None, 3, [3]])
def test_edits_must_be_names(small, edits):
    with pytest.raises(ValueError, match="`edits` must be a list or tuple"):
        small.load(edits=edits)


@pytest.mark.parametrize("length", [-1, 1.5, "64", 10**9, None])
def test_length_of_captions_must_be_a_number(small, length):
    with pytest.raises(ValueError, match="`text_length` must be"):
        small.load(text_length=length)


@pytest.mark.parametrize("heads", [0, -1, 2.5, "4", 10**9])
def test_heads_must_be_a_number(small, heads):
    with pytest.raises(ValueError, match="`num_heads` must be"):
        load(small.path, small.tokenizer, heads)


def test_model_is_no_tokenizer(small, model):
    with pytest.raises(ValueError, match="`tokenizer` must be a tokenizer"):
        load(small.path, model, 4)


@pytest.mark.parametrize("other", [None, "vq.pt", 3, keras_igpt.VQTokenizer])
def test_tokenizer_must_be_one(small, other):
    with pytest.raises(ValueError, match="`tokenizer` must be a tokenizer"):
        load(small.path, other, 4)


def test_class_must_be_there_beside_the_null(small, arrays, tmp_path):
    row = arrays[names.CLASSES][:1]
    save_file({**arrays, names.CLASSES: row}, tmp_path / "c2i.safetensors")
    with pytest.raises(ValueError, match="with 1 row"):
        small.load(tmp_path / "c2i.safetensors")


@pytest.mark.parametrize("shape", [(), (0, 2)])
def test_angles_of_no_cells_fit_no_tokenizer(small, arrays, tmp_path, shape):
    angles = {"freqs_cis": np.zeros(shape, "float32")}
    path = torch_archive.write(tmp_path / "c2i.pt", {**arrays, **angles})
    with pytest.raises(ValueError, match="cells"):
        small.load(path)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK", bytes(4096)])
def test_what_is_no_file_of_tensors_is_refused(
    small, tmp_path, suffix, content
):
    path = tmp_path / f"c2i.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="`path` must be a whole"):
        small.load(path)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_what_is_no_file_is_refused(small, tmp_path, suffix):
    path = tmp_path / f"c2i.{suffix}"
    os.mkfifo(path)  # reading it would wait for ever
    with pytest.raises(FileNotFoundError, match="which is no file"):
        small.load(path)


def test_packed_archive_is_refused_before_it_is_unpacked(small, tmp_path):
    path = tmp_path / "c2i.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c2i/data.pkl", bytes(10**7))
    with pytest.raises(ValueError, match="compressed entry"):
        small.load(path)


def test_code_in_a_file_is_not_run(small, tmp_path):
    content = pickle.dumps({"norm.weight": Program(str(tmp_path / "run"))}, 2)
    with zipfile.ZipFile(tmp_path / "c2i.pt", "w") as archive:
        archive.writestr("c2i/data.pkl", content)
    with pytest.raises(ValueError, match="which holds `.*mkdir`"):
        small.load(tmp_path / "c2i.pt")
    assert not (tmp_path / "run").exists()


class Program:
    """Makes a folder where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)
