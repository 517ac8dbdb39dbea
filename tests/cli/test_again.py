"""Tests of the commands `grid`, `show` and `again`."""

import shlex

import numpy as np
import pytest
from PIL import Image
from small_models import invoke, make_model, save_picture

from keras_igpt.cli import again
from keras_igpt.images.files import read_parameters, save_png


@pytest.fixture(scope="module")
def model(tmp_path_factory, smallest):
    path = tmp_path_factory.mktemp("again") / "model.keras"
    make_model(
        image_size=(8, 8), text_length=8, edits=("inpaint", "denoise")
    ).save(path)
    return path


@pytest.fixture
def photo(tmp_path):
    return save_picture(tmp_path / "photo.png", (9, 99, 199), (12, 12))


COMMANDS = {
    "generate": "generate --label 1 --label 2 --text a --text=-b --n 2 "
    "--guidance 2 --temperature 0.7 --top-k 3 --negative-text c --best-of 2",
    "complete": "complete PHOTO --keep-rows 3 --n 2 --top-p 0.9",
    "inpaint": "edit PHOTO --edit inpaint --mask 2,2,6,6 --n 2 --paste-back",
    "outpaint": "edit PHOTO --edit outpaint --expand 0,4,0,0 --n 1",
    "denoise": "edit PHOTO --edit denoise --text x --n 1",
    "grid": "grid --rows label --columns guidance=1,3 --label 1 --label 2",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_file_is_made_again(command, model, photo, tmp_path):
    words = COMMANDS[command].replace("PHOTO", str(photo)).split()
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    invoke(*words, "--model", model, "--out", first)
    invoke("again", first, "--out", second)
    assert first.read_bytes() == second.read_bytes()


def test_one_of_a_folder_is_made_again(model, tmp_path):
    words = "generate --label 1 --text a --text b --n 2".split()
    invoke(*words, "--model", model, "--out", tmp_path / "folder")
    invoke("again", tmp_path / "folder" / "0002.png")
    made = tmp_path / "folder" / "0002-again.png"
    assert made.read_bytes() == (tmp_path / "folder/0002.png").read_bytes()
    with Image.open(made) as image:
        assert image.size == (8, 8)


def test_show_prints_a_command_that_can_be_run(model, tmp_path):
    out = tmp_path / "a b.png"
    words = ["--text", "it's", "--seed", "4", "--n", "1", "--model", str(model)]
    invoke("generate", *words, "--out", out)
    shown = shlex.split(invoke("show", out).output)
    assert shown[:2] == ["keras-igpt", "generate"]
    assert {"--text=it's", "--seed=4", f"--model={model}"} <= set(shown)


def test_files_that_do_not_name_their_command_are_known(tmp_path):
    old = {"model": "m.keras", "file": "a.png", "keep_rows": 4, "seed": 1}
    save_png(tmp_path / "old.png", np.zeros((4, 4, 1), "uint8"), old)
    words = again._words(tmp_path / "old.png")
    assert words == ["complete", "--model=m.keras", "a.png"] + [
        "--keep-rows=4",
        "--seed=1",
    ]


def test_a_file_adds_no_options_of_its_own(tmp_path):
    asked = {"model": "m", "out": "/etc/passwd", "rubbish": 1, "n": 2}
    save_png(tmp_path / "a.png", np.zeros((4, 4, 1), "uint8"), asked)
    assert again._words(tmp_path / "a.png") == [
        "generate",
        "--model=m",
        "--n=2",
    ]


def test_other_images_are_refused(photo):
    with pytest.raises(ValueError, match="does not say how it was made"):
        invoke("show", photo)


def test_a_grid_compares_models(model, tmp_path):
    other = tmp_path / "other.keras"
    make_model(image_size=(8, 8), text_length=8).save(other)
    out = tmp_path / "grid.png"
    words = "grid --rows model --columns seed=0,1 --label 1".split()
    invoke(*words, "--model", model, "--model", other, "--out", out)
    assert read_parameters(out)["model"] == [str(model), str(other)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--rows text --columns seed=0", "`--rows` must be one of"),
        ("--rows seed=a --columns label --label 1", "Received: --rows seed=a"),
        ("--rows size=3 --columns seed=0", "Received: --rows size=3"),
        (
            "--rows seed=0 --columns guidance=2 --label 1 --label 2",
            "`--label` must be given once",
        ),
        ("--rows seed=0 --columns seed=1", "must differ"),
    ],
)
def test_axes_are_checked(model, tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        invoke(
            *("grid", *words.split(), "--model", model),
            *("--out", tmp_path / "grid.png"),
        )
