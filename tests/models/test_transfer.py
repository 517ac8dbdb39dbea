"""Tests of models that begin with what another has learned."""

import keras
import numpy as np
import pytest
from small_models import make_model

import keras_igpt
from keras_igpt.models import transfer
from keras_igpt.models.transfer import from_model, save_packed

TOKENS = np.random.default_rng(0).integers(0, 5, (2, 16), dtype="int32")


def weights_of(model):
    """Trainable weights by their path inside the model."""
    return {
        weight.path.partition("/")[2]: np.asarray(weight)
        for weight in model.trainable_weights
    }


def same_weights(one, two):
    """Paths of weights that are alike in both models."""
    one, two = weights_of(one), weights_of(two)
    return {path for path in one if np.array_equal(one[path], two.get(path))}


def test_everything_learned_is_taken_over(tiny_model):
    new = from_model(tiny_model)
    assert same_weights(new, tiny_model) == set(weights_of(tiny_model))
    assert new.config == tiny_model.config
    assert new.tokenizer is tiny_model.tokenizer


def test_the_old_model_stays_as_it_is(fresh_model):
    new = from_model(fresh_model)
    before = weights_of(fresh_model)
    for weight in new.trainable_weights:
        weight.assign(weight + 1)
    after = weights_of(fresh_model)
    for path, weight in before.items():
        np.testing.assert_array_equal(weight, after[path])


def test_weights_of_another_shape_begin_anew(tiny_model):
    new = from_model(tiny_model, num_classes=7)
    anew = set(weights_of(new)) - same_weights(new, tiny_model)
    assert anew == {"prompt/class/class_embedding/embeddings"}
    assert new.num_classes == 7


def test_more_blocks_begin_anew(tiny_model):
    new = from_model(tiny_model, num_layers=3)
    anew = set(weights_of(new)) - same_weights(new, tiny_model)
    assert {path.split("/")[0] for path in anew} == {"block_2"}


def test_edits_begin_anew_beside_the_rest(tiny_model):
    new = from_model(tiny_model, edits=("inpaint", "denoise"))
    assert same_weights(new, tiny_model) == set(weights_of(tiny_model))
    added = set(weights_of(new)) - set(weights_of(tiny_model))
    assert "prompt/edit/edit_embedding/embeddings" in added
    assert all(path.startswith(("prompt/edit", "source_")) for path in added)


def test_a_new_source_changes_nothing_at_first(tiny_model):
    new = from_model(tiny_model, edits=("inpaint",))
    inputs = {
        "tokens": TOKENS,
        "label": np.array([0, 2]),
        "edit": np.array([1, 1]),
    }
    source = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 2), "uint8")
    np.testing.assert_array_equal(
        new({**inputs, "source": source}), new(inputs)
    )


def test_without_a_caption_it_answers_as_before(tiny_unconditional):
    new = from_model(tiny_unconditional, text_length=6)
    text = np.zeros((2, 6), "int32")
    np.testing.assert_allclose(
        new({"tokens": TOKENS, "text": text}),
        tiny_unconditional({"tokens": TOKENS}),
        atol=1e-5,
    )


def test_new_model_may_compute_otherwise(tiny_model):
    new = from_model(tiny_model, dropout=0.5, dtype="mixed_bfloat16")
    assert new.compute_dtype == "bfloat16"
    assert same_weights(new, tiny_model) == set(weights_of(tiny_model))


def test_new_model_saves_whole(tiny_model, tmp_path):
    new = from_model(tiny_model, edits=("inpaint",))
    new.save(tmp_path / "new.keras")
    loaded = keras.saving.load_model(tmp_path / "new.keras")
    assert same_weights(loaded, new) == set(weights_of(new))


def test_quantized_model_is_an_error(fresh_model):
    fresh_model.quantize("int8")
    with pytest.raises(ValueError, match="must not be quantized"):
        from_model(fresh_model)


# === Packed files ===


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


def policies(model):
    """Names of the policies of a model and all of its layers."""
    return {layer.dtype_policy.name for layer in model._flatten_layers()}


@pytest.fixture(params=["model", "classifier", "learned tokens"])
def mixed(request):
    """Models that were made to compute in bfloat16, in all of their parts."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        if request.param == "learned tokens":
            tokenizer = keras_igpt.VQTokenizer((4, 4), 5, hidden_dim=8)
            tokenizer.adapted = True
            return keras_igpt.ImageGPT(
                tokenizer, num_layers=1, num_heads=1, hidden_dim=16
            )
        model = make_model(edits=("inpaint",), text_length=6)
        if request.param == "classifier":
            return keras_igpt.ImageGPTClassifier.from_model(model, 3)
        return model
    finally:
        keras.config.set_dtype_policy("float32")


def test_packed_model_computes_in_float32(mixed, tmp_path):
    save_packed(mixed, tmp_path / "packed.keras")
    loaded = keras_igpt.load(tmp_path / "packed.keras")
    assert policies(loaded) == {"float32"}


def test_packing_changes_no_policy(mixed, tmp_path):
    before = policies(mixed)
    save_packed(mixed, tmp_path / "packed.keras")
    assert policies(mixed) == before and "mixed_bfloat16" in before
    assert keras.config.dtype_policy().name == "float32"


def test_packed_model_may_be_quantized(tmp_path):
    model = make_model(num_classes=0, num_layers=1)
    model.quantize("int8")
    save_packed(model, tmp_path / "packed.keras")
    loaded = keras_igpt.load(tmp_path / "packed.keras")
    assert policies(loaded) == {"float32", "int8_from_float32"}


def test_packed_classifier_names_images_as_before(
    tiny_model, tiny_images, tmp_path
):
    classifier = keras_igpt.ImageGPTClassifier.from_model(tiny_model, 3)
    kernel = classifier.head.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    save_packed(classifier, tmp_path / "packed.keras")
    loaded = keras_igpt.load(tmp_path / "packed.keras")
    tokens = tiny_model.tokenizer.encode(tiny_images)
    np.testing.assert_allclose(
        loaded({"tokens": tokens}), classifier({"tokens": tokens}), atol=2e-2
    )


def test_rounding_keeps_eleven_bits():
    weights = np.float32([1 + 2**-10, 1 + 2**-12, 1.0, -0.1, 0.0])
    rounded = transfer._rounded(weights)
    np.testing.assert_array_equal(rounded[:3], [1 + 2**-10, 1.0, 1.0])
    np.testing.assert_allclose(rounded, weights, rtol=2**-11)


def test_packed_model_has_what_lora_learned(fresh_model, tiny_images, tmp_path):
    layer = fresh_model.blocks[0].attention.query_key_value
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    save_packed(fresh_model, tmp_path / "packed.keras")
    loaded = keras_igpt.load(tmp_path / "packed.keras")
    np.testing.assert_allclose(
        loaded.score(tiny_images), fresh_model.score(tiny_images), rtol=1e-2
    )
    assert [file.name for file in tmp_path.iterdir()] == ["packed.keras"]
