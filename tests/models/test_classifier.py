"""Tests of classifiers made of models that generate."""

import keras
import numpy as np
import pytest
from small_models import make_model

import keras_igpt
from keras_igpt import ImageGPTClassifier
from keras_igpt.models import linear_probe
from keras_igpt.training.losses import token_nats

LABELS = np.arange(8) % 2


def make_classifier(generative_weight=1.0, trained=True, **kwargs):
    backbone = make_model(**{"num_classes": 0, **kwargs})
    classifier = ImageGPTClassifier(backbone, 2, generative_weight)
    if trained:
        kernel = classifier.head.kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return classifier


def fast(classifier):
    classifier.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return classifier


def values(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def test_logits_are_of_the_mean_of_the_last_norm(tiny_images):
    classifier = make_classifier()
    backbone = classifier.backbone
    tokens = {"tokens": backbone.tokenizer.encode(tiny_images)}
    last = np.asarray(backbone.hidden_states(tokens)[-1])
    expected = last.mean(axis=1) @ np.asarray(classifier.head.kernel)
    np.testing.assert_allclose(classifier(tokens), expected, atol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_loss_is_that_of_labels_and_tokens(tiny_images, weight):
    classifier = fast(make_classifier(weight))
    batches = classifier.prepare((tiny_images, LABELS), shuffle=False)
    found = classifier.evaluate(batches, verbose=0, return_dict=True)
    tokens = batches.inputs["tokens"]
    logits = np.asarray(classifier({"tokens": tokens}))
    named = token_nats(LABELS, logits)
    generated = token_nats(tokens, classifier.backbone({"tokens": tokens}))
    expected = np.mean(named) + weight * np.mean(generated)
    assert found["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_accuracy_is_that_of_predict(tiny_images):
    classifier = fast(make_classifier())
    batches = classifier.prepare((tiny_images, LABELS), shuffle=False)
    found = classifier.evaluate(batches, verbose=0, return_dict=True)
    chosen = classifier.predict(batches, verbose=0).argmax(axis=-1)
    assert found["accuracy"] == pytest.approx(np.mean(chosen == LABELS))


def test_predict_needs_no_labels(tiny_images):
    classifier = make_classifier()
    batches = classifier.prepare(tiny_images, batch_size=3, shuffle=False)
    tokens = batches.inputs["tokens"]
    np.testing.assert_allclose(
        classifier.predict(batches, verbose=0),
        classifier({"tokens": tokens}),
        atol=1e-5,
    )


@pytest.mark.backends
def test_classifier_learns_eight_images_by_heart(tiny_images):
    classifier = fast(make_classifier(0.0, trained=False, hidden_dim=32))
    batches = classifier.prepare((tiny_images, LABELS), batch_size=8)
    classifier.fit(batches, epochs=100, verbose=0)
    found = classifier.evaluate(batches, verbose=0, return_dict=True)
    assert found["accuracy"] == 1.0


def test_backbone_with_prompts_is_told_nothing(tiny_images):
    classifier = make_classifier(num_classes=3, text_length=6)
    batches = classifier.prepare((tiny_images, LABELS), shuffle=False)
    assert set(batches[0][0]) == {"tokens"}
    assert classifier.predict(batches, verbose=0).shape == (8, 2)


# === From a model ===


@pytest.fixture
def probed(tiny_images):
    """A classifier with a fitted head, its accuracy, and weights before."""
    classifier = make_classifier(trained=False)
    before = values(classifier.backbone)
    accuracy = classifier.fit_head((tiny_images, LABELS))
    return classifier, accuracy, before


def test_fitted_head_is_a_probe_of_what_the_head_reads(probed, tiny_images):
    classifier, accuracy, _ = probed
    backbone = classifier.backbone
    features = backbone.features(tiny_images, len(backbone.blocks))
    expected, probe = linear_probe.choose(features, LABELS)
    assert accuracy == expected
    batches = classifier.prepare(tiny_images, shuffle=False)
    logits = classifier.predict(batches, verbose=0)
    np.testing.assert_allclose(
        keras.ops.softmax(logits), probe.predict_proba(features), atol=1e-4
    )


@pytest.mark.backends
def test_fitting_the_head_leaves_the_backbone(probed):
    classifier, _, before = probed
    for old, new in zip(before, values(classifier.backbone), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "labels, received",
    [({}, "none"), ({"label": np.zeros(8, "int32")}, "one class")],
)
def test_head_is_fitted_to_labels_only(tiny_images, labels, received):
    with pytest.raises(ValueError, match=f"two classes.*{received}"):
        make_classifier().fit_head({"image": tiny_images, **labels})


def test_from_model_begins_with_its_weights(tiny_unconditional):
    classifier = ImageGPTClassifier.from_model(tiny_unconditional, 2)
    for ours, theirs in zip(
        values(classifier.backbone), values(tiny_unconditional), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_from_model_leaves_it_as_it_is(tiny_images):
    model = make_model(num_classes=0)
    before = values(model)
    classifier = fast(ImageGPTClassifier.from_model(model, 2))
    classifier.fit(classifier.prepare((tiny_images, LABELS)), verbose=0)
    for ours, theirs in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_from_model_takes_changes(tiny_unconditional):
    classifier = ImageGPTClassifier.from_model(
        tiny_unconditional, 2, dropout=0.5, dtype="mixed_bfloat16"
    )
    assert classifier.backbone.config["dropout"] == 0.5
    assert classifier.head.compute_dtype == "bfloat16"


# === Freezing and LoRA, by Keras's own means ===


def test_frozen_backbone_learns_in_the_head_alone(tiny_images):
    classifier = make_classifier(0.0)
    classifier.backbone.trainable = False
    fast(classifier)
    before = values(classifier.backbone)
    head = np.asarray(classifier.head.kernel)
    classifier.fit(classifier.prepare((tiny_images, LABELS)), verbose=0)
    for ours, theirs in zip(values(classifier.backbone), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.any(np.asarray(classifier.head.kernel) != head)


@pytest.fixture
def low_rank(tiny_images):
    """A classifier of which LoRA and the head have learned."""
    classifier = make_classifier()
    for weight in classifier.backbone.weights:
        weight.trainable = False
    for block in classifier.backbone.blocks:
        block.attention.query_key_value.enable_lora(2)
    fast(classifier)
    classifier.fit(
        classifier.prepare((tiny_images, LABELS)), epochs=3, verbose=0
    )
    return classifier


def test_lora_learns_little_and_leaves_the_rest(low_rank):
    fresh = make_classifier()
    # Two blocks with two matrices of LoRA, kernel and bias of the head.
    assert len(low_rank.trainable_weights) == 6
    for ours, theirs in zip(low_rank.backbone.blocks, fresh.backbone.blocks):
        np.testing.assert_array_equal(
            ours.attention.query_key_value._kernel,
            theirs.attention.query_key_value._kernel,
        )


def test_lora_is_part_of_what_is_saved(low_rank, tiny_images, tmp_path):
    batches = low_rank.prepare(tiny_images, shuffle=False)
    before = low_rank.predict(batches, verbose=0)
    low_rank.save(tmp_path / "new.keras")
    again = keras.saving.load_model(tmp_path / "new.keras")
    np.testing.assert_allclose(
        again.predict(batches, verbose=0), before, atol=1e-5
    )


# === Saving ===


def test_frozen_classifier_saves_and_loads(tiny_images, tmp_path):
    classifier = make_classifier(0.0)
    classifier.backbone.trainable = False
    fast(classifier)
    batches = classifier.prepare((tiny_images, LABELS), shuffle=False)
    classifier.fit(batches, verbose=0)
    classifier.save(tmp_path / "new.keras")
    again = keras.saving.load_model(tmp_path / "new.keras")
    assert len(again.trainable_weights) == 2
    assert int(again.optimizer.iterations) == 1


@pytest.mark.backends
def test_classifier_saves_and_loads(tiny_images, tmp_path):
    classifier = fast(make_classifier(0.25))
    batches = classifier.prepare((tiny_images, LABELS), shuffle=False)
    classifier.fit(batches, verbose=0)
    classifier.save(tmp_path / "new.keras")
    again = keras.saving.load_model(tmp_path / "new.keras")
    assert again.count_params() == classifier.count_params()
    assert again.evaluate(batches, verbose=0) == pytest.approx(
        classifier.evaluate(batches, verbose=0), rel=1e-5
    )


# === The objective "bert" ===


def test_bert_backbone_fine_tunes(tiny_images):
    classifier = fast(make_classifier(objective="bert", hidden_dim=32))
    batches = classifier.prepare((tiny_images, LABELS), batch_size=8)
    assert batches[0][0]["masked"].shape == (8, 16)
    history = classifier.fit(batches, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]


# === Bad input ===


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"backbone": "igpt_s"}, "`backbone` must be an ImageGPT"),
        ({"num_classes": 0}, "`num_classes` must be a positive int"),
        ({"generative_weight": -1}, "`generative_weight` must be a number"),
    ],
)
def test_bad_arguments_are_named(tiny_unconditional, kwargs, message):
    arguments = {"backbone": tiny_unconditional, "num_classes": 2}
    with pytest.raises(ValueError, match=message):
        ImageGPTClassifier(**{**arguments, **kwargs})


def test_images_must_be_prepared(tiny_images):
    classifier = fast(make_classifier())
    with pytest.raises(ValueError, match="Call `model.fit"):
        classifier.fit(tiny_images)


def test_label_beyond_the_classes_is_named(tiny_images):
    with pytest.raises(ValueError, match="`labels` must be ints"):
        make_classifier().prepare((tiny_images, np.arange(8)))


def test_package_offers_it():
    assert keras_igpt.ImageGPTClassifier is ImageGPTClassifier
