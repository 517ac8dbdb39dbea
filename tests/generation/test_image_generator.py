"""Tests of edits of images; `test_model.py` tests the other verbs."""

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import ORDERS, make_model

import keras_igpt
from keras_igpt.generation import loop
from keras_igpt.generation.image_generator import ImageGenerator

NAMES = ("inpaint", "upscale", "denoise", "restyle/map")


def editing_model(order="raster", **kwargs):
    """An untrained model that listens to its source."""
    kwargs = {**ORDERS[order], **kwargs}
    model = make_model(image_size=(4, 8), edits=NAMES, **kwargs)
    kernel = model.source_encoder.output_projection.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


@pytest.fixture(scope="module", params=ORDERS)
def model(request):
    return editing_model(request.param)


@pytest.fixture
def images():
    generator = np.random.default_rng(1)
    return generator.integers(0, 256, (6, 4, 8, 1), dtype="uint8")


@pytest.fixture
def masks():
    masks = np.random.default_rng(2).random((6, 4, 8)) < 0.4
    masks[:2] = False
    masks[0, 1:3, 2:5] = True
    masks[1, 2, 3] = True
    return masks


@pytest.mark.backends
def test_edit_keeps_known_pixels(model, images, masks):
    generated = model.edit(images, "inpaint", masks, seed=0)
    np.testing.assert_array_equal(generated[~masks], images[~masks])
    assert (generated[masks] != images[masks]).any()


@pytest.mark.backends
def test_edited_images_repeat_with_their_seed(model, images, masks):
    one, two, other = (
        model.edit(images, "inpaint", masks, seed=seed) for seed in (0, 0, 9)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_an_edited_image_does_not_depend_on_its_batch(model, images, masks):
    together = model.edit(images, "inpaint", masks, seed=5)
    alone = model.edit(images[2:3], "inpaint", masks[2:3], seed=7)
    np.testing.assert_array_equal(together[2:3], alone)


@pytest.mark.xla
@pytest.mark.parametrize("order", ORDERS)
def test_same_edits_with_and_without_xla(order, images, masks):
    model = editing_model(order)
    with_xla, without = (
        model.edit(images, "inpaint", masks, seed=0, jit_compile=jit)
        for jit in (True, False)
    )
    np.testing.assert_array_equal(with_xla, without)


def test_full_mask_generates(model, images):
    generated = model.edit(images, "inpaint", np.ones((4, 8)), labels=1, seed=0)
    plain = model.generate(labels=1, num_images=6, seed=0)
    np.testing.assert_array_equal(generated, plain)


def test_empty_mask_leaves_images_as_they_are(model, images):
    with pytest.warns(UserWarning, match="empty"):
        generated = model.edit(images, "inpaint", np.zeros((4, 8)))
    np.testing.assert_array_equal(generated, images)


def test_only_cells_in_the_hole_are_visited(images, monkeypatch):
    model = editing_model()
    visited = []
    decode = loop.Decoder.__call__

    def spy(self, **asked):
        visited.append((asked["prefix"].shape[1], asked["last"]))
        return decode(self, **asked)

    monkeypatch.setattr(loop.Decoder, "__call__", spy)
    masks = np.zeros((4, 8), bool)
    masks[1:3, 2:6] = True
    model.edit(images, "inpaint", masks, seed=0)
    assert set(visited) == {(8 + 2, 2 * 8 + 6)}


@pytest.mark.backends
def test_upscaled_images_shrink_to_those_given(model, images):
    small = images[:, :2, :4]
    generated = model.edit(small, "upscale", seed=0).astype(int)
    means = generated.reshape(6, 2, 2, 4, 2, 1).mean((2, 4))
    assert abs(means - small).max() <= 1


@pytest.mark.backends
def test_colorized_images_keep_their_luma():
    keras.utils.set_random_seed(0)
    colors = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), "uint8")
    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 8).adapt(colors)
    model = keras_igpt.ImageGPT(tokenizer, 1, 1, 16, edits=("colorize",))
    grey = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), "uint8")
    generated = model.edit(grey, "colorize", seed=0)
    assert generated.shape == (3, 4, 4, 3)
    luma = np.round(generated @ [0.299, 0.587, 0.114])[..., None]
    assert abs(luma - grey).max() <= 1


def test_restyle_takes_a_style(model, images):
    generated = model.edit(images, "restyle", style="map", seed=0)
    assert generated.shape == images.shape


def test_edits_differ(model, images):
    denoised = model.edit(images, "denoise", seed=0)
    styled = model.edit(images, "restyle", style="map", seed=0)
    assert (denoised != styled).any()


@pytest.mark.parametrize("edit", ["denoise", "restyle"])
def test_masks_may_limit_other_edits(model, images, masks, edit):
    style = "map" if edit == "restyle" else None
    generated = model.edit(images, edit, masks, style=style, seed=0)
    np.testing.assert_array_equal(generated[~masks], images[~masks])
    assert (generated[masks] != images[masks]).any()


def test_upscale_takes_no_masks(model, images, masks):
    with pytest.raises(ValueError, match="`masks` must be None"):
        model.edit(images[:, ::2, ::2], "upscale", masks[:, ::2, ::2])


def test_guidance_keeps_the_source(model, images, masks):
    generated = model.edit(
        images, "inpaint", masks, labels=1, guidance_scale=2.0, seed=0
    )
    np.testing.assert_array_equal(generated[~masks], images[~masks])


def test_images_of_any_size_are_resized(model):
    large = np.random.default_rng(0).integers(0, 256, (2, 30, 50, 1), "uint8")
    mask = np.zeros((30, 50), bool)
    mask[10:20, 20:30] = True
    generated = model.edit(large, "inpaint", mask, seed=0)
    assert generated.shape == (2, 4, 8, 1)


@pytest.mark.backends
def test_generated_part_is_pasted_back(model):
    large = np.random.default_rng(0).integers(0, 256, (2, 30, 50, 1), "uint8")
    mask = np.zeros((30, 50), bool)
    mask[10:20, 20:30] = True
    generated = model.edit(large, "inpaint", mask, seed=0, paste_back=True)
    np.testing.assert_array_equal(generated[:, ~mask], large[:, ~mask])
    assert (generated[:, mask] != large[:, mask]).any()


def test_images_of_several_sizes_are_edited_at_once(model):
    generator = np.random.default_rng(3)
    given = [
        generator.integers(0, 256, (*size, 1), "uint8")
        for size in ((8, 16), (12, 24), (4, 8))
    ]
    masks = [np.zeros(image.shape[:2], bool) for image in given]
    for mask in masks:
        mask[1:4, 2:6] = True
    found = model.edit(given, "inpaint", masks, seed=0)
    assert found.shape == (3, 4, 8, 1)
    for i, (image, mask) in enumerate(zip(given, masks)):
        alone = model.edit(image, "inpaint", mask, seed=i)
        np.testing.assert_array_equal(found[i], alone[0])


def test_images_of_several_sizes_are_pasted_back(model):
    given = [np.full(size, 99, "uint8") for size in ((8, 16, 1), (12, 24, 1))]
    masks = [np.ones(image.shape[:2], bool) for image in given]
    masks[0][:4] = False
    pasted = model.edit(given, "inpaint", masks, paste_back=True, seed=0)
    assert [image.shape for image in pasted] == [x.shape for x in given]
    assert (pasted[0][:4] == 99).all() and (pasted[0][4:] != 99).any()


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.ones((4, 8), bool), "2 images and one mask"),
        ([np.ones((4, 8), bool)], "2 images and 1 masks"),
    ],
)
def test_images_of_several_sizes_have_a_mask_each(model, masks, message):
    given = [np.zeros((4, 8, 1), "uint8"), np.zeros((8, 16, 1), "uint8")]
    with pytest.raises(ValueError, match=message):
        model.edit(given, "inpaint", masks)


def test_sizes_that_say_how_much_to_enlarge_must_agree(model):
    given = [np.zeros((2, 4, 1), "uint8"), np.zeros((1, 2, 1), "uint8")]
    with pytest.raises(ValueError, match="one size"):
        model.edit(given, "upscale")


def test_files_and_masks_of_files_are_edited(model, images, masks, tmp_path):
    Image.fromarray(images[0, ..., 0]).save(tmp_path / "image.png")
    Image.fromarray(masks[0]).save(tmp_path / "mask.png")
    names = (tmp_path / "image.png", "inpaint", tmp_path / "mask.png")
    np.testing.assert_array_equal(
        model.edit(*names, seed=0),
        model.edit(images[0], "inpaint", masks[0], seed=0),
    )


def test_files_of_any_size_are_completed_and_scored(either_model, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 60), "uint8")
    Image.fromarray(image).save(tmp_path / "image.png")
    size = either_model.tokenizer.image_size
    fitted = keras_igpt.data.read_image(tmp_path / "image.png", size, 1)
    for verb in (
        lambda given: either_model.complete(given, 2, seed=0),
        either_model.score,
        either_model.features,
    ):
        found = verb(Image.open(tmp_path / "image.png"))
        np.testing.assert_array_equal(found, verb(fitted[None]))


@pytest.mark.parametrize("verb", ["generate", "complete", "edit"])
def test_output_may_be_pil_images(model, images, masks, verb):
    arguments = {
        "generate": (),
        "complete": (images, 2),
        "edit": (images, "inpaint", masks),
    }[verb]
    arrays = getattr(model, verb)(*arguments, seed=0)
    found = getattr(model, verb)(*arguments, seed=0, output="pil")
    assert all(isinstance(image, Image.Image) for image in found)
    np.testing.assert_array_equal([np.array(x) for x in found], arrays[..., 0])


def test_other_outputs_are_refused(model):
    with pytest.raises(ValueError, match="`output` must be"):
        model.generate(output="jpeg")


def test_nothing_is_pasted_back_without_masks(model, images):
    with pytest.raises(ValueError, match="`paste_back` must be False"):
        model.edit(images, "denoise", paste_back=True)


def test_a_single_image_makes_a_batch_of_one(model, images, masks):
    assert model.edit(images[0], "inpaint", masks[0]).shape == (1, 4, 8, 1)


def test_edit_that_was_not_learned_is_an_error(model, tiny_model, images):
    with pytest.raises(ValueError, match="inpaint, upscale, denoise"):
        model.edit(images, "colorize")
    with pytest.raises(ValueError, match="it knows none"):
        tiny_model.edit(images, "upscale")


def test_inpainting_need_not_be_learned(either_model, tiny_images):
    masks = np.zeros((4, 4), bool)
    masks[:2, 1:] = True
    levels = either_model.tokenizer.decode_all(
        either_model.tokenizer.encode_all(tiny_images)
    )
    found = either_model.edit(levels, "outpaint", masks, seed=0)
    np.testing.assert_array_equal(found[:, ~masks], levels[:, ~masks])
    assert np.any(found != levels)


# Training and saving


@pytest.mark.backends
def test_prepare_draws_new_edits_every_epoch(model, images):
    data = {"image": images, "source": images, "style": ["map"] * 6}
    batches = model.prepare((data | {"label": np.zeros(6, int)}), 6)
    first = batches[0][0]["source"]
    batches.on_epoch_end()
    second = batches[0][0]["source"]
    assert first.shape == (6, 4, 8, 2) and (first != second).any()


@pytest.mark.xla
def test_inpainting_honours_what_is_below_and_right():
    """Of images of one shade the upper half or the left one is hidden."""
    model = make_model(
        image_size=(2, 2), num_classes=0, edits=("inpaint",), num_colors=5
    )
    shade = np.linspace(0, 255, 5).astype("uint8")
    model.tokenizer.adapt(shade[:, None, None, None].repeat(2, 1).repeat(2, 2))
    images = np.repeat(shade, 40)[:, None, None, None]
    images = images.repeat(2, axis=1).repeat(2, axis=2)
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(model.prepare(images, 40, edit_share=1), epochs=40, verbose=0)
    for masks in ([[1, 1], [0, 0]], [[1, 0], [1, 0]]):
        generated = model.edit(images[::40], "inpaint", masks, temperature=0.0)
        assert abs(generated.astype(int) - images[::40]).max() < 32


def test_model_with_edits_saves_whole(model, images, masks, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.edit(images, "inpaint", masks, seed=0),
        model.edit(images, "inpaint", masks, seed=0),
    )


def test_score_needs_no_source(model, images):
    assert model.score(images, labels=[0] * 6).shape == (6,)


# Scores of cells


@pytest.mark.backends
def test_cells_add_up_to_the_image(either_model, tiny_images):
    cells = either_model.score(tiny_images, labels=1, per_cell=True)
    assert cells.shape == (8, 4, 4) and cells.dtype == np.float32
    np.testing.assert_allclose(
        cells.sum((1, 2)), either_model.score(tiny_images, labels=1), rtol=1e-6
    )


def test_cells_before_a_change_keep_their_score(tiny_model, tiny_images):
    changed = tiny_images.copy()
    changed[:, 2, 1] ^= 255
    before, after = (
        tiny_model.score(images, per_cell=True).reshape(8, 16)
        for images in (tiny_images, changed)
    )
    np.testing.assert_allclose(before[:, :9], after[:, :9], rtol=1e-5)
    assert (before[:, 9:] != after[:, 9:]).any()


def test_score_of_a_cell_is_that_of_its_token(tiny_unconditional, tiny_images):
    model = tiny_unconditional
    tokens = np.asarray(model.tokenizer.encode(tiny_images))
    probabilities = np.asarray(
        keras.ops.softmax(model({"tokens": tokens}), axis=-1)
    )
    wanted = np.take_along_axis(probabilities, tokens[..., None], -1)[..., 0]
    cells = model.score(tiny_images, per_cell=True).reshape(8, 16)
    np.testing.assert_allclose(np.exp(-cells), wanted, rtol=1e-4)


@pytest.mark.backends
def test_misspelt_sampler_is_named_with_those_that_are(tiny_model):
    with pytest.raises(ValueError, match="top_k.*Received: sampler='topk'"):
        tiny_model.generate(sampler="topk")


def test_other_objects_are_no_samplers(tiny_model):
    with pytest.raises(ValueError, match="`sampler` must be"):
        tiny_model.generate(sampler=5)


@pytest.mark.parametrize("per_cell, shape", [(False, (0,)), (True, (0, 4, 4))])
def test_no_images_have_no_scores(either_model, per_cell, shape):
    none = np.zeros((0, 4, 4, 1), "uint8")
    assert either_model.score(none, per_cell=per_cell).shape == shape


def test_more_images_than_memory_are_refused(tiny_model):
    with pytest.raises(ValueError, match="`num_images` must be .* at most"):
        tiny_model.generate(num_images=10**11)


@pytest.mark.parametrize("name", ["float64", "bfloat16"])
def test_images_do_not_depend_on_the_processes_floats(tiny_model, name):
    expected = tiny_model.generate(seed=0, top_k=3, jit_compile=False)
    generator = ImageGenerator(tiny_model)
    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        given = generator.generate(seed=0, top_k=3, jit_compile=False)
    finally:
        keras.config.set_floatx(before)
    np.testing.assert_array_equal(given, expected)
