"""Tests of loading LlamaGen's tokenizers, against the reference's numbers."""

import pathlib

import keras
import numpy as np
import pytest
import torch_archive
from safetensors.numpy import save_file

import keras_igpt
from keras_igpt.images.arrays import to_floats
from keras_igpt.pretrained.torch_files import TorchFile

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "released"
load = keras_igpt.llamagen.load_tokenizer


def away(found, expected):
    """The largest difference, relative to the largest number."""
    return np.abs(np.asarray(found) - expected).max() / np.abs(expected).max()


def latents(tokenizer, images):
    return tokenizer.encoder(to_floats(images))


def decoded(tokenizer, tokens):
    codes = tokenizer.quantizer.codes(tokens)
    return tokenizer.decoder(
        keras.ops.reshape(codes, (len(tokens), *tokenizer.grid_size, -1))
    )


@pytest.fixture(scope="module", params=["llamagen_vq_a", "llamagen_vq_b"])
def both(request):
    """A tokenizer, and what it should give."""
    expected = np.load(GOLDEN / f"{request.param}.npz")
    size = expected["images"].shape[1:3]
    return load(GOLDEN / f"{request.param}.pt", size), expected


@pytest.fixture(scope="module")
def tokenizer():
    return load(GOLDEN / "llamagen_vq_b.pt", (48, 48))


@pytest.fixture(scope="module")
def arrays():
    """float32 arrays of a file by name."""
    with TorchFile(GOLDEN / "llamagen_vq_b.pt") as file:
        return {name: file.read(name).astype("float32") for name in file}


def test_latents_are_those_of_the_reference(both):
    tokenizer, expected = both
    found = latents(tokenizer, expected["images"])
    assert away(found, expected["latents"]) < 1e-4


def test_tokens_are_those_of_the_reference(both):
    tokenizer, expected = both
    np.testing.assert_array_equal(
        tokenizer.encode_all(expected["images"]), expected["tokens"]
    )


@pytest.mark.parametrize(
    "tokens, images",
    [("tokens", "decoded"), ("random_tokens", "random_decoded")],
)
def test_decoded_is_as_the_reference_decodes(both, tokens, images):
    tokenizer, expected = both
    found = decoded(tokenizer, expected[tokens])
    assert away(found, expected[images]) < 1e-4


def test_pixels_are_those_of_the_reference(both):
    tokenizer, expected = both
    found = tokenizer.decode_all(expected["random_tokens"]).astype("int32")
    assert np.abs(found - expected["random_uint8"]).max() <= 1


def test_saved_and_loaded_it_is_the_same(both, tmp_path):
    tokenizer, expected = both
    model = keras_igpt.ImageGPT(
        tokenizer, num_layers=1, num_heads=1, hidden_dim=8
    )
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras").tokenizer
    np.testing.assert_array_equal(
        again.encode_all(expected["images"]), expected["tokens"]
    )
    found = decoded(again, expected["tokens"])
    assert away(found, expected["decoded"]) < 1e-4


def test_another_size_takes_the_same_weights():
    wide = load(GOLDEN / "llamagen_vq_b.pt", (40, 72))
    images = np.random.default_rng(0).integers(0, 256, (1, 40, 72, 3))
    tokens = wide.encode_all(images.astype("uint8"))
    assert tokens.shape == (1, 45)
    assert wide.decode_all(tokens).shape == (1, 40, 72, 3)


def test_safetensors_give_the_same(tokenizer, arrays, tmp_path):
    save_file(arrays, tmp_path / "vq.safetensors")
    again = load(tmp_path / "vq.safetensors", 48)
    for ours, theirs in zip(again.weights, tokenizer.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_loaded_one_learns_on():
    made = load(GOLDEN / "llamagen_vq_b.pt", 16)
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3))
    images = images.astype("uint8")
    before = made.figures(images)["psnr"]
    made.adapt(images, epochs=6, learning_rate=1e-3, verbose=False)
    assert made.figures(images)["psnr"] > before


# === What is refused ===


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda x: x.pop("quant_conv.bias"), "missing: quant_conv.bias"),
        (lambda x: x.update(more=x["quant_conv.bias"]), "extra: more"),
        (
            lambda x: x.update({"quant_conv.bias": np.zeros(9, "float32")}),
            "another shape: quant_conv.bias",
        ),
        (lambda x: x.pop("quantize.embedding.weight"), "quantize.embedding"),
        (lambda x: x.pop("encoder.conv_in.weight"), "encoder.conv_in"),
    ],
)
def test_wrong_tensors_are_named(arrays, tmp_path, change, words):
    changed = dict(arrays)
    change(changed)
    torch_archive.write(tmp_path / "vq.pt", changed, "model")
    with pytest.raises(ValueError, match=f"(?s)Received.*{words}"):
        load(tmp_path / "vq.pt", 48)


def test_file_of_another_model_is_refused(tmp_path):
    table = {"tok_embeddings.weight": np.zeros((4, 2), "float32")}
    torch_archive.write(tmp_path / "gpt.pt", table)
    with pytest.raises(ValueError, match="tok_embeddings.weight"):
        load(tmp_path / "gpt.pt")


def test_size_that_the_cells_do_not_divide():
    with pytest.raises(ValueError, match="multiples of 8"):
        load(GOLDEN / "llamagen_vq_b.pt", 44)
