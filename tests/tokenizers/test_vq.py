"""Tests of tokenizers that learn."""

import contextlib
import io

import keras
import numpy as np
import pytest

import keras_igpt
from keras_igpt.images import metrics
from keras_igpt.tokenizers.autoencoder import Autoencoder
from keras_igpt.tokenizers.vq import VQTokenizer


def checks(count=48, size=16, channels=1):
    """Images of a dark and a light side, all different."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size] - size / 2
    images = []
    for _ in range(count):
        down, right, away = generator.normal(size=3)
        light = down * rows + right * columns + 2 * away > 0
        images.append(np.where(light, 210, 40))
    images = np.stack(images).astype("uint8")
    return np.repeat(images[..., None], channels, axis=-1)


@pytest.fixture(scope="module")
def images():
    return checks()


@pytest.fixture(scope="module", params=["vq", "fsq"])
def tokenizer(request, images):
    keras.utils.set_random_seed(0)
    size = 16 if request.param == "vq" else 240
    made = VQTokenizer(
        (16, 16), size, channels=1, quantizer=request.param, hidden_dim=32
    )
    return made.adapt(
        images, epochs=15, batch_size=8, learning_rate=3e-3, verbose=False
    )


@pytest.fixture(scope="module")
def finer(images):
    """One of smaller cells, as long adapted."""
    keras.utils.set_random_seed(0)
    made = VQTokenizer((16, 16), 8, channels=1, hidden_dim=32, cell_size=2)
    return made.adapt(
        images, epochs=15, batch_size=8, learning_rate=3e-3, verbose=False
    )


@pytest.mark.backends
def test_tokens_are_one_per_cell(tokenizer, images):
    tokens = np.asarray(tokenizer.encode(images[:3]))
    assert tokens.shape == (3, 16) and tokens.dtype == "int32"
    assert 0 <= tokens.min() and tokens.max() < tokenizer.vocabulary_size


@pytest.mark.backends
def test_decoded_images_look_like_the_images(tokenizer, images):
    psnr = tokenizer.figures(images)["psnr"]
    grey = np.full_like(images, int(images.mean()))
    assert psnr > metrics.psnr(images, grey).mean() + 4


def test_decode_gives_images(tokenizer):
    decoded = np.asarray(tokenizer.decode(np.zeros((2, 16), "int32")))
    assert decoded.shape == (2, 16, 16, 1) and decoded.dtype == "uint8"


def test_smaller_cells_keep_more_of_an_image(tokenizer, finer, images):
    assert np.asarray(finer.encode(images[:1])).shape == (1, 64)
    assert finer.figures(images)["psnr"] > tokenizer.figures(images)["psnr"]


@pytest.mark.backends
def test_tokens_do_not_depend_on_the_batch(tokenizer, images):
    together = np.asarray(tokenizer.encode(images))
    alone = np.asarray(tokenizer.encode(images[5:6]))
    np.testing.assert_array_equal(together[5:6], alone)


@pytest.fixture(scope="module")
def oblong():
    """Of few, oblong images in colour: tokenizer, images, what it printed."""
    images = checks(20, 16, 3)[:, :8]
    made, printed = VQTokenizer((8, 16), 8, hidden_dim=16), io.StringIO()
    with contextlib.redirect_stdout(printed):
        made.adapt(images, epochs=1, batch_size=8)
    return made, images, printed.getvalue()


def test_adapt_goes_on_where_it_stopped(oblong):
    learned, images, _ = oblong
    made = VQTokenizer.from_config(learned.get_config())
    made.set_weights(learned.get_weights())
    made.adapted = True
    made.adapt(images, epochs=8, batch_size=4, verbose=False)
    assert made.figures(images)["psnr"] > learned.figures(images)["psnr"]


def test_adapt_prints_its_figures(oblong):
    shown = oblong[2]
    assert "PSNR" in shown and "codes in use" in shown
    assert "perplexity" in shown


def test_colour_and_oblong_images(oblong):
    made, images, _ = oblong
    decoded = np.asarray(made.decode(made.encode(images)))
    assert decoded.shape == (20, 8, 16, 3)


@pytest.mark.backends
def test_model_with_learned_tokenizer_saves_whole(tokenizer, images, tmp_path):
    model = keras_igpt.ImageGPT(
        tokenizer, num_layers=1, num_heads=2, hidden_dim=16
    )
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        loaded.tokenizer.encode(images), tokenizer.encode(images)
    )
    np.testing.assert_array_equal(
        loaded.generate(seed=1), model.generate(seed=1)
    )


@pytest.mark.backends
def test_fit_of_a_model_leaves_the_tokenizer_alone(tokenizer, images):
    model = keras_igpt.ImageGPT(
        tokenizer, num_layers=1, num_heads=2, hidden_dim=16
    )
    before = [np.asarray(w).copy() for w in tokenizer.weights]
    model.compile()
    model.fit(model.prepare(images, batch_size=16), verbose=0)
    for old, new in zip(before, tokenizer.weights):
        np.testing.assert_array_equal(old, new)


def test_encode_before_adapt_is_an_error():
    made = VQTokenizer((8, 8), 8, channels=1, hidden_dim=16)
    with pytest.raises(ValueError, match="adapt"):
        made.encode(np.zeros((1, 8, 8, 1), "uint8"))


def test_codebook_larger_than_the_images_support():
    made = VQTokenizer((8, 8), 64, channels=1, hidden_dim=16)
    with pytest.raises(ValueError, match="codebook_size=64"):
        made.adapt(np.zeros((10, 8, 8, 1), "uint8"), epochs=1)


@pytest.mark.parametrize("size", [(30, 32), (0, 4), 30, (8.0, 8)])
def test_size_not_divisible_by_four_is_an_error(size):
    with pytest.raises(ValueError, match="multiples of 4"):
        VQTokenizer(size)


def test_size_not_divisible_by_the_cell_is_an_error():
    with pytest.raises(ValueError, match="multiples of 2"):
        VQTokenizer((30, 31), cell_size=2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"codebook_size": 1},
        {"channels": 2},
        {"quantizer": "rvq"},
        {"cell_size": 3},
    ],
)
def test_wrong_choice_is_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
        VQTokenizer((8, 8), **wrong)


def test_channels_are_last_whatever_the_process_wants():
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        tokenizer = keras_igpt.VQTokenizer((8, 8), 8, hidden_dim=4)
        images = tokenizer.decode(np.zeros((1, 4), "int32"))
    finally:
        keras.config.set_image_data_format(before)
    assert images.shape == (1, 8, 8, 3)


@pytest.mark.slow
def test_steps_are_traced_once(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), "uint8")
    traces, step = [], Autoencoder.train_step

    def counted(model, data):
        traces.append(model.quantized)
        return step(model, data)

    monkeypatch.setattr(Autoencoder, "train_step", counted)
    tokenizer = keras_igpt.VQTokenizer((8, 8), 8, hidden_dim=8)
    tokenizer.adapt(images, epochs=2, batch_size=8, verbose=False)
    assert traces == [False, True]
