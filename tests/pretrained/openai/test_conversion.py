"""Tests of iGPT weights: Hugging Face's files, OpenAI's formulas, and back."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap
import tracemalloc

import keras
import numpy as np
import original
import pytest
import torch_archive
from small_models import make_model

import keras_igpt
from keras_igpt.models.config import ORIGINAL
from keras_igpt.pretrained.openai import conversion
from keras_igpt.pretrained.tensor_files import (
    Tensor,
    read_safetensors,
    write_safetensors,
)
from keras_igpt.training.losses import TokenCrossentropy, token_nats

GOLDEN = pathlib.Path(__file__).parent / "golden" / "huggingface.npz"
CASES = ("plain", "odd", "flags", "one layer, 99 words")


def unpack(case, folder):
    """The golden case's files; returns its arrays by name."""
    folder.mkdir(exist_ok=True)
    arrays = {}
    with np.load(GOLDEN) as golden:
        for name in golden:
            if name.startswith(f"{case}/"):
                arrays[name.removeprefix(f"{case}/")] = golden[name]
    for name in [name for name in arrays if "." in name]:
        (folder / name).write_bytes(arrays.pop(name).tobytes())
    return arrays


@pytest.fixture(scope="module", params=CASES)
def golden(request, tmp_path_factory):
    """A model that transformers made, and what it says there."""
    folder = tmp_path_factory.mktemp("golden")
    arrays = unpack(request.param, folder)
    return conversion.load(folder), arrays


@pytest.fixture
def folder(tmp_path):
    """The files of the plain case."""
    unpack("plain", tmp_path / "plain")
    return tmp_path / "plain"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Variables in OpenAI's names, and the folder that holds them."""
    folder = tmp_path_factory.mktemp("openai")
    variables = original.random_variables()
    original.write_checkpoint(folder, variables)
    original.write_palette(folder)
    return variables, folder


def some_tokens(count=2, seed=3):
    return np.random.default_rng(seed).integers(0, 6, (count, 9), "int32")


# === Hugging Face's files ===


def test_logits_are_those_of_transformers(golden):
    model, expected = golden
    logits = model({"tokens": expected["ids"]}, start=False)
    np.testing.assert_allclose(logits, expected["logits"], atol=1e-4)


def test_hidden_states_are_those_of_transformers(golden):
    model, expected = golden
    states = model.hidden_states({"tokens": expected["ids"]}, start=False)
    assert len(states) == len(expected["hidden_states"])
    for ours, theirs in zip(states, expected["hidden_states"]):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_loss_is_that_of_transformers(golden):
    model, expected = golden
    ids = expected["ids"]
    logits = model({"tokens": ids}, start=False)
    loss = TokenCrossentropy(z_loss=0)(ids[:, 1:], logits[:, :-1])
    np.testing.assert_allclose(float(loss), expected["loss"], rtol=1e-5)


def test_start_token_in_raw_input_is_the_usual_form(golden):
    model, expected = golden
    pixels = expected["ids"][:1, 1:]  # its first id is START
    usual = model({"tokens": pixels})
    np.testing.assert_allclose(usual, expected["logits"][:1, :-1], atol=1e-4)


def test_greedy_continuation_is_that_of_transformers(golden):
    model, expected = golden
    written = expected["written"]
    tokens = np.zeros((1, 81), "int32")
    tokens[:, : written.shape[1]] = written
    images = np.asarray(model.tokenizer.decode(tokens))
    generated = model.complete(images, keep_rows=1, temperature=0.0)
    found = np.asarray(model.tokenizer.encode(generated))
    np.testing.assert_array_equal(found[:, : written.shape[1]], written)


def test_palette_comes_from_the_folder(folder):
    content = json.loads((folder / "preprocessor_config.json").read_text())
    np.testing.assert_allclose(
        conversion.load(folder).tokenizer.codebook,
        content["clusters"],
        rtol=1e-6,
    )


def test_masks_that_old_files_hold_are_left_out(folder):
    add_tensor(folder, "transformer.h.0.attn.bias", (1, 1, 81, 81))
    add_tensor(folder, "transformer.h.0.attn.masked_bias", ())
    conversion.load(folder)


def test_pytorch_file_gives_the_same(folder):
    before = conversion.load(folder).get_weights()
    path = folder / "model.safetensors"
    state = {k: x.read() for k, x in read_safetensors(path).items()}
    torch_archive.write(folder / "pytorch_model.bin", state)
    path.unlink()
    for ours, theirs in zip(conversion.load(folder).get_weights(), before):
        np.testing.assert_array_equal(ours, theirs)


def test_loaded_model_may_compute_in_bfloat16(folder):
    model = conversion.load(folder, dtype="mixed_bfloat16")
    assert model.compute_dtype == "bfloat16"


def test_loaded_model_saves_and_loads(folder, tmp_path):
    model = conversion.load(folder)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    tokens = {"tokens": np.zeros((1, 81), "int32")}
    np.testing.assert_array_equal(model(tokens), again(tokens))


def test_little_is_in_memory_beside_the_model(tmp_path):
    model = make_model(
        num_classes=0, **{**ORIGINAL, "num_layers": 6, "hidden_dim": 256}
    )
    conversion.save(model, tmp_path / "new")
    conversion.load(tmp_path / "new")  # what the first load imports is not it
    tracemalloc.start()
    loaded = conversion.load(tmp_path / "new")
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The weights may be traced: TensorFlow takes over arrays that happen to
    # lie at its alignment, and copies the others to where it is not seen.
    assert peak - kept < 0.3 * 4 * loaded.count_params()


# === OpenAI's checkpoints ===


def test_logits_are_those_of_the_formulas(checkpoint):
    variables, folder = checkpoint
    model, tokens = conversion.load(folder), some_tokens()
    for ours, row in zip(np.asarray(model({"tokens": tokens})), tokens):
        expected = original.logits(variables, row)
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_loss_is_that_of_the_formulas(checkpoint):
    variables, folder = checkpoint
    model, tokens = conversion.load(folder), some_tokens(1)
    nats = np.asarray(token_nats(tokens, model({"tokens": tokens})))
    expected = original.loss(variables, tokens[0])
    np.testing.assert_allclose(nats.mean(), expected, rtol=1e-5)


def test_features_are_those_of_the_formulas(checkpoint):
    variables, folder = checkpoint
    model, tokens = conversion.load(folder), some_tokens(1)
    states = original.states(variables, tokens[0])
    gains = ["model/h0/ln_1/g", "model/h1/ln_1/g", "model/ln_f/g"]
    for layer, (state, gain) in enumerate(zip(states, gains)):
        expected = original.normed(state, variables[gain]).mean(axis=0)
        found = model.token_features(tokens, layer)[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_bert_checkpoint_is_that_of_the_formulas(tmp_path):
    variables = original.random_variables(start=False)
    original.write_checkpoint(tmp_path, variables)
    original.write_palette(tmp_path)
    model, tokens = conversion.load(tmp_path), some_tokens(1)
    assert model.objective == "bert"
    masked = np.arange(9)[None] % 4 == 1
    found = model({"tokens": tokens, "masked": masked})
    expected = original.logits(variables, tokens[0], masked[0])
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_what_training_left_behind_is_not_needed(tmp_path):
    variables = original.random_variables()
    left = {
        "global_step": np.int64(7),
        "model/wte/AdamWeightDecayOptimizer": variables["model/wte"],
        "model/clf/wclf": np.zeros((3, 12), "float32"),
    }
    original.write_checkpoint(tmp_path, {**variables, **left})
    original.write_palette(tmp_path)
    conversion.load(tmp_path)


def test_checkpoint_may_be_named_itself(checkpoint):
    _, folder = checkpoint
    first = conversion.load(folder / "model.ckpt-7").get_weights()
    for ours, same in zip(first, conversion.load(folder).get_weights()):
        np.testing.assert_array_equal(ours, same)


def test_newest_of_several_checkpoints_is_taken(tmp_path):
    old, new = (original.random_variables(seed=seed) for seed in (0, 1))
    original.write_checkpoint(tmp_path, old, step=90)
    original.write_checkpoint(tmp_path, new, step=100)
    original.write_palette(tmp_path)
    table = conversion.load(tmp_path).embedding.position_embedding.embeddings
    np.testing.assert_array_equal(table, new["model/wpe"])


# === Writing folders ===


def test_written_folder_gives_the_same_model(checkpoint, tmp_path):
    model = conversion.load(checkpoint[1])
    conversion.save(model, tmp_path / "new")
    again = conversion.load(tmp_path / "new")
    tokens = {"tokens": some_tokens()}
    np.testing.assert_allclose(model(tokens), again(tokens), atol=1e-6)
    np.testing.assert_array_equal(
        model.tokenizer.codebook, again.tokenizer.codebook
    )


def test_written_files_are_those_that_were_read(folder, tmp_path):
    conversion.save(conversion.load(folder), tmp_path / "new")
    theirs, ours = (
        read_safetensors(place / "model.safetensors")
        for place in (folder, tmp_path / "new")
    )
    assert set(ours) == set(theirs)
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor.read(), theirs[name].read())


def test_grey_model_becomes_one_of_colours(tmp_path):
    model = make_model(num_classes=0, **ORIGINAL)
    conversion.save(model, tmp_path / "grey")
    again = conversion.load(tmp_path / "grey")
    assert again.tokenizer.image_shape == (4, 4, 3)


@pytest.mark.parametrize(
    "kwargs, name",
    [
        ({"num_classes": 3}, "num_classes"),
        ({"positions": "rotary"}, "positions"),
        ({"activation": "swiglu"}, "activation"),
        ({"qk_norm": True}, "qk_norm"),
        ({"text_length": 6}, "text_length"),
        ({"objective": "bert"}, "objective"),
    ],
)
def test_other_models_are_not_written(tmp_path, kwargs, name):
    model = make_model(**{"num_classes": 0, **ORIGINAL, **kwargs})
    with pytest.raises(ValueError, match=f"no parts that.*'{name}'"):
        conversion.save(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_folder_in_use_is_an_error(folder):
    model = conversion.load(folder)
    with pytest.raises(FileExistsError, match="new or empty"):
        conversion.save(model, folder)


def test_failure_leaves_no_folder(folder, tmp_path, monkeypatch):
    def fail(path, tensors):
        raise OSError("No space left")

    monkeypatch.setattr(conversion, "write_safetensors", fail)
    with pytest.raises(OSError, match="No space"):
        conversion.save(conversion.load(folder), tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


TRANSFORMERS = """
import sys
import numpy as np, torch, transformers
folder, data = sys.argv[1:]
model = transformers.ImageGPTForCausalImageModeling.from_pretrained(folder)
given = np.load(data)
start = np.full((2, 1), given["start"])
ids = np.concatenate([start, given["tokens"][:, :-1]], axis=1)
with torch.no_grad():
    logits = model.eval()(torch.tensor(ids)).logits.numpy()
np.testing.assert_allclose(logits, given["logits"], atol=1e-4)
print("same")
"""


@pytest.mark.slow
@pytest.mark.parametrize("case", ["of OpenAI", *CASES])
def test_transformers_loads_what_is_written(checkpoint, tmp_path, case):
    """Runs `KERAS_IGPT_TRANSFORMERS_PYTHON`, or this Python if it can."""
    python = os.environ.get("KERAS_IGPT_TRANSFORMERS_PYTHON")
    if python is None:
        pytest.importorskip("transformers")
        python = sys.executable
    folder = checkpoint[1]
    if case != "of OpenAI":
        folder = tmp_path / "theirs"
        unpack(case, folder)
    model = conversion.load(folder)
    tokens = np.random.default_rng(0).integers(
        0, model.vocabulary_size, (2, model.num_cells), "int32"
    )
    conversion.save(model, tmp_path / "new")
    np.savez(
        tmp_path / "data.npz",
        tokens=tokens,
        start=model.start_token,
        logits=model({"tokens": tokens}),
    )
    program = [python, "-c", textwrap.dedent(TRANSFORMERS)]
    done = subprocess.run(
        [*program, tmp_path / "new", tmp_path / "data.npz"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "same", done.stderr[-2000:]


# === A real checkpoint ===


@pytest.mark.slow
def test_published_logits_of_imagegpt_small():
    """Opt-in: a folder with openai/imagegpt-small and 000000039769.png.

    The values are those that transformers' own tests hold for the image of
    that name in COCO.
    """
    folder = os.environ.get("KERAS_IGPT_IMAGEGPT_SMALL")
    if folder is None:
        pytest.skip("KERAS_IGPT_IMAGEGPT_SMALL is not set")
    from PIL import Image

    image = Image.open(pathlib.Path(folder) / "000000039769.png")
    image = image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
    model = conversion.load(folder)
    tokens = model.tokenizer.encode(np.asarray(image)[None])
    logits = np.asarray(model({"tokens": tokens}, start=False))
    assert logits.shape == (1, 1024, 512)
    expected = [
        [2.3445, 2.6889, 2.7313],
        [1.0530, 1.2416, 0.5699],
        [0.2205, 0.7749, 0.3953],
    ]
    np.testing.assert_allclose(
        logits[0, :3, :3], expected, rtol=1e-4, atol=1e-4
    )


# === Bad input ===


def add_tensor(folder, name, shape, without=None):
    """Rewrites a folder's weights with one more, or one less."""
    path = folder / "model.safetensors"
    tensors = read_safetensors(path)
    tensors.pop(without, None)
    arrays = {k: v.read() for k, v in tensors.items()}
    tensors = {k: Tensor(a.shape, lambda a=a: a) for k, a in arrays.items()}
    if name:
        tensors[name] = Tensor(shape, lambda: np.zeros(shape, "float32"))
    write_safetensors(path, tensors)


def change_json(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_missing_weight_is_named(folder):
    add_tensor(folder, None, (), without="transformer.h.1.ln_2.weight")
    with pytest.raises(ValueError, match=r"missing: transformer\.h\.1\.ln_2"):
        conversion.load(folder)


def test_extra_weight_is_named(folder):
    add_tensor(folder, "transformer.h.2.ln_1.weight", (16,))
    with pytest.raises(ValueError, match=r"extra: transformer\.h\.2\.ln_1"):
        conversion.load(folder)


def test_weight_of_another_shape_is_named(folder):
    add_tensor(folder, "transformer.ln_f.weight", (17,))
    with pytest.raises(ValueError, match=r"shape: transformer.*\(17,\) \(not"):
        conversion.load(folder)


def test_missing_variable_is_named(tmp_path):
    variables = original.random_variables()
    del variables["model/h1/attn/k_proj"]
    original.write_checkpoint(tmp_path, variables)
    original.write_palette(tmp_path)
    with pytest.raises(ValueError, match="missing: model/h1/attn/k_proj"):
        conversion.load(tmp_path)


def test_checkpoint_of_something_else_is_named(tmp_path):
    original.write_checkpoint(tmp_path, {"dense/kernel": np.zeros((2, 2))})
    with pytest.raises(ValueError, match="missing: model/wte"):
        conversion.load(tmp_path)


def test_wrong_checkpoint_makes_no_model(folder, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("a model was made")

    add_tensor(folder, "something", (2,))
    monkeypatch.setattr(conversion, "ImageGPT", fail)
    with pytest.raises(ValueError, match="Nothing was loaded"):
        conversion.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"activation_function": "relu"},
        {"layer_norm_epsilon": 1e-6},
        {"scale_attn_weights": False},
        {"add_cross_attention": True},
        {"model_type": "gpt2"},
    ],
    ids=str,
)
def test_configurations_that_differ_are_named(folder, changes):
    change_json(folder / "config.json", **changes)
    with pytest.raises(ValueError, match=f"`{next(iter(changes))}` in config"):
        conversion.load(folder)


def test_missing_palette_is_named(folder):
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match="Pass `palette`"):
        conversion.load(folder)


def test_palette_may_be_given(folder):
    (folder / "preprocessor_config.json").unlink()
    palette = np.zeros((17, 3))
    assert conversion.load(folder, palette=palette).tokenizer.adapted


def test_palette_of_another_size_is_named(folder):
    with pytest.raises(ValueError, match="17 colours. Received: 5 colours"):
        conversion.load(folder, palette=np.zeros((5, 3)))


def test_image_size_that_does_not_fit_is_named(folder):
    change_json(
        folder / "preprocessor_config.json", size={"height": 8, "width": 8}
    )
    with pytest.raises(ValueError, match="`image_size` must have 81 pixels"):
        conversion.load(folder)
    assert conversion.load(folder, image_size=(3, 27)).tokenizer.grid_size == (
        3,
        27,
    )


def test_image_size_may_be_a_numpy_int(folder):
    model = conversion.load(folder, image_size=np.int64(9))
    assert model.tokenizer.image_size == (9, 9)


def test_folder_without_weights_is_named(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="model.safetensors or"):
        conversion.load(folder)


def test_folder_of_nothing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="config.json or model.ckpt"):
        conversion.load(tmp_path)


def test_package_offers_it():
    assert keras_igpt.openai.load is conversion.load
