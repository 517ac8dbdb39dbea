"""Tests of training: what `prepare` makes, and what `fit` takes."""

import keras
import numpy as np
import pytest
from small_models import make_model, some_inputs

import keras_igpt
from keras_igpt.operations import training_step
from keras_igpt.prompts.captions import encode_text
from keras_igpt.training.batches import TokenBatches
from keras_igpt.training.losses import TokenCrossentropy, token_nats


@pytest.fixture(scope="module")
def captioned():
    return make_model(num_classes=0, text_length=12)


# === Fitting ===


@pytest.mark.backends
def test_model_learns_eight_images_by_heart(tiny_images):
    model = make_model(trained=False, hidden_dim=32)
    model.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
    batches = model.prepare((tiny_images, np.arange(8) % 3), batch_size=8)
    before = model.evaluate(batches, verbose=0, return_dict=True)
    model.fit(batches, epochs=100, verbose=0)
    after = model.evaluate(batches, verbose=0, return_dict=True)
    assert before["bits_per_pixel"] == pytest.approx(np.log2(5), rel=1e-5)
    assert after["bits_per_pixel"] < 0.4


def test_mixed_bfloat16_trains(tiny_images):
    model = make_model(trained=False, hidden_dim=32, dtype="mixed_bfloat16")
    model.compile(keras.optimizers.Adam(1e-2))
    batches = model.prepare((tiny_images, np.arange(8) % 3), batch_size=8)
    history = model.fit(batches, epochs=60, verbose=0).history
    assert history["bits_per_pixel"][-1] < 0.6 * history["bits_per_pixel"][0]


def test_prepare_tokenises_every_image_once(fresh_model, tiny_images):
    batches = fresh_model.prepare(
        (tiny_images, np.arange(8) % 3), batch_size=3, shuffle=False
    )
    inputs = [batches[i][0] for i in range(len(batches))]
    tokens = np.concatenate([part["tokens"] for part in inputs])
    np.testing.assert_array_equal(
        tokens, np.asarray(fresh_model.tokenizer.encode(tiny_images))
    )
    labels = np.concatenate([part["label"] for part in inputs])
    np.testing.assert_array_equal(labels, np.arange(8) % 3)


def test_training_on_tokens_needs_no_images(fresh_model):
    fresh_model.compile()
    inputs = some_inputs(fresh_model, count=4)
    history = fresh_model.fit(inputs, inputs["tokens"], verbose=0).history
    assert np.isfinite(history["loss"][0])


@pytest.mark.backends
def test_evaluate_agrees_with_score(fresh_model, tiny_images):
    labels = np.arange(8) % 3
    fresh_model.compile(loss=keras_igpt.TokenCrossentropy(z_loss=0.0))
    batches = fresh_model.prepare((tiny_images, labels), batch_size=4)
    found = fresh_model.evaluate(batches, verbose=0, return_dict=True)
    nats = fresh_model.score(tiny_images, labels=labels)
    assert found["loss"] == pytest.approx(nats.mean() / 16, rel=1e-5)


# === Data ===


def test_images_without_labels_are_named(fresh_model, tiny_images):
    with pytest.raises(ValueError, match="no `label` in the data"):
        fresh_model.prepare(tiny_images)


@pytest.mark.backends
def test_labels_beyond_the_classes_are_named(fresh_model, tiny_images):
    with pytest.raises(ValueError, match="`labels` must be ints"):
        fresh_model.prepare((tiny_images, np.arange(8)))


def test_shares_of_edits_are_checked(fresh_model, tiny_images):
    with pytest.raises(ValueError, match="`edit_share` must be from 0 to 1"):
        fresh_model.prepare((tiny_images, np.zeros(8, int)), edit_share=1.5)


def test_empty_dataset_is_named(fresh_model):
    with pytest.raises(ValueError, match="Received"):
        fresh_model.prepare((np.zeros((0, 4, 4, 1), "uint8"), np.zeros(0, int)))


def test_token_batches_are_what_fit_takes(fresh_model):
    fresh_model.compile()
    batches = TokenBatches(some_inputs(fresh_model, 5), batch_size=2)
    assert np.isfinite(fresh_model.evaluate(batches, verbose=0)[0])


def test_prepare_carries_captions(captioned, tiny_images):
    data = {"image": tiny_images[:2], "text": np.array(["a", "bc"], object)}
    batches = captioned.prepare(data, batch_size=2, shuffle=False)
    inputs, _ = batches[0]
    np.testing.assert_array_equal(inputs["text"], encode_text(["a", "bc"], 12))


def test_images_without_captions_are_an_error(captioned, tiny_images):
    with pytest.raises(ValueError, match="text_length=0"):
        captioned.prepare(tiny_images)


# === The objective "bert" ===


def test_bert_is_given_masks_and_weights(tiny_images):
    model = make_model(num_classes=0, objective="bert")
    inputs, tokens, weights = model.prepare(tiny_images, batch_size=8)[0]
    masked = inputs["masked"].astype(bool)
    assert masked.shape == tokens.shape == weights.shape
    np.testing.assert_array_equal(weights > 0, masked)


def test_bert_loss_is_the_mean_over_hidden_cells(tiny_images):
    model = make_model(num_classes=0, objective="bert")
    model.compile(loss=TokenCrossentropy(z_loss=0))
    batches = model.prepare(tiny_images, batch_size=8, shuffle=False)
    found = model.evaluate(batches, verbose=0, return_dict=True)
    inputs, tokens, _ = batches[0]
    nats = np.asarray(token_nats(tokens, model(inputs)))
    expected = nats[inputs["masked"].astype(bool)].mean()
    assert found["loss"] == pytest.approx(expected, rel=1e-5)
    bits = expected / np.log(2)
    assert found["bits_per_pixel"] == pytest.approx(bits, rel=1e-5)


def test_bert_learns_from_the_cells_around():
    greys = np.linspace(0, 255, 8).astype("uint8")
    images = np.tile(greys[:, None, None, None], (1, 4, 4, 1))
    model = make_model(
        trained=False, num_classes=0, hidden_dim=32, objective="bert"
    )
    model.compile(keras.optimizers.Adam(1e-2))
    batches = model.prepare(images, batch_size=8)
    history = model.fit(batches, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]


@pytest.mark.backends
def test_bert_goes_on_training_after_loading(tiny_images, tmp_path):
    model = make_model(num_classes=0, objective="bert")
    model.compile()
    batches = model.prepare(tiny_images, batch_size=8, shuffle=False)
    model.fit(batches, verbose=0)
    model.save(tmp_path / "bert.keras")
    loaded = keras.saving.load_model(tmp_path / "bert.keras")
    assert loaded.evaluate(batches, verbose=0) == pytest.approx(
        model.evaluate(batches, verbose=0), rel=1e-5
    )


# === Models that are frozen in part ===


def test_partly_frozen_model_loads_uncompiled(tiny_images, tmp_path):
    model = make_model(num_classes=0)
    model.embedding.trainable = False
    model.compile()
    model.fit(model.prepare(tiny_images, batch_size=8), verbose=0)
    model.save(tmp_path / "part.keras")
    loaded = keras.saving.load_model(tmp_path / "part.keras")
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.head.kernel, model.head.kernel)


@pytest.mark.xla
@pytest.mark.parametrize(
    "options, tolerance",
    [
        ({}, 1e-5),
        ({"order": "any"}, 1e-5),
        ({"activation": "quick_gelu", "positions": "learned"}, 1e-5),
        ({"activation": "gelu", "qk_norm": False}, 1e-5),
        ({"dtype": "mixed_bfloat16"}, 0.05),
    ],
    ids=["default", "any order", "original", "gelu", "bfloat16"],
)
def test_step_in_few_passes_has_the_same_gradients(
    options, tolerance, tiny_images
):
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(0)
    model = make_model(**options)
    noise = np.random.default_rng(0).normal(size=model.head.kernel.shape)
    model.head.kernel.assign(0.1 * noise)
    model.compile()
    inputs, tokens = model.prepare((tiny_images, np.arange(8) % 3))[0][:2]

    def gradients(one_pass):
        with training_step(one_pass), tf.GradientTape() as tape:
            logits = model(inputs, training=False)
            loss = model.compute_loss(x=inputs, y=tokens, y_pred=logits)
        found = tape.gradient(loss, model.trainable_variables)
        assert not all(one is None for one in found)
        return [tf.convert_to_tensor(one) for one in found if one is not None]

    for plain, found in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(found).astype("float32"),
            keras.ops.convert_to_numpy(plain).astype("float32"),
            atol=tolerance * float(tf.reduce_max(tf.abs(plain))) + 1e-7,
        )
