"""Tests of the commands `evaluate`, `evaluate-edits` and `probe`."""

import re
import sys

import keras
import numpy as np
import pytest
from small_models import invoke, make_model, save_picture

import keras_igpt
from keras_igpt.evaluation import restoration
from keras_igpt.images.files import read_parameters


def test_evaluate_refuses_other_classes(class_run, tmp_path):
    for name in ("ball", "player"):
        save_picture(tmp_path / name / "0.png", (9, 9, 9), (4, 4))
    with pytest.raises(ValueError, match=r"\(ball, goal\).*ball, player"):
        invoke(
            *("evaluate", "--model", class_run),
            *("--data", tmp_path, "--split", "all"),
        )


@pytest.mark.slow
def test_evaluate_reports_on_a_split(class_run, class_folder):
    shown = invoke(
        *("evaluate", "--model", class_run),
        *("--data", class_folder, "--split", "all"),
    ).output
    bits = re.search(r"│ bits per pixel +│ ([\d.]+)", shown)
    assert float(bits[1]) > 0
    share = re.search(r"generated and recognised as asked +│ ([\d.]+)%", shown)
    assert 0 <= float(share[1]) <= 100


# === Sets of images ===


@pytest.mark.slow
def test_metrics_compare_sets_and_keep_what_was_generated(
    class_run, class_folder, tmp_path
):
    network = tmp_path / "network.keras"
    keras.Sequential(
        [
            keras.Input(keras_igpt.load(class_run).tokenizer.image_shape),
            keras.layers.GlobalAveragePooling2D(),
        ]
    ).save(network)
    command = [
        *("evaluate", "--model", class_run, "--data", class_folder),
        *("--split", "all", "--metrics", "fid,kid", "--n", 8),
        *("--features", network, "--npz", tmp_path / "made.npz"),
    ]
    first = invoke(*command, "--temperature", 0.5).output
    assert re.search(r"Fréchet distance +│ [\d.]+ +│", first)
    with np.load(tmp_path / "made.npz") as made:
        assert len(made["arr_0"]) == 8
    assert invoke(*command, "--temperature", 0.5).output == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metrics", "fid,is"), "some of fid"),
        (("--npz", "a.npz"), "must come with `--metrics`"),
        (("--metrics", "fid", "--npz", "a.zip"), r"\.npz"),
        (("--metrics", "fid", "--n", 0), "--n"),
        (
            ("--metrics", "fid", "--features", "vgg"),
            "classifier, judge, inception or a .keras file",
        ),
        (
            (
                *("--metrics", "fid", "--features", "inception"),
                *("--save-features", "a.keras"),
            ),
            "the same for all",
        ),
    ],
)
def test_metrics_that_cannot_be_are_refused(
    class_run, class_folder, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        invoke(
            *("evaluate", "--model", class_run, "--data", class_folder),
            *("--split", "all", *options),
        )


# === Edits ===


@pytest.fixture
def edits_model(tmp_path):
    path = tmp_path / "model.keras"
    edits = ("inpaint", "upscale", "denoise", "restyle/map")
    make_model(image_size=(8, 8), edits=edits, num_classes=0).save(path)
    return path


def test_evaluate_edits_writes_a_sheet(edits_model, tmp_path, monkeypatch):
    pytest.importorskip("cv2")
    for i in range(40):
        save_picture(tmp_path / "p" / f"{i}.png", (i, 2 * i, 99), (8, 8))
    out, tables = tmp_path / "sheet.png", []
    table = restoration.table
    monkeypatch.setattr(
        restoration, "table", lambda found: tables.append(table(found)) or ""
    )
    invoke(
        *("evaluate-edits", "--model", edits_model, "--data", tmp_path / "p"),
        *("--n", 4, "--split", "train", "--out", out),
    )
    # Five methods for each of two holes, five for upscale, five for denoise.
    assert tables[0].row_count == 24
    assert read_parameters(out)["seed"] == 0


@pytest.mark.parametrize("network", ["classifier", "judge"])
def test_features_are_those_that_are_named(edits_model, monkeypatch, network):
    from keras_igpt.evaluation.football.judge import Judge

    seen = []
    judge = type("Judge", (), {"features": "the judge's"})
    monkeypatch.setattr(Judge, "train", lambda seed: judge)
    monkeypatch.setattr(
        restoration, "report", lambda model, *args: seen.append(args)
    )
    monkeypatch.setattr(restoration, "table", lambda found: "")
    invoke(
        *("evaluate-edits", "--model", edits_model, "--data", "football"),
        *("--n", 5, "--seed", 2, "--features", network, "--best-of", 3),
    )
    features = {"classifier": None, "judge": "the judge's"}[network]
    assert seen == [("football", "test", 5, 2, features, 3)]


# === Probes ===


@pytest.mark.parametrize(
    "layer, layers",
    [("all", [0, 1, 2, 3, 4]), ("middle", [2]), ("0,3", [0, 3])],
)
@pytest.mark.slow
def test_probe_draws_the_layers_that_are_asked_for(
    class_run, class_folder, tmp_path, layer, layers
):
    shown = invoke(
        *("probe", "--model", class_run, "--data", class_folder),
        *("--layer", layer, "--split", "train"),
        *("--out", tmp_path / "probe.png"),
    ).output
    found = re.findall(r"^layer (\d)", shown, re.MULTILINE)
    assert [int(number) for number in found] == layers
    assert shown.splitlines()[-1].startswith("Best layer by validation")
    assert (tmp_path / "probe.png").exists()


@pytest.mark.parametrize("layer", ["5", "-1", "last", ""])
def test_bad_layers_are_named(class_run, class_folder, layer):
    with pytest.raises(ValueError, match="`--layer` must be all, middle"):
        invoke(
            *("probe", "--model", class_run, "--data", class_folder),
            *("--layer", layer),
        )


@pytest.mark.parametrize("missing", ["cv2", "scipy.linalg"])
def test_missing_packages_are_told_before_the_model_is_read(
    missing, monkeypatch
):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"keras_igpt\[evaluation\]"):
        invoke("evaluate-edits", "--model", "none.keras", "--data", "digits")
