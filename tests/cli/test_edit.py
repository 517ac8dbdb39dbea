"""Tests of the command `edit`."""

import numpy as np
import pytest
from PIL import Image
from small_models import invoke, make_model

from keras_igpt import ImageGPT, data
from keras_igpt.images import arrays, lettering
from keras_igpt.images.files import read_parameters


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    edits = ("inpaint", "upscale", "denoise", "restyle/map")
    make_model(image_size=(8, 8), edits=edits, num_classes=0).save(path)
    return path


@pytest.fixture
def photo(tmp_path):
    """A JPEG of an odd size, such as a user has."""
    pixels = np.random.default_rng(0).integers(0, 256, (41, 67, 3), "uint8")
    path = tmp_path / "photo.jpg"
    Image.fromarray(pixels).save(path)
    return path


def run(photo, model, name, tmp_path, **options):
    """Two results of the command; True stands for an option alone."""
    words = ["edit", photo, "--model", model, "--edit", name]
    words += ["--n", 2, "--seed", 3, "--out", tmp_path / "out"]
    for option, value in options.items():
        words.append(f"--{option.replace('_', '-')}")
        words += [] if value is True else [value]
    invoke(*words)
    return [
        np.asarray(Image.open(tmp_path / "out" / f"{i:04d}.png"))
        for i in range(2)
    ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("inpaint", {"mask": "20,10,40,30"}),
        ("replace", {"mask": "20,10,40,30"}),
        ("outpaint", {"expand": "0,0,20,0"}),
        ("compose", {"at": "2,3", "scale": 0.1}),
        ("upscale", {}),
        ("upscale", {"factor": 2}),
        ("denoise", {}),
        ("restyle", {"style": "map"}),
    ],
)
def test_every_edit_takes_a_photo(photo, model, name, options, tmp_path):
    images = run(photo, model, name, tmp_path, **options)
    assert all(image.shape == (8, 8) for image in images)


def test_results_differ_by_seed(photo, model, tmp_path):
    one, two = run(photo, model, "denoise", tmp_path)
    assert (one != two).any()


def test_file_is_a_mask(photo, model, tmp_path):
    mask = np.zeros((41, 67), "uint8")
    mask[:, :40] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    image, _ = run(
        photo,
        model,
        "inpaint",
        tmp_path,
        mask=tmp_path / "mask.png",
        paste_back=True,
    )
    grey = np.asarray(Image.open(photo).convert("L")).astype(int)
    assert abs(image[:, 40:] - grey[:, 40:]).max() <= 1
    assert (image[:, 20:40] != grey[:, 20:40]).any()


def test_transparent_parts_are_a_mask(model, tmp_path):
    pixels = np.full((8, 8, 4), 200, "uint8")
    pixels[2:4, 2:4, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image, _ = run(tmp_path / "a.png", model, "inpaint", tmp_path)
    assert (image[4:] == image[7, 7]).all()


def test_file_says_how_it_was_made(photo, model, tmp_path):
    run(photo, model, "outpaint", tmp_path, expand="1,2,3,4")
    parameters = read_parameters(tmp_path / "out" / "0001.png")
    assert parameters["edit"] == "outpaint" and parameters["seed"] == 4


@pytest.fixture(scope="module")
def larger_model(tmp_path_factory):
    """A model of images on which a short word finds room."""
    path = tmp_path_factory.mktemp("model") / "larger.keras"
    make_model(
        image_size=(64, 64),
        num_layers=1,
        edits=("inpaint",),
        text_length=20,
        num_classes=0,
    ).save(path)
    return path


def test_compose_draws_a_word_itself(photo, larger_model, tmp_path):
    image, _ = run(
        photo,
        larger_model,
        "compose",
        tmp_path,
        at="0,30",
        scale=0.5,
        text='sign "GO"',
        glyphs=True,
    )
    sign = lettering.sign("GO") @ [0.299, 0.587, 0.114]
    rows, columns = sign.shape
    left = (64 - columns) // 2
    drawn = image[6 : 6 + rows, left : left + columns]
    assert abs(drawn - sign).max() <= 1


def test_expanded_photo_shows_the_whole_border(photo, model, tmp_path):
    # The model sees 41 of 87 columns: those around the new 20.
    image, _ = run(photo, model, "outpaint", tmp_path, expand="0,0,20,0")
    seen = data.read_image(photo, (41, 67), 1)[:, 46:]
    shown = arrays.resize(np.pad(seen, ((0, 0), (0, 20), (0, 0))), (8, 8))
    np.testing.assert_array_equal(image[:, :4], shown[:, :4, 0])


def test_border_beyond_what_is_seen_is_not_pasted(photo, model, tmp_path):
    with pytest.raises(ValueError, match="does not see the whole border"):
        run(
            photo,
            model,
            "outpaint",
            tmp_path,
            expand="9,0,9,0",
            paste_back=True,
        )


def test_damaged_image_is_named(model, tmp_path):
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(ValueError, match="The file must be an image.*a.jpg"):
        run(tmp_path / "a.jpg", model, "denoise", tmp_path)


def test_edit_passes_its_options_on(photo, model, tmp_path, monkeypatch):
    seen = {}

    def edit(self, images, *args, **kwargs):
        seen.update(kwargs, args=args)
        return np.zeros((2, 8, 8, 1), "uint8")

    monkeypatch.setattr(ImageGPT, "edit", edit)
    run(
        *(photo, model, "restyle", tmp_path),
        **{"style": "map", "guidance": 2, "temperature": 0.9, "top_k": 5},
        **{"top_p": 0.8, "text": "ball", "label": 1, "paste_back": True},
    )
    assert seen == {
        "args": ("restyle", None),
        "style": "map",
        "labels": [1],
        "text": ["ball"],
        "paste_back": True,
        "guidance_scale": 2.0,
        "temperature": 0.9,
        "top_k": 5,
        "top_p": 0.8,
        "seed": 3,
    }


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("inpaint", {"mask": "20,10,40,30"}),
        ("compose", {"at": "2,3", "scale": 0.1}),
    ],
)
def test_steps_are_passed_on(
    photo, model, name, options, tmp_path, monkeypatch
):
    seen = {}

    def edit(self, images, *args, **kwargs):
        seen.update(kwargs)
        return np.zeros((2, 8, 8, 1), "uint8")

    monkeypatch.setattr(ImageGPT, "edit", edit)
    run(
        *(photo, model, name, tmp_path),
        **{"steps": 5, "step_schedule": "cosine", **options},
        guidance_schedule="linear",
    )
    assert seen["steps"] == 5 and seen["step_schedule"] == "cosine"
    assert seen["guidance_schedule"] == "linear"


def test_steps_are_named_where_cells_are_walked(photo, model, tmp_path):
    with pytest.raises(ValueError, match="`steps` must be None.*'raster'"):
        run(photo, model, "denoise", tmp_path, steps=5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("denoise", {"glyphs": True}, "`--glyphs` must be left out"),
        ("compose", {"at": "2,3", "glyphs": True}, "one word between"),
        ("inpaint", {}, "`--mask` must say where"),
        ("inpaint", {"mask": "90,0,99,9"}, "a box within the image"),
        ("outpaint", {}, "`--expand` must be given"),
        (
            "outpaint",
            {"expand": "1,1,1,1", "mask": "0,0,9,9"},
            "`--mask` must be left out",
        ),
        ("outpaint", {"expand": "0,0,0,0"}, "one of them above 0"),
        ("denoise", {"expand": "1,1,1,1"}, "`--expand` must be left out"),
        ("compose", {}, "`--at` must be given"),
        ("compose", {"at": "1"}, "`--at` must be 2 whole numbers"),
        ("compose", {"at": "99,0"}, "must lie on the canvas"),
        ("compose", {"at": "0,0", "scale": 0}, "`--scale` must be above"),
        ("compose", {"at": "0,0", "mask": "0,0,9,9"}, "`--mask` must be"),
        ("upscale", {"factor": 3}, "`--factor` must be one of"),
        ("restyle", {"style": "kit"}, "restyle/map"),
        ("paint", {}, "one that the model has learned"),
    ],
)
def test_misuse_is_named(photo, model, name, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(photo, model, name, tmp_path, **options)
    assert not (tmp_path / "out").exists()
