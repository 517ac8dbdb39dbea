"""Tests of what the demo page does, without a page."""

import numpy as np
import pytest
from small_models import make_model, save_picture

import keras_igpt
from keras_igpt.cli.demo import actions, prepared


@pytest.fixture(scope="module")
def model():
    """Colours of 8x8 pixels, captions, and edits."""
    colors = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), "uint8")
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), 5).adapt(colors)
    model = keras_igpt.ImageGPT(
        tokenizer,
        num_layers=1,
        num_heads=1,
        hidden_dim=16,
        text_length=12,
        edits=("inpaint", "upscale", "colorize", "restyle/map"),
    )
    kernel = model.head.kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    return model


@pytest.fixture
def image():
    generator = np.random.default_rng(3)
    return generator.integers(0, 256, (8, 8, 3), dtype="uint8")


def drawn(rows, columns, size=(16, 16)):
    """A canvas of four channels, opaque in some places."""
    layer = np.zeros((*size, 4), "uint8")
    layer[rows, columns] = 255
    return [layer]


# Files


def test_image_files_are_opened(tmp_path):
    path = save_picture(tmp_path / "a.png", (9, 8, 7), (30, 20))
    image = actions.open_image(path)
    assert image.shape == (20, 30, 3) and image.dtype == np.uint8
    assert (image == (9, 8, 7)).all()


def test_large_images_are_shrunk(tmp_path):
    path = save_picture(tmp_path / "a.png", size=(3000, 1500))
    assert actions.open_image(path).shape == (512, 1024, 3)


def test_rubbish_is_named_in_a_sentence(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image at all")
    with pytest.raises(ValueError, match="must be an image, such as PNG"):
        actions.open_image(tmp_path / "a.png")


def test_no_file_is_named_in_a_sentence():
    with pytest.raises(ValueError, match="must be chosen first"):
        actions.open_image(None)


# Masks


def test_drawn_parts_become_a_mask():
    mask = prepared.drawn_mask(drawn(slice(0, 4), slice(8, 16)), (8, 8))
    wanted = np.zeros((8, 8), bool)
    wanted[:2, 4:] = True
    np.testing.assert_array_equal(mask, wanted)


@pytest.mark.parametrize("box", ["25 50 75 100", "25%, 50%, 75%, 100%"])
def test_a_box_is_a_mask_without_drawing(box):
    wanted = np.zeros((8, 16), bool)
    wanted[4:, 4:12] = True
    mask = prepared.drawn_mask(None, (8, 16), box)
    np.testing.assert_array_equal(mask, wanted)


def test_a_box_adds_to_what_is_drawn():
    layers = drawn(slice(0, 4), slice(8, 16))
    mask = prepared.drawn_mask(layers, (8, 8), "0 50 50 100")
    assert mask.sum() == 8 + 16


@pytest.mark.parametrize(
    "box", ["25 25 75", "a b c d", "75 0 25 9", "0 0 0 101"]
)
def test_a_box_that_is_none_is_named_in_a_sentence(box):
    with pytest.raises(ValueError, match="The box must be four numbers"):
        prepared.drawn_mask(None, (8, 8), box)


@pytest.mark.parametrize("layers", [None, [], drawn(slice(0), slice(0))])
def test_nothing_drawn_is_named_in_a_sentence(layers):
    with pytest.raises(ValueError, match="must be drawn over"):
        prepared.drawn_mask(layers, (8, 8))


# Generating


def test_generate_does_as_the_model_does(model):
    images, seed = actions.generate(model, 3, text=" ball ", seed=5.0)
    wanted = model.generate(text="ball", num_images=3, seed=5)
    np.testing.assert_array_equal(images, wanted)
    assert seed == 5


def test_empty_fields_ask_for_nothing(model):
    images, _ = actions.generate(model, 2, text="", label=None, seed=1)
    wanted = model.generate(num_images=2, seed=1)
    np.testing.assert_array_equal(images, wanted)


def test_generate_takes_a_class():
    model = make_model()
    images, _ = actions.generate(model, 2, label=1, seed=1)
    wanted = model.generate(labels=1, num_images=2, seed=1)
    np.testing.assert_array_equal(images, wanted)


def test_steps_come_as_sliders_send_them(any_model):
    images, _ = actions.generate(any_model, 2, seed=1, steps=3.0)
    wanted = any_model.generate(num_images=2, seed=1, steps=3)
    np.testing.assert_array_equal(images, wanted)


def test_a_seed_that_nobody_gave_is_told(model):
    images, seed = actions.generate(model, 1, seed=None)
    again, _ = actions.generate(model, 1, seed=seed)
    np.testing.assert_array_equal(images, again)


@pytest.mark.parametrize("count", [0, 17, "2", None])
def test_number_of_images_is_bounded(model, count):
    with pytest.raises(ValueError, match="`count` must be"):
        actions.generate(model, count, seed=0)


def test_drawn_over_parts_alone_are_generated(model, image):
    layers = drawn(slice(0, 8), slice(0, 8))
    images, _ = actions.edit(model, image, "inpaint", layers, seed=0)
    assert images.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(images[:, 4:], np.array([image[4:]] * 4))
    assert (images[:, :4, :4] != image[:4, :4]).any()


def test_generated_parts_go_back_into_a_large_image(model):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), "uint8")
    layers = drawn(slice(0, 8), slice(6, 10), (16, 24))
    images, _ = actions.edit(
        model, image, "inpaint", layers, paste_back=True, count=1, seed=0
    )
    assert images.shape == (1, 40, 60, 3)
    np.testing.assert_array_equal(images[0, 20:], image[20:])


@pytest.mark.parametrize("size", [(4, 4), (4, 7), (9, 4)])
def test_extended_images_are_kept_in_the_middle(model, size):
    image = np.full((*size, 3), 77, "uint8")
    images, _ = actions.edit(
        model, image, "outpaint", border=50, count=2, seed=0
    )
    assert (images[:, 2:6, 2:6] == 77).all()


def test_what_is_not_drawn_over_has_the_models_size(model):
    # The page hides the choice, and remembers it.
    image = np.full((40, 60, 3), 77, "uint8")
    images, _ = actions.edit(
        model, image, "outpaint", paste_back=True, count=1, seed=0
    )
    assert images.shape == (1, 8, 8, 3)


def test_image_cannot_be_placed_nowhere(model, image):
    with pytest.raises(ValueError, match="`left` must be a number"):
        actions.place(model, image, left=None)


def test_every_choice_edits(model, image):
    layers = drawn(slice(0, 8), slice(0, 8))
    for choice in actions.edit_choices(model).values():
        images, _ = actions.edit(model, image, choice, layers, count=1, seed=0)
        assert images.shape == (1, 8, 8, 3), choice


def test_choices_are_what_the_model_knows(model):
    assert list(actions.edit_choices(model).values()) == [
        *("inpaint", "outpaint", "upscale/2", "upscale/4"),
        *("colorize", "restyle/map"),
    ]


def test_masks_are_offered_to_every_model():
    choices = actions.edit_choices(make_model())
    assert list(choices.values()) == ["inpaint", "outpaint"]


def test_edit_without_an_image_is_a_sentence(model):
    with pytest.raises(ValueError, match="must be chosen first"):
        actions.edit(model, None, "colorize", seed=0)


def test_composed_images_are_kept(model):
    image = np.full((16, 16, 3), 99, "uint8")
    images, _ = actions.compose(
        model, image, left=4, top=2, size=50, count=2, seed=0
    )
    assert (images[:, 2:6, 4:8] == 99).all()


def test_place_draws_the_quoted_word():
    model = make_model(image_size=(64, 64), num_classes=0, edits=("inpaint",))
    image = np.zeros((8, 8, 1), "uint8")
    plain, _ = actions.place(model, image, 2, 40, 20)
    signed, mask = actions.place(
        model, image, 2, 40, 20, glyphs=True, text='day, banner "GOAL"'
    )
    assert (signed != plain).any() and not mask[8:14, 20:40].any()


# Looking into images


def test_read_tells_tokens_and_their_surprise(model, image):
    found = actions.read(model, image, text="ball")
    tokens = np.asarray(model.tokenizer.encode(image[None])).reshape(8, 8)
    np.testing.assert_array_equal(found["tokens"], tokens)
    nats = model.score(image[None], text="ball")
    np.testing.assert_allclose(found["nats"].sum(), nats[0], rtol=1e-5)


def test_tokens_are_drawn(model, image):
    found = actions.read(model, image)
    sheet = actions.drawn_tokens(found)
    assert sheet.ndim == 3 and sheet.shape[-1] == 3
    other = {**found, "nats": found["nats"][::-1]}
    assert (actions.drawn_tokens(other) != sheet).any()
