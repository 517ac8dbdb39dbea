"""Tests of the commands that paint."""

from typer.testing import CliRunner

from keras_igpt.cli import commands, edit_jobs, jobs


def invoke(*args):
    return CliRunner().invoke(commands.app, list(args))


def test_generate_passes_its_options_on(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(jobs, "generate", lambda *args: seen.extend(args))
    result = invoke(
        *"generate --model m.keras --label 3 --label 4 --text ball --n 2 "
        "--guidance 2 "
        "--temperature 0.9 --top-k 5 --top-p 0.8 --seed 7 --out a.png".split()
    )
    assert result.exit_code == 0, result.output
    assert seen[:4] == ["m.keras", ["3", "4"], ["ball"], 2]
    assert seen[4] == {
        "guidance_scale": 2.0,
        "temperature": 0.9,
        "top_k": 5,
        "top_p": 0.8,
        "seed": 7,
    }


def test_complete_passes_its_options_on(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(jobs, "complete", lambda *args: seen.extend(args))
    result = invoke(
        *"complete a.png --model m.keras --keep-rows 3 --label cat "
        "--seed 7 --out b.png".split()
    )
    assert result.exit_code == 0, result.output
    assert [str(seen[0]), *seen[1:6]] == [
        *("a.png", "m.keras", 3, ["cat"], None, 8),
    ]
    assert seen[6] == {
        "guidance_scale": 1.0,
        "temperature": 1.0,
        "top_k": None,
        "top_p": None,
        "seed": 7,
    }
    assert str(seen[7]) == "b.png"


def test_edit_passes_its_options_on(monkeypatch):
    seen = {}

    def edit(*args, **kwargs):
        seen.update(kwargs, args=args)

    monkeypatch.setattr(edit_jobs, "edit", edit)
    result = invoke(
        *"edit a.png --model m.keras --edit outpaint --expand 1,2,3,4 "
        "--mask 5,6,7,8 --text ball --n 2 --seed 7 --out b.png".split()
    )
    assert result.exit_code == 0, result.output
    assert seen["args"][1:4] == ("m.keras", "outpaint", 2)
    assert seen["expand"] == (1, 2, 3, 4) and seen["mask"] == (5, 6, 7, 8)


def test_edit_takes_a_file_as_mask(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        edit_jobs, "edit", lambda *args, **kwargs: seen.update(kwargs)
    )
    invoke(*"edit a.png --model m --edit inpaint --mask hole.png".split())
    assert seen["mask"] == "hole.png"


def test_edit_names_numbers_that_are_none():
    result = invoke(*"edit a.png --model m --edit compose --at 1".split())
    assert "`--at` must be 2 whole numbers" in str(result.exception)
