"""Tests of models that are fed with tokens."""

import functools

import keras
import numpy as np
import pytest
from small_models import make_model

import keras_igpt
from keras_igpt.training.callbacks import update_variables
from keras_igpt.training.losses import bits_per_pixel


@pytest.mark.backends
def test_raw_images_in_fit_are_named(fresh_model, tiny_images):
    fresh_model.compile()
    with pytest.raises(ValueError, match=r"fit\(model.prepare\(images\)\)"):
        fresh_model.fit(tiny_images)


def test_raw_dataset_in_fit_is_named(fresh_model, tiny_images):
    fresh_model.compile()
    images = keras_igpt.data.load((tiny_images, np.zeros(8, int)))
    with pytest.raises(ValueError, match=r"fit\(model.prepare\(images\)\)"):
        fresh_model.fit(images)


def test_first_step_is_traced_once(fresh_model, tiny_images, monkeypatch):
    fresh_model.compile(jit_compile=False)
    traces, step = [], fresh_model.train_step
    monkeypatch.setattr(
        fresh_model, "train_step", lambda x: traces.append(x) or step(x)
    )
    batches = fresh_model.prepare((tiny_images, np.zeros(8, int)))
    fresh_model.fit(batches, verbose=0)
    assert len(traces) == 1


# === Every image once ===


def prepared(model, images, **options):
    data = (images, np.arange(len(images)) % 3)
    return model.prepare(data, batch_size=3, **options)


@pytest.mark.usefixtures("smallest")
def test_evaluate_counts_every_image_whatever_prepare_shuffles(
    fresh_model, tiny_images
):
    fresh_model.compile()
    figures = [
        fresh_model.evaluate(
            prepared(fresh_model, tiny_images, shuffle=shuffle), verbose=0
        )
        for shuffle in (True, False)
    ]
    np.testing.assert_allclose(*figures, rtol=1e-6)
    nats = fresh_model.score(tiny_images, labels=np.arange(8) % 3)
    bits = bits_per_pixel(nats, fresh_model.tokenizer.image_size)
    assert figures[0][1] == pytest.approx(bits, rel=1e-5)


@pytest.mark.backends
@pytest.mark.usefixtures("smallest")
def test_predict_is_of_every_image_in_order(fresh_model, tiny_images):
    fresh_model.compile()
    shuffled, plain = (
        fresh_model.predict(
            prepared(fresh_model, tiny_images, shuffle=shuffle), verbose=0
        )
        for shuffle in (True, False)
    )
    assert len(shuffled) == len(tiny_images)
    np.testing.assert_array_equal(shuffled, plain)


# === What Keras's fit takes ===


def weights_of(model):
    return [keras.ops.convert_to_numpy(w) for w in model.trainable_variables]


def assert_same_weights(model, other):
    for a, b in zip(weights_of(model), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.backends
@pytest.mark.usefixtures("smallest")
def test_images_of_weight_zero_teach_nothing(tiny_images):
    models = [make_model() for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    weights = np.array([1.0] * 7 + [0.0])
    others = tiny_images.copy()
    others[7] = 255 - others[7]
    for model, images in zip(models, (tiny_images, others)):
        model.compile(keras.optimizers.SGD(0.1))
        batches = prepared(model, images)
        model.fit(batches, sample_weight=weights, verbose=0)
    assert_same_weights(*models)


@pytest.mark.backends
@pytest.mark.usefixtures("smallest")
def test_validation_split_sets_images_aside(fresh_model, tiny_images):
    fresh_model.compile()
    history = fresh_model.fit(
        prepared(fresh_model, tiny_images), validation_split=0.25, verbose=0
    )
    assert np.isfinite(history.history["val_loss"][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": np.ones(3)}, "`sample_weight` must be 8 numbers"),
        ({"sample_weight": [np.nan] * 8}, "`sample_weight` must be 8 numbers"),
        ({"validation_split": 1.0}, "`validation_split` must be above 0"),
        ({"class_weight": {0: 1.0}}, "`class_weight` must be None"),
    ],
    ids=["few", "nan", "all", "classes"],
)
def test_misuse_of_fit_is_named(fresh_model, tiny_images, options, message):
    fresh_model.compile()
    with pytest.raises(ValueError, match=message):
        fresh_model.fit(prepared(fresh_model, tiny_images), **options)


# === Fits that go on ===


def compiled(dropout=0.2):
    keras.utils.set_random_seed(0)
    model = make_model(dropout=dropout)
    model.compile(keras.optimizers.AdamW(1e-2))
    return model


@pytest.mark.backends
@pytest.mark.usefixtures("smallest")
def test_a_saved_model_goes_on_as_if_not_saved(tiny_images, tmp_path):
    whole, part = compiled(), compiled()
    whole.fit(prepared(whole, tiny_images), epochs=3, verbose=0)
    part.fit(prepared(part, tiny_images), epochs=1, verbose=0)
    part.save(tmp_path / "part.keras")
    part = keras_igpt.load(tmp_path / "part.keras")
    batches = prepared(part, tiny_images)
    part.fit(batches, initial_epoch=1, epochs=3, verbose=0)
    assert_same_weights(whole, part)


@pytest.mark.backends
@pytest.mark.usefixtures("smallest")
def test_keras_backup_goes_on_as_if_not_killed(tiny_images, tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    whole, part, again = compiled(), compiled(), compiled()
    whole.fit(prepared(whole, tiny_images), epochs=3, verbose=0)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(InterruptedError):
        part.fit(
            prepared(part, tiny_images),
            epochs=3,
            verbose=0,
            callbacks=[backup, Kill()],
        )
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    batches = prepared(again, tiny_images)
    again.fit(batches, epochs=3, verbose=0, callbacks=[backup])
    assert_same_weights(whole, again)


@pytest.mark.backends
@pytest.mark.usefixtures("smallest")
def test_a_model_saved_within_an_epoch_goes_on_as_if_not_saved(
    tiny_images, tmp_path
):
    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                update_variables(self.model)
                self.model.save(tmp_path / "part.keras")

    whole, saved = compiled(), compiled()
    whole.fit(prepared(whole, tiny_images), verbose=0)
    saved.fit(prepared(saved, tiny_images), verbose=0, callbacks=[Save()])
    part = keras_igpt.load(tmp_path / "part.keras")
    batches = prepared(part, tiny_images)
    batches.done = 1
    part.fit(batches, verbose=0)
    assert_same_weights(whole, part)


# === Groups ===


@pytest.mark.parametrize("groups", [[0, 0, 1, 1, 2, 2, 3, 3], list("abcdabcd")])
def test_validation_split_shares_no_group(
    fresh_model, tiny_images, groups, monkeypatch
):
    given = {}

    @functools.wraps(keras.Model.fit)
    def fit(model, **kwargs):
        given.update(kwargs)

    monkeypatch.setattr(keras.Model, "fit", fit)
    images = {"image": tiny_images, "label": np.zeros(8, int)}
    fresh_model.compile()
    fresh_model.fit(
        fresh_model.prepare({**images, "group": groups}), validation_split=0.3
    )
    names = ("x", "validation_data")
    learned, held_out = (given[name].py_dataset.groups for name in names)
    assert len(held_out) == 2 and not set(learned) & set(held_out)


def test_groups_are_not_given_to_the_model(fresh_model, tiny_images):
    images = {"image": tiny_images, "label": np.zeros(8, int)}
    batches = fresh_model.prepare({**images, "group": np.arange(8)})
    assert set(batches[0][0]) == {"tokens", "label"}
