"""Tests of benchmarks that are commands of their own."""

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import backends, documents, football, streaming
from keras_igpt import ImageGPT, VQTokenizer, data
from keras_igpt.data.football import scenes
from keras_igpt.evaluation.football import judge, report


def invoke(*words):
    words = [str(word) for word in words]
    return CliRunner().invoke(football.app, words, catch_exceptions=False)


@pytest.fixture
def asked(tiny_model, tmp_path, monkeypatch):
    """What the reports are asked for, which are not made."""
    seen = {}

    def note(model, **kwargs):
        seen.update(kwargs)

    monkeypatch.setattr(report, "report", note)
    monkeypatch.setattr(report, "conversions", note)
    monkeypatch.setattr(report, "table", lambda found: "")
    monkeypatch.setattr(report, "conversion_table", lambda found: "")
    monkeypatch.chdir(tmp_path)
    tiny_model.save("m.keras")
    return seen


def test_judge_compares_without_and_with_guidance(asked):
    invoke("judge", "--model", "m.keras", "--n", 5)
    assert asked.pop("guidance_scales") == (1.0, 3.0)
    assert asked == {"split": "test", "count": 5, "seed": 0}


def test_judge_takes_several_scales(asked):
    invoke("judge", "--model", "m.keras", "--guidance", 2, "--guidance", 4)
    assert asked["guidance_scales"] == (2.0, 4.0)


def test_judge_conversions_takes_a_number(asked):
    invoke("judge-conversions", "--model", "m.keras", "--n", 5)
    assert asked == {"split": "test", "count": 5, "seed": 0}


def test_backends_are_measured_in_all_their_cases():
    assert [case["title"] for case in backends.chosen(False)] == list(
        backends.CASES
    )


def test_row_of_a_backend_is_beside_tensorflow():
    runs = {"keras_igpt": [2.0, 4.0, 3.0], "on JAX": [1.5, 1.0, 2.0]}
    case = {"tokens": 300, "results": {}}
    for system, seconds in runs.items():
        run = {"first_seconds": 9.0, "seconds": seconds}
        found = {"runs": {"run": run}, "peak_bytes": 2**30}
        case["results"][system] = found
    assert backends.row(case, "on JAX") == [
        "JAX",
        "200",
        "2.00",
        "9.0 s",
        "1.00",
    ]


def measured(precision, **seconds):
    """A case of `fit`, of which each system took so long, three times."""
    names = {"ours": "keras_igpt", "theirs": "Hugging Face"}
    results = {}
    for name, each in seconds.items():
        run = {"first_seconds": 9.0, "seconds": [each] * 3}
        found = {"runs": {"run": run}, "peak_bytes": 2**30}
        results[names[name]] = found
    build = {"precision": precision}
    shared = {"what": "fit", "tokens": 600, "systems": list(names.values())}
    return {**shared, "build": build, "results": results}


def test_figures_take_their_place_in_a_page(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text("# Speed\n\n<!-- fit -->\nold\n<!-- /fit -->\n\nLast.\n")
    cases = [
        measured("float32", ours=2.0, theirs=3.0),
        measured("mixed_bfloat16", ours=1.0, theirs=4.0),
    ]
    machine = {
        "date": "2026-01-01",
        "cores": 2,
        "processor": "X",
        "keras_igpt": "0.1.0",
        "packages": [],
    }
    results = {"cases": cases, "machine": machine, "bandwidth": {"all": 2e10}}
    assert documents.write(page, results) == ["fit"]
    text = page.read_text()
    assert "old" not in text and text.endswith("<!-- /fit -->\n\nLast.\n")
    assert "| keras_igpt | 300 | 600 | 9.0, 9.0 | 1.0, 1.0 |" in text
    assert "| keras_igpt / Hugging Face | 1.50 | 4.00 |" in text
    assert "read 20 GB/s" in text


@pytest.mark.slow
def test_judge_shows_figures_of_a_football_model(tmp_path, monkeypatch):
    train, tables = judge.Judge.train, []
    monkeypatch.setattr(
        judge.Judge, "train", lambda seed: train(steps=2, seed=seed)
    )
    table = report.table
    monkeypatch.setattr(
        report, "table", lambda found: tables.append(table(found)) or ""
    )
    images = [example["image"] for example in scenes.scenes("train", 30)]
    tokenizer = VQTokenizer((64, 64), 16, hidden_dim=8)
    tokenizer.adapt(np.stack(images), epochs=1, verbose=False)
    ImageGPT(
        tokenizer, num_layers=1, num_heads=1, hidden_dim=16, text_length=80
    ).save(tmp_path / "a.keras")
    invoke(
        *("judge", "--model", tmp_path / "a.keras", "--n", 4),
        *("--guidance", 1, "--guidance", 2),
    )
    headers = [column.header for column in tables[0].columns]
    assert {"all 1", "en 1", "all 2", "decoded", "real"} <= set(headers)


@pytest.mark.slow
def test_streaming_is_measured_in_shards_that_repeat_scenes(tmp_path):
    streaming.write(tmp_path, 1_000)
    found = streaming.measure(str(tmp_path), 1, "tiny")
    assert len(data.load(tmp_path)) == 1_000
    assert all(figure > 0 for figure in found.values())
