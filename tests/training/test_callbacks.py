"""Tests of callbacks; `test_run_folder.py` tests what a run makes of them."""

import sys
import warnings

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import make_model, some_inputs

import keras_igpt
from keras_igpt.images.files import read_parameters
from keras_igpt.training import callbacks
from keras_igpt.training.batches import TokenBatches


def kernel_of(weight):
    """A copy of a weight."""
    return keras.ops.convert_to_numpy(weight).copy()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A model fitted for three epochs of two steps, and what was written."""
    folder = tmp_path_factory.mktemp("fitted")
    model = make_model()
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    asked = {"labels": [0, 1], "seed": 4, "jit_compile": False}
    written = [
        keras_igpt.SampleImages(
            folder / "all", log_dir=folder / "board", **asked
        ),
        keras_igpt.SampleImages(folder / "second", every=2, **asked),
        keras.callbacks.CSVLogger(folder / "log.csv"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of tensorboard
        batches = TokenBatches(some_inputs(model, 6), 3)
        model.fit(batches, epochs=3, verbose=0, callbacks=written)
    return model, folder


@pytest.mark.backends
def test_samples_are_drawn_every_epoch(fitted):
    _, folder = fitted
    steps = ["step-0000002.png", "step-0000004.png", "step-0000006.png"]
    assert names(folder / "all") == steps
    with Image.open(folder / "all" / steps[0]) as sheet:
        assert sheet.size == (64 + 2 + 64, 64)


def test_samples_are_drawn_every_so_many_epochs(fitted):
    _, folder = fitted
    assert names(folder / "second") == ["step-0000004.png"]


@pytest.mark.backends
def test_samples_are_what_the_model_generates(fitted):
    model, folder = fitted
    wanted = model.generate([0, 1], seed=4, jit_compile=False)
    shown = np.asarray(Image.open(folder / "all" / "step-0000006.png"))
    np.testing.assert_array_equal(shown[::16, :64:16], wanted[0, ..., 0])
    np.testing.assert_array_equal(shown[::16, 66::16], wanted[1, ..., 0])


def test_samples_have_a_seed_unless_one_is_given(tmp_path):
    assert keras_igpt.SampleImages(tmp_path).asked["seed"] == 0
    assert keras_igpt.SampleImages(tmp_path, seed=4).asked["seed"] == 4


@pytest.mark.backends
def test_sheet_holds_the_figures_of_its_epoch(fitted):
    _, folder = fitted
    figures = read_parameters(folder / "all" / "step-0000002.png")
    assert figures["epoch"] == 1 and figures["step"] == 2
    assert figures["bits_per_pixel"] > 0


def test_every_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="`every` must be"):
        keras_igpt.SampleImages(tmp_path, every=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_samples_are_written_for_tensorboard(fitted):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(str(fitted[1] / "board"))
    events.Reload()
    assert events.Tags()["images"] or "samples" in events.Tags()["tensors"]


def test_tensorboard_is_left_out_when_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    callbacks.write_tensorboard(tmp_path, 1, {"loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_kerass_own_callbacks_write_figures(fitted):
    lines = (fitted[1] / "log.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,") and "bits_per_pixel" in lines[0]
    assert len(lines) == 4


# Averaged weights


@pytest.fixture(scope="module")
def averaging():
    """A model after steps with `use_ema`, as it is within `fit`."""
    model = make_model()
    optimizer = keras.optimizers.Adam(1e-1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, jit_compile=False)
    batch = TokenBatches(some_inputs(model, 6), 6)[0]
    for _ in range(3):
        model.train_on_batch(*batch)
    return model


@pytest.mark.backends
def test_averages_stand_in_for_weights(averaging):
    model = averaging
    own = kernel_of(model.head.kernel)
    index = [w.path for w in model.trainable_variables].index(
        model.head.kernel.path
    )
    average = kernel_of(model.optimizer._model_variables_moving_average[index])
    with keras_igpt.averaged_weights(model) as are_averages:
        assert are_averages
        np.testing.assert_array_equal(kernel_of(model.head.kernel), average)
    np.testing.assert_array_equal(kernel_of(model.head.kernel), own)
    assert abs(own - average).max() > 1e-3


@pytest.mark.backends
def test_fit_goes_on_after_it_has_left_the_average(fresh_model):
    batches = TokenBatches(some_inputs(fresh_model, 6), 3)
    optimizer = keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5)
    fresh_model.compile(optimizer)
    first, second = (
        fresh_model.fit(batches, epochs=4, verbose=0).history["loss"]
        for _ in range(2)
    )
    assert second[-1] < first[0]


@pytest.mark.backends
def test_weights_come_back_after_an_error(averaging):
    model = averaging
    own = kernel_of(model.head.kernel)
    with pytest.raises(KeyboardInterrupt):
        with keras_igpt.averaged_weights(model):
            raise KeyboardInterrupt
    np.testing.assert_array_equal(kernel_of(model.head.kernel), own)


def test_without_averaging_weights_stay(fresh_model):
    fresh_model.compile()
    with keras_igpt.averaged_weights(fresh_model) as are_averages:
        assert not are_averages


@pytest.mark.backends
def test_fit_leaves_the_average_in_the_saved_model(tmp_path):
    model = make_model()
    batches = TokenBatches(some_inputs(model, 6), 3)
    optimizer = keras.optimizers.Adam(1e-1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, jit_compile=False)
    seen = []

    class Average(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with keras_igpt.averaged_weights(self.model):
                seen.append(kernel_of(self.model.head.kernel))

    model.fit(batches, epochs=2, verbose=0, callbacks=[Average()])
    model.save(tmp_path / "model.keras")
    saved = keras_igpt.load(tmp_path / "model.keras")
    np.testing.assert_allclose(
        kernel_of(saved.head.kernel), seen[-1], rtol=1e-6
    )
