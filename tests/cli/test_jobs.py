"""Tests of what commands do with a trained model."""

import numpy as np
import pytest
from PIL import Image
from small_models import save_picture

from keras_igpt import ImageGPTClassifier
from keras_igpt.cli import jobs
from keras_igpt.images.files import read_parameters


def sampling(**kwargs):
    return {"guidance_scale": 1.0, "seed": 0, **kwargs}


def test_generate_writes_a_sheet(class_run, tmp_path):
    out = jobs.generate(
        class_run, ["goal", "0"], None, 3, sampling(), tmp_path / "a.png"
    )
    with Image.open(out) as sheet:
        assert sheet.size == (3 * 64 + 2 * 2, 2 * 64 + 2)


def test_generate_writes_parameters(class_run, tmp_path):
    out = jobs.generate(
        class_run, ["goal"], None, 1, sampling(top_k=2), tmp_path / "a.png"
    )
    found = read_parameters(out)
    assert found["label"] == ["goal"]
    assert (found["seed"], found["top_k"]) == (0, 2)


def test_generate_into_a_folder_writes_each_picture(class_run, tmp_path):
    out = jobs.generate(
        class_run, None, None, 2, sampling(seed=5), tmp_path / "some"
    )
    files = sorted(out.iterdir())
    assert [path.name for path in files] == ["0000.png", "0001.png"]
    assert [read_parameters(path)["seed"] for path in files] == [5, 6]


def test_each_picture_of_a_folder_says_what_it_shows(class_run, tmp_path):
    out = jobs.generate(
        class_run, ["goal", "0"], None, 2, sampling(), tmp_path / "some"
    )
    found = [read_parameters(path) for path in sorted(out.iterdir())]
    labels = [parameters["label"] for parameters in found]
    assert labels == [["goal"], ["goal"], ["0"], ["0"]]
    assert {parameters["n"] for parameters in found} == {1}


def test_picture_of_a_folder_can_be_painted_again(class_run, tmp_path):
    out = jobs.generate(
        class_run, ["ball", "goal"], None, 2, sampling(), tmp_path / "some"
    )
    found = read_parameters(out / "0003.png")
    again = jobs.generate(
        class_run,
        found["label"],
        None,
        found["n"],
        sampling(seed=found["seed"]),
        tmp_path / "again",
    )
    with Image.open(out / "0003.png") as a, Image.open(again / "0000.png") as b:
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("name", ["a.jpg", "a.PDF", "taken"])
def test_out_must_be_a_folder_or_png(class_run, tmp_path, name):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match="a folder, or a file that ends in"):
        jobs.generate(class_run, None, None, 1, sampling(), tmp_path / name)


def test_count_must_be_positive(class_run, tmp_path):
    with pytest.raises(ValueError, match="`--n` must be a positive int"):
        jobs.generate(class_run, None, None, 0, sampling(), tmp_path / "a")


def test_a_classifier_does_not_paint(tiny_model, tmp_path):
    path = tmp_path / "a.keras"
    ImageGPTClassifier.from_model(tiny_model, 3).save(path)
    with pytest.raises(ValueError, match="holds a ImageGPTClassifier"):
        jobs.generate(path, None, None, 1, sampling(), tmp_path / "a")


@pytest.mark.parametrize("content", ["[1]", "{}", "no JSON"])
def test_config_of_another_program_names_no_classes(
    tiny_model, tmp_path, content
):
    tiny_model.save(tmp_path / "model.keras")
    (tmp_path / "config.json").write_text(content)
    assert jobs.class_names(tmp_path) == []


def test_generate_without_a_seed_writes_the_one_it_took(class_run, tmp_path):
    out = jobs.generate(
        class_run, None, None, 1, sampling(seed=None), tmp_path / "a.png"
    )
    again = jobs.generate(
        class_run,
        None,
        None,
        1,
        sampling(seed=read_parameters(out)["seed"]),
        tmp_path / "b.png",
    )
    with Image.open(out) as first, Image.open(again) as second:
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def test_unknown_class_names_the_known_ones(class_run, tmp_path):
    with pytest.raises(ValueError, match=r"ball, goal.*--label gaol"):
        jobs.generate(
            class_run, ["gaol"], None, 1, sampling(), tmp_path / "a.png"
        )


def test_complete_keeps_the_rows_of_the_file(class_run, class_folder, tmp_path):
    from keras_igpt import data, load

    file = class_folder / "ball" / "0.png"
    out = jobs.complete(
        file, class_run, 2, ["ball"], None, 2, sampling(), tmp_path / "some"
    )
    given = data.read_image(file, 4)
    with Image.open(out / "0001.png") as picture:
        painted = np.asarray(picture)
    np.testing.assert_array_equal(painted[:2], given[:2])
    assert load(class_run).tokenizer.image_size == (4, 4)


def test_complete_names_a_broken_picture(class_run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(ValueError, match="that Pillow can read"):
        jobs.complete(
            tmp_path / "a.png",
            class_run,
            2,
            None,
            None,
            1,
            sampling(),
            tmp_path / "o.png",
        )


def test_evaluate_refuses_other_classes(class_run, tmp_path):
    for name in ("ball", "player"):
        save_picture(tmp_path / name / "0.png", (9, 9, 9), (4, 4))
    with pytest.raises(ValueError, match=r"\(ball, goal\).*ball, player"):
        jobs.evaluate(class_run, str(tmp_path), split="all")


@pytest.mark.slow
def test_evaluate_reports_on_a_split(class_run, class_folder):
    figures = jobs.evaluate(class_run, str(class_folder), split="all")
    assert figures["bits_per_pixel"] > 0
    assert 0 <= figures["recognised_generated"] <= 1


def test_generate_paints_captions(caption_run, tmp_path):
    out = jobs.generate(
        caption_run, None, ["a ball"], 2, sampling(), tmp_path / "a.png"
    )
    assert read_parameters(out)["text"] == ["a ball"]


@pytest.mark.slow
def test_judge_shows_figures_of_a_football_model(tmp_path, monkeypatch):
    from keras_igpt import ImageGPT, VQTokenizer
    from keras_igpt.data.football import scenes
    from keras_igpt.evaluation.football import judge

    train = judge.Judge.train
    monkeypatch.setattr(
        judge.Judge, "train", lambda seed: train(steps=2, seed=seed)
    )
    pictures = [e["image"] for e in scenes.scenes("train", 30)]
    tokenizer = VQTokenizer((64, 64), 16, hidden_dim=8)
    tokenizer.adapt(np.stack(pictures), epochs=1, verbose=False)
    model = ImageGPT(
        tokenizer, num_layers=1, num_heads=1, hidden_dim=16, text_length=80
    )
    model.save(tmp_path / "a.keras")
    table = jobs.judge(tmp_path / "a.keras", 4, (1.0, 2.0))
    headers = [column.header for column in table.columns]
    assert {"all 1", "en 1", "all 2", "decoded", "real"} <= set(headers)
