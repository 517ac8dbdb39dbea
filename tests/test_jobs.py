import json

import numpy as np
import pytest
from PIL import Image

from keras_igpt import jobs
from keras_igpt.sheets import read_parameters

OPTIONS = {
    "data": None,
    "size": None,
    "channels": None,
    "tokenizer": "palette",
    "colors": 4,
    "codes": 8,
    "tokenizer_minutes": 0.05,
    "labels": True,
    "captions": True,
    "edits": [],
    "init_from": None,
    "model": "tiny",
    "epochs": 1,
    "minutes": None,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "dropout": 0.0,
    "precision": "float32",
    "seed": 0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """20 coloured pictures of 6x6 pixels in 2 class folders."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for i in range(20):
        name = ("ball", "goal")[i % 2]
        (root / name).mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (6, 6, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "one"
    jobs.train({**OPTIONS, "data": str(folder), "size": 4}, out)
    return out


def sampling(**kwargs):
    return {"guidance_scale": 1.0, "seed": 0, **kwargs}


def test_train_writes_a_run(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "config.json",
        "last.keras",
        "best.keras",
        "log.csv",
        "state.json",
        "samples",
    }


def test_train_remembers_what_was_asked(run, folder):
    config = json.loads((run / "config.json").read_text())
    assert config["class_names"] == ["ball", "goal"]
    assert config["options"]["size"] == 4
    assert set(config["versions"]) >= {"keras", "tensorflow"}


def test_train_refuses_a_used_folder(run, folder):
    with pytest.raises(FileExistsError, match="Do add --resume"):
        jobs.train({**OPTIONS, "data": str(folder)}, run)


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="--resume"):
        jobs.train({**OPTIONS, "data": "digits"}, tmp_path, resume=True)


def test_resume_of_a_finished_run_does_nothing(run):
    assert jobs.train(OPTIONS, run, resume=True) is None


@pytest.mark.slow
def test_resume_goes_on_where_a_run_ended(folder, tmp_path):
    options = {**OPTIONS, "data": str(folder), "size": 4, "epochs": 2}
    jobs.train(options, tmp_path / "run")
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    steps = state["step"]
    state.update(spent=0.5, epoch=1)
    (tmp_path / "run" / "state.json").write_text(json.dumps(state))
    row = jobs.train(options, tmp_path / "run", resume=True)
    assert row["epoch"] == 2 and row["step"] == steps + steps // 2


def test_resume_goes_on_for_longer(folder, tmp_path):
    options = {**OPTIONS, "data": str(folder), "size": 4}
    jobs.train(options, tmp_path / "run")
    row = jobs.train({**options, "epochs": 3}, tmp_path / "run", resume=True)
    assert row["epoch"] == 3
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["options"]["epochs"] == 3


def test_resume_with_another_unit_is_an_error(run):
    with pytest.raises(ValueError, match="in the run's own unit"):
        jobs.train({**OPTIONS, "minutes": 3.0}, run, resume=True)


def test_generate_writes_a_sheet(run, tmp_path):
    out = jobs.generate(
        run, ["goal", "0"], None, 3, sampling(), tmp_path / "a.png"
    )
    with Image.open(out) as sheet:
        assert sheet.size == (3 * 64 + 2 * 2, 2 * 64 + 2)


def test_generate_writes_parameters(run, tmp_path):
    out = jobs.generate(
        run, ["goal"], None, 1, sampling(top_k=2), tmp_path / "a.png"
    )
    found = read_parameters(out)
    assert found["label"] == ["goal"]
    assert (found["seed"], found["top_k"]) == (0, 2)


def test_generate_into_a_folder_writes_each_picture(run, tmp_path):
    out = jobs.generate(run, None, None, 2, sampling(seed=5), tmp_path / "some")
    files = sorted(out.iterdir())
    assert [path.name for path in files] == ["0000.png", "0001.png"]
    assert [read_parameters(path)["seed"] for path in files] == [5, 6]


def test_generate_without_a_seed_writes_the_one_it_took(run, tmp_path):
    out = jobs.generate(
        run, None, None, 1, sampling(seed=None), tmp_path / "a.png"
    )
    again = jobs.generate(
        run,
        None,
        None,
        1,
        sampling(seed=read_parameters(out)["seed"]),
        tmp_path / "b.png",
    )
    with Image.open(out) as first, Image.open(again) as second:
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def test_unknown_class_names_the_known_ones(run, tmp_path):
    with pytest.raises(ValueError, match=r"ball, goal.*--label gaol"):
        jobs.generate(run, ["gaol"], None, 1, sampling(), tmp_path / "a.png")


def test_complete_keeps_the_rows_of_the_file(run, folder, tmp_path):
    from keras_igpt import data, load

    file = folder / "ball" / "0.png"
    out = jobs.complete(
        file, run, 2, ["ball"], None, 2, sampling(), tmp_path / "some"
    )
    given = data.read_image(file, 4)
    with Image.open(out / "0001.png") as picture:
        painted = np.asarray(picture)
    np.testing.assert_array_equal(painted[:2], given[:2])
    assert load(run).tokenizer.image_size == (4, 4)


def test_complete_names_a_broken_picture(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(ValueError, match="that Pillow can read"):
        jobs.complete(
            tmp_path / "a.png",
            run,
            2,
            None,
            None,
            1,
            sampling(),
            tmp_path / "o.png",
        )


@pytest.mark.slow
def test_evaluate_reports_on_a_split(run, folder):
    figures = jobs.evaluate(run, str(folder), split="all")
    assert figures["bits_per_pixel"] > 0
    assert 0 <= figures["recognised_generated"] <= 1


# === Captions and learned tokens ===


@pytest.fixture(scope="module")
def captioned(tmp_path_factory):
    """A run on 40 captioned pictures of 8x8 pixels, with a VQ tokenizer."""
    root = tmp_path_factory.mktemp("captioned")
    generator = np.random.default_rng(0)
    rows = ["file_name,text"]
    for i in range(40):
        pixels = generator.integers(0, 256, (8, 8, 3), dtype="uint8")
        Image.fromarray(pixels).save(root / f"{i}.png")
        rows.append(f"{i}.png,{('a ball', 'a tall goal')[i % 2]}")
    (root / "metadata.csv").write_text("\n".join(rows))
    out = root / "run"
    options = {**OPTIONS, "tokenizer": "vq", "data": str(root), "size": 8}
    jobs.train(options, out)
    return out


def test_train_reads_captions_as_long_as_the_longest(captioned):
    from keras_igpt import load

    model = load(captioned)
    assert model.text_length == len("a tall goal")
    assert model.num_classes == 0


def test_train_makes_the_tokenizer_that_was_asked_for(captioned):
    from keras_igpt import load

    tokenizer = load(captioned).tokenizer
    assert type(tokenizer).__name__ == "VQTokenizer"
    assert tokenizer.adapted and tokenizer.vocabulary_size == 8


def test_generate_paints_captions(captioned, tmp_path):
    out = jobs.generate(
        captioned, None, ["a ball"], 2, sampling(), tmp_path / "a.png"
    )
    assert read_parameters(out)["text"] == ["a ball"]


@pytest.mark.slow
def test_judge_shows_figures_of_a_football_model(tmp_path, monkeypatch):
    from keras_igpt import ImageGPT, VQTokenizer, football, football_judge

    train = football_judge.Judge.train
    monkeypatch.setattr(
        football_judge.Judge, "train", lambda seed: train(steps=2, seed=seed)
    )
    pictures = [e["image"] for e in football.scenes("train", 30)]
    tokenizer = VQTokenizer((64, 64), 16, hidden_dim=8)
    tokenizer.adapt(np.stack(pictures), epochs=1, verbose=False)
    model = ImageGPT(
        tokenizer, num_layers=1, num_heads=1, hidden_dim=16, text_length=80
    )
    model.save(tmp_path / "a.keras")
    table = jobs.judge(tmp_path / "a.keras", 4, (1.0, 2.0))
    headers = [column.header for column in table.columns]
    assert {"guidance 1", "guidance 2", "decoded", "real"} <= set(headers)


def test_captions_can_be_left_out(folder, tmp_path):
    from keras_igpt import load

    options = {**OPTIONS, "data": str(folder), "size": 4, "labels": False}
    jobs.train(options, tmp_path / "run")
    assert load(tmp_path / "run").num_classes == 0
