"""Tests of the commands `generate` and `complete`."""

import numpy as np
import pytest
from PIL import Image
from small_models import invoke

from keras_igpt import ImageGPT, ImageGPTClassifier, data
from keras_igpt.images.files import read_parameters


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def asked(monkeypatch):
    """What a model is asked for, which answers with black images."""
    seen = {}

    def answer(self, *args, **kwargs):
        seen.update(kwargs, args=args)
        return np.zeros((4, *self.tokenizer.image_shape), "uint8")

    monkeypatch.setattr(ImageGPT, "generate", answer)
    monkeypatch.setattr(ImageGPT, "complete", answer)
    return seen


SAMPLING = {
    "guidance_scale": 2.0,
    "temperature": 0.9,
    "top_k": 5,
    "top_p": 0.8,
    "seed": 7,
    "steps": 9,
    "step_schedule": "cosine",
    "guidance_schedule": "linear",
    "best_of": 4,
    "negative_text": ["night"],
}
OPTIONS = (
    "--guidance 2 --temperature 0.9 --top-k 5 --top-p 0.8 --seed 7 --steps 9 "
    "--step-schedule cosine --guidance-schedule linear --best-of 4 "
    "--negative-text night"
)


def test_generate_passes_its_options_on(asked, class_run, tmp_path):
    invoke(
        *("generate", "--model", class_run, "--out", tmp_path / "a.png"),
        *"--label goal --label 0 --text ball --n 2".split(),
        *OPTIONS.split(),
    )
    assert asked == {
        "args": (["goal", "ball"], ["ball"]),
        "num_images": 2,
        **SAMPLING,
    }


def test_complete_passes_its_options_on(
    asked, class_run, class_folder, tmp_path
):
    invoke(
        *("complete", class_folder / "ball" / "0.png", "--model", class_run),
        *"--keep-rows 3 --label goal --n 4".split(),
        *OPTIONS.split(),
        *("--out", tmp_path / "b.png"),
    )
    images, keep_rows = asked.pop("args")
    assert images.shape == (4, 4, 4, 3) and keep_rows == 3
    assert asked == {"labels": ["goal"], "text": None, **SAMPLING}


def test_options_have_defaults(asked, class_run, tmp_path):
    invoke("generate", "--model", class_run, "--out", tmp_path / "a.png")
    assert asked.pop("seed") >= 0
    assert asked == {
        "args": (None, None),
        "num_images": 16,
        "guidance_scale": 1.0,
        "temperature": 1.0,
        "top_k": None,
        "top_p": None,
    }


def test_complete_keeps_half_of_the_rows_by_default(
    asked, class_run, class_folder, tmp_path
):
    file = class_folder / "ball" / "0.png"
    out = ("--out", tmp_path / "a.png")
    invoke("complete", file, "--model", class_run, *out)
    assert asked["args"][1] == 2
    assert read_parameters(tmp_path / "a.png")["keep_rows"] == 2


def test_generate_writes_a_sheet_with_its_parameters(
    asked, class_run, tmp_path
):
    out = tmp_path / "a.png"
    result = invoke(
        *("generate", "--model", class_run, "--out", out),
        *"--label goal --label 0 --n 2 --top-k 2 --seed 3".split(),
    )
    assert "Wrote" in result.output
    # A row for each label.
    assert pixels(out).shape == (2 * 64 + 2, 2 * 64 + 2, 3)
    found = read_parameters(out)
    assert found["label"] == ["goal", "0"] and found["model"] == str(class_run)
    assert (found["seed"], found["top_k"], found["n"]) == (3, 2, 2)


def test_image_of_a_folder_can_be_generated_again(class_run, tmp_path):
    words = ("generate", "--model", class_run)
    labels = ("--label", "ball", "--label", "goal")
    invoke(*words, *labels, "--n", 2, "--out", tmp_path / "some")
    found = read_parameters(tmp_path / "some" / "0003.png")
    (label,) = found["label"]
    invoke(
        *(*words, "--label", label, "--n", found["n"]),
        *("--seed", found["seed"], "--out", tmp_path / "again"),
    )
    np.testing.assert_array_equal(
        pixels(tmp_path / "some" / "0003.png"),
        pixels(tmp_path / "again" / "0000.png"),
    )


def test_seed_that_nobody_gave_is_told(class_run, tmp_path):
    words = ("generate", "--model", class_run, "--n", 1)
    invoke(*words, "--out", tmp_path / "a.png")
    seed = read_parameters(tmp_path / "a.png")["seed"]
    invoke(*words, "--seed", seed, "--out", tmp_path / "b.png")
    np.testing.assert_array_equal(
        pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    )


def test_generate_reads_captions(caption_run, tmp_path):
    out = tmp_path / "a.png"
    invoke(
        *("generate", "--model", caption_run, "--text", "a ball"),
        *("--n", 2, "--out", out),
    )
    assert read_parameters(out)["text"] == ["a ball"]


def test_unknown_class_names_the_known_ones(class_run, tmp_path):
    with pytest.raises(ValueError, match="ball, goal.*gaol"):
        invoke("generate", "--model", class_run, "--label", "gaol")


def test_a_classifier_does_not_generate(tiny_model, tmp_path):
    path = tmp_path / "a.keras"
    ImageGPTClassifier.from_model(tiny_model, 3).save(path)
    with pytest.raises(ValueError, match="holds a ImageGPTClassifier"):
        invoke("generate", "--model", path, "--out", tmp_path / "a.png")


def test_mistakes_are_found_before_the_model_is_read(tmp_path):
    words = ("generate", "--model", tmp_path / "none.keras")
    with pytest.raises(ValueError, match="`--n` must be a positive int"):
        invoke(*words, "--n", 0)
    with pytest.raises(ValueError, match="`--out` must be a folder"):
        invoke(*words, "--out", "a.jpg")


def test_complete_keeps_the_rows_of_the_file(class_run, class_folder, tmp_path):
    file, out = class_folder / "ball" / "0.png", tmp_path / "some"
    invoke(
        *("complete", file, "--model", class_run, "--keep-rows", 2),
        *("--label", "ball", "--n", 2, "--out", out),
    )
    given = data.read_image(file, 4)
    completed = pixels(out / "0001.png")
    assert completed.shape == (4, 4, 3)
    np.testing.assert_array_equal(completed[:2], given[:2])


def test_complete_names_a_broken_image(class_run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(ValueError, match="that Pillow can read"):
        invoke("complete", tmp_path / "a.png", "--model", class_run)
